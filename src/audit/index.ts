export {
  type AuditAction,
  AuditError,
  type AuditEvent,
  type AuditParty,
  type AuditReceipt,
  type AuditTrail,
  auditActions,
  MemoryTrail,
} from './contract.ts';
export { leaveInInbox } from './inbox.ts';
export { type EntryFilter, type EntryProof, type NumberedEntry, TrailReader } from './reader.ts';
export { RefusalLog } from './refusals.ts';
export { FileTrail, type TrailOptions } from './trail.ts';
export { type Damage, type Verification, verifyTrail } from './verifier.ts';
