export { PolicyStore } from './access/policy-store.ts';
export { type IssuedToken, parseTtl, type Token, TokenStore } from './access/tokens.ts';
export type { Json, VaultCall, VaultReply, VaultRequest } from './api/contract.ts';
export { serveVault } from './api/http.ts';
export { type MountedEngine, type VaultParts, VaultService } from './api/service.ts';
export { Barrier, type BarrierStatus, type ClearSession, type KeyStatus } from './barrier.ts';
export {
  type AuditSink,
  type RootWrap,
  StaleKeyError,
  type StoredKey,
  type StoredRecord,
  VaultError,
  type VaultFault,
  type VaultSession,
  type VaultStore,
  type VaultUse,
} from './contract.ts';
export { DatabaseEngine } from './dynamic/database-engine.ts';
export { GateEngine, type GateKeys } from './dynamic/gate-engine.ts';
export { checkVault, type VaultCheck } from './fsck.ts';
export { rotateVaultKeys, type VaultKeyReport } from './key-rotation.ts';
export { findMount, type Mount, Mounts, type MountTable } from './mounts.ts';
export { type ReferencedValue, readReference } from './reference.ts';
export {
  givenSharesRoot,
  keyFileRoot,
  newSharesRoot,
  passphraseRoot,
  type SharesRoot,
  sealTextRoot,
  sharesInfo,
  writeKeyFile,
} from './roots/local.ts';
export { createRoot, type KmsConfig, type RootConfig } from './roots/root-config.ts';
export { type KvData, type KvMeta, KvMount, type KvRead } from './secrets/kv.ts';
export { type FoundSecret, fromKubernetes, parseEnvFile, toEnvFile, toKubernetes } from './sync/formats.ts';
export { fromVault, type VaultSource } from './sync/from-vault.ts';
export { type SealStatus, Unsealing } from './unsealing.ts';
