export { type BackupReport, readBackup, writeBackup } from './backup.ts';
export { SqlBanStore } from './ban-store.ts';
export { StateError } from './contract.ts';
export type { FsckReport } from './fsck.ts';
export { SqlQuotaStore } from './quota-store.ts';
export { openEmptyState, openState, type State } from './state.ts';
