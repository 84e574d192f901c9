export { cardBrand } from './accounts.ts';
export { isLuhn, luhnDigit } from './checksums.ts';
export { type DataClass, dataClasses, type Finding } from './contract.ts';
export { isPlaceholder } from './credentials.ts';
export { Finder } from './finder.ts';
