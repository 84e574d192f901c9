export { type Change, type ChangeLevel, type ChangeRule, changeTable } from './change.ts';
export { compareContracts } from './compare.ts';
export { toMarkdown, toSarif, toText } from './report.ts';
