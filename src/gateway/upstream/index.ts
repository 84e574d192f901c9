export type { MonitorSettings, UpstreamSettings } from './contract.ts';
export { Endpoint, type EndpointUpdate } from './endpoint.ts';
export { type Resolve, UpstreamMonitor } from './monitor.ts';
export { type Outcome, Upstream, type UpstreamReport } from './upstream.ts';
