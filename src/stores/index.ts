export { StateError } from './contract.ts';
export type { FsckReport } from './fsck.ts';
export { openState, type State } from './state.ts';
