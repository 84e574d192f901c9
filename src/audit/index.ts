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
export { CredentialUseLog, type UsedRecord } from './credential-uses.ts';
export {
  holdsEntry,
  isHoldActive,
  placeTrailHold,
  readTrailHolds,
  releaseTrailHold,
  type TrailHold,
} from './holds.ts';
export { leaveInInbox } from './inbox.ts';
export { type EntryFilter, type EntryProof, type NumberedEntry, TrailReader } from './reader.ts';
export { RefusalLog } from './refusals.ts';
export { type KeepMs, Pruner } from './retention.ts';
export { FileTrail, type TrailOptions } from './trail.ts';
export { type Damage, type Verification, verifyTrail } from './verifier.ts';
export { Witness, type WitnessAnswer, type WitnessOptions } from './witness.ts';
export {
  Cosigning,
  type CosigningOptions,
  cosignedNotes,
  type WitnessResult,
  type WitnessSettings,
} from './witness-client.ts';
export { serveWitness, type WitnessServer, type WitnessServerOptions } from './witness-server.ts';
