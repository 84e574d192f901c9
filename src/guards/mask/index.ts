export type { MaskConfig, MaskFieldRule } from './contract.ts';
export { compileMaskGuard } from './mask.ts';
