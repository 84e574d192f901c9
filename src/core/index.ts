export { type Clock, systemClock } from './clock.ts';
export { type DiagnosticId, diagnosticTable } from './diagnostic-table.ts';
export {
  closestName,
  type Diagnostic,
  Diagnostics,
  formatDiagnostic,
  type Place,
  placeAt,
  type Severity,
} from './diagnostics.ts';
export { type ErrorCode, type ErrorEntry, errorCodes, errorTable, type Fault } from './errors.ts';
export { randomHex } from './ids.ts';
export { KeyHasher } from './key-hash.ts';
export { parseByteSize, parseDuration, parseQuota, parseRate, type Quota, type Rate } from './quantities.ts';
export { Secret } from './secret.ts';
