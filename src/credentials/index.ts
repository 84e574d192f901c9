export { createApiKey, hashApiKey, MAX_API_KEY_BYTES, type NewApiKey } from './api-key.ts';
export { type ApiKeyRow, type ApiKeyUpdate, type ApiKeyUse, STEP_UP_CLAIM } from './contract.ts';
export { createReplayTable, type ReplayMemory, ReplayTable, type ReplayVerdict } from './replay-table.ts';
export {
  createRevocationTable,
  RevocationKind,
  type RevocationKindName,
  type RevocationMemory,
  RevocationTable,
  RevocationWriter,
} from './revocation-table.ts';
export { type SealKey, TextSeal } from './sealed-text.ts';
