export type { LimitConfig } from './contract.ts';
export { compileLimit, type LimitContext } from './limit.ts';
