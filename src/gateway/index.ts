export { type EndpointUpdate, UpstreamMonitor } from './upstream/index.ts';
export {
  type IssuerKeys,
  type SnapshotMessage,
  type UpstreamEndpoints,
  type WorkerStart,
  WorkerSupervisor,
} from './workers/index.ts';
