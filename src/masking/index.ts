export { parseFieldPath } from './field-path.ts';
export { compileMask, Mask, type MaskAction, type MaskOutcome, type MaskRule } from './mask.ts';
