export { parseFieldPath } from './field-path.ts';
export { compileMask, Mask, type MaskOutcome } from './mask.ts';
export type { ClassRule, MaskAction, MaskRule } from './rules.ts';
