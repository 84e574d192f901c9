export { takeHead } from './relay/index.ts';
export { compileRouter, RouteMatch } from './router/index.ts';
export { type EndpointUpdate, UpstreamMonitor } from './upstream/index.ts';
export {
  type CredentialsStart,
  type IssuerKeys,
  type LoginData,
  type LoginRequest,
  type LoginResult,
  type SnapshotMessage,
  type ToWorker,
  type UpstreamEndpoints,
  type WorkerStart,
  WorkerSupervisor,
} from './workers/index.ts';
