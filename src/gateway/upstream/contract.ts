// What balancing and monitoring need of the configuration; the configuration's own type has these members.
import type { UpstreamTls } from '../../net/tls/index.ts';
import type { AdaptiveSettings } from './adaptive-limit.ts';

export interface UpstreamSettings {
  readonly name: string;
  readonly balance: 'least-request' | 'round-robin' | 'hash';
  readonly ejection: {
    readonly consecutiveFailures: number;
    readonly baseMs: number;
    readonly maxMs: number;
  };
  readonly breaker: {
    readonly failureRatio: number;
    readonly minimumRequests: number;
    readonly windowMs: number;
    readonly openMs: number;
    readonly maxInFlight: number;
  };
  readonly retries: { readonly budget: number };
  /** Null: only `maxInFlight` bounds what is under way. */
  readonly adaptive: AdaptiveSettings | null;
  readonly slowStartMs: number;
}

export interface MonitorSettings {
  readonly name: string;
  readonly protocol: 'http1' | 'http2' | 'auto';
  readonly targets: readonly {
    readonly host: string;
    readonly port: number;
    readonly tls: boolean;
    readonly weight: number;
  }[];
  readonly health: {
    readonly path: string;
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly healthyAfter: number;
    readonly unhealthyAfter: number;
    readonly statusFrom: number;
    readonly statusTo: number;
  } | null;
  readonly resolveMs: number;
  readonly tls: UpstreamTls;
}
