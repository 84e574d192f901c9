export { type OverloadConfig, type Priority, priorities } from './contract.ts';
export { Pressure } from './pressure.ts';
export { compilePlanPriority, compileShed, retryAfter } from './shed.ts';
