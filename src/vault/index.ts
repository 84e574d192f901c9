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
export { checkVault, type VaultCheck } from './fsck.ts';
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
