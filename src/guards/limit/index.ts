export type { LimitConfig } from './contract.ts';
export { compileLimit, LimitIds } from './limit.ts';
