export { ConnectionPool, type UpstreamProtocol } from './connection-pool.ts';
export { Front } from './front.ts';
export { type ListenerTls, RelayListener } from './listener.ts';
export { takeHead } from './request-head.ts';
export type { ListenerSnapshot, RelayContext, RelayLimits, RouteEntry, UpstreamEntry } from './route.ts';
