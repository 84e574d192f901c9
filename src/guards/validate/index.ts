export type { ValidateConfig } from './contract.ts';
export { compileValidate } from './validate.ts';
