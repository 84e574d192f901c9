// What the router's entries point at: everything a request needs once its operation is known, looked up before.
import type { Clock } from '../../core/index.ts';
import type { Operation, TlsFacts } from '../../exchange/index.ts';
import type { Geography } from '../../geography/index.ts';
import type { HardenConfig } from '../../guards/harden/index.ts';
import type { HeadLimits } from '../../http/h1/index.ts';
import type { WebSocketLimits } from '../../http/websocket/index.ts';
import type { AddressSet } from '../../net/index.ts';
import type { ClientCertificate } from '../../net/tls/index.ts';
import type { CompiledPipeline } from '../../pipeline/index.ts';
import type { WorkerTelemetry } from '../../telemetry/index.ts';
import type { Router } from '../router/index.ts';
import type { Upstream } from '../upstream/index.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { Front } from './front.ts';

/** One operation, compiled. */
export interface RouteEntry {
  readonly operation: Operation;
  readonly pipeline: CompiledPipeline;
  /** Collects the whole body before the upstream sees the request. */
  readonly buffersBody: boolean;
  readonly maxBodyBytes: number;
  /** A method of a gRPC service; null for others. */
  readonly grpc: { readonly maxMessageBytes: number } | null;
  /** Null: no WebSocket may be opened. */
  readonly websocket: WebSocketRules | null;
  /** Characters of the path that the upstream does not get. */
  readonly stripLength: number;
  readonly upstream: UpstreamEntry;
  readonly harden: HardenConfig;
}

export interface WebSocketRules extends WebSocketLimits {
  /** Origins beside the API's own whose pages may open one, in lower case. */
  readonly origins: readonly string[];
  /** permessage-deflate may be agreed, unless a guard judges messages. */
  readonly mayCompress: boolean;
}

/** An upstream with the settings the relay needs; shared by its operations. */
export interface UpstreamEntry {
  readonly name: string;
  readonly balancer: Upstream;
  readonly pool: ConnectionPool;
  /** Statuses that may be retried. */
  readonly retryStatuses: ReadonlySet<number>;
  readonly maxAttempts: number;
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** 0 for none. */
  readonly totalTimeoutMs: number;
  readonly sendsClientHost: boolean;
  /** How the service is told of the client's certificate. */
  readonly clientCertificate: 'none' | 'client-cert' | 'xfcc';
  readonly hashOn: 'none' | 'address' | 'consumer' | 'path' | 'header';
  readonly hashHeader: string;
}

export interface RelayLimits extends HeadLimits {
  readonly headTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** 0 for none. */
  readonly minBytesPerSecond: number;
  readonly maxRequestsPerConnection: number;
}

/** Who is at the other end of a connection. */
export interface Peer {
  /** Of the socket, or what a trusted PROXY header said. */
  readonly address: string;
  /** What the client showed in the TLS handshake; null when it was not asked or had none. */
  readonly certificate: ClientCertificate | null;
  /** Null: plain text. */
  readonly tls: TlsFacts | null;
}

/** What the connections of one listener need; replaced as a whole on reload. */
export interface ListenerSnapshot {
  readonly name: string;
  readonly secure: boolean;
  readonly router: Router<RouteEntry>;
  /** Answers before any operation is looked for; null where everything goes to operations. */
  readonly front: Front | null;
  readonly trustedProxies: AddressSet | null;
  /** Null: nobody asks where callers are. */
  readonly geography: Geography | null;
  readonly limits: RelayLimits;
  /** Guards' answer hooks for answers outside of any operation. */
  readonly fallback: CompiledPipeline;
}

/** One listening port of one thread; connections read `snapshot` at the start of every exchange. */
export interface RelayContext {
  snapshot: ListenerSnapshot;
  draining: boolean;
  readonly telemetry: WorkerTelemetry;
  readonly clock: Clock;
}
