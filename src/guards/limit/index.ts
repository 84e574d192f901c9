export type { LimitAmount, LimitConfig, LimitPer, MembershipConfig } from './contract.ts';
export { compileLimit, countsCallers, type LimitContext } from './limit.ts';
export { Membership } from './membership.ts';
