export { readChain, removedFiles } from './chain.ts';
export {
  type ChainAnchor,
  type LineClass,
  type Link,
  LogError,
  lineClasses,
  type SegmentFact,
  type SegmentSettings,
} from './contract.ts';
export { followLogs } from './follow.ts';
export { LogKeys } from './log-keys.ts';
export { type Hold, placeHold, readHolds, releaseHold } from './retention.ts';
export { type FoundLine, type LogQuery, noCounts, type SearchCounts, searchLogs } from './search.ts';
export { SegmentLog, type SegmentLogOptions } from './segment-log.ts';
export { type LogProblem, type LogReport, verifyLogs } from './verify.ts';
