export { type Consumer, Exchange, type Held, LENGTH_UNKNOWN, type TlsFacts } from './exchange.ts';
export { Answer, type Decision, type Guard, type GuardName, noHooks, Refusal } from './guard.ts';
export { type GuardHook, type GuardTiming, GuardTimings, type GuardVerdict } from './guard-timings.ts';
export type { InspectionMatch, InspectionRecord } from './inspection.ts';
export type { Operation } from './operation.ts';
export { type Journey, type Place, type RiskSign, unknownPlace } from './place.ts';
