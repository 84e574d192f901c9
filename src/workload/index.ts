export type { WorkloadSource } from './contract.ts';
export { WorkloadSocket } from './socket-server.ts';
