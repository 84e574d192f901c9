export { type EndpointUpdate, UpstreamMonitor } from './upstream/index.ts';
export {
  type CredentialsStart,
  type IssuerKeys,
  type SnapshotMessage,
  type ToWorker,
  type UpstreamEndpoints,
  type WorkerStart,
  WorkerSupervisor,
} from './workers/index.ts';
