export { Calendar, type Period, type PeriodKind } from './calendar.ts';
export {
  type ConcurrencyMemory,
  ConcurrencyTable,
  createConcurrencyTable,
  FULL,
  NO_ROOM,
} from './concurrency-table.ts';
export {
  type BucketAsk,
  type BucketReply,
  type BucketStore,
  creditOf,
  type LeaseAsk,
  type LeaseLimit,
  LeaseResult,
  leaseId,
  type QuotaPeriod,
  Verdict,
} from './lease-contract.ts';
export { LeaseDesk } from './lease-desk.ts';
export { LeaseKeeper } from './lease-keeper.ts';
export { createLeaseTable, LeaseTable, type LeaseTableMemory } from './lease-table.ts';
export {
  createLimitTable,
  type LimitParameters,
  LimitResult,
  LimitTable,
  type LimitTableMemory,
} from './limit-table.ts';
