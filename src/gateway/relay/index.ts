export { RelayListener } from './listener.ts';
export type { ListenerSnapshot, RelayContext, RelayLimits, RouteEntry, UpstreamEntry } from './route.ts';
export { ConnectionPool } from './upstream-connection.ts';
