export {
  createLimitTable,
  type LimitParameters,
  LimitResult,
  LimitTable,
  type LimitTableMemory,
} from './limit-table.ts';
