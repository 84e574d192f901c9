export { ConnectionPool, type UpstreamProtocol } from './connection-pool.ts';
export { RelayListener } from './listener.ts';
export type { ListenerSnapshot, RelayContext, RelayLimits, RouteEntry, UpstreamEntry } from './route.ts';
