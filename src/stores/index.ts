export { type BackupReport, readBackup, writeBackup } from './backup.ts';
export { StateError } from './contract.ts';
export type { FsckReport } from './fsck.ts';
export { openEmptyState, openState, type State } from './state.ts';
