export type { LoginData, LoginRequest, LoginResult } from '../../guards/authenticate/index.ts';
export type {
  CredentialsStart,
  FromWorker,
  IssuerKeys,
  SnapshotMessage,
  ToWorker,
  UpstreamEndpoints,
  WorkerStart,
} from './protocol.ts';
export { type SupervisorOptions, WorkerSupervisor } from './supervisor.ts';
