export type { LimitConfig } from './contract.ts';
export { compileLimit } from './limit.ts';
