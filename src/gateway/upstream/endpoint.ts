// One address of an upstream, with the state that balancing needs. HOT

/** What the main thread knows of an endpoint: resolution and health. Plain data, posted to every thread. */
export interface EndpointUpdate {
  /** `host|address|port`. */
  readonly key: string;
  readonly host: string;
  /** IP address, or the path of a Unix socket. */
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly weight: number;
  readonly healthy: boolean;
}

export class Endpoint {
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly isSocketPath: boolean;
  readonly tls: boolean;
  /** Name for SNI and certificate checks. */
  readonly serverName: string;
  /** Host field of a request to this endpoint under its own name. */
  readonly hostField: string;
  /** `address:port` for logs. */
  readonly label: string;
  weight: number;
  /** Result of active health checks. */
  healthy: boolean;
  inFlight = 0;
  /** No longer part of the upstream: connections are not reused. */
  draining = false;
  /** Failures in a row. */
  failures = 0;
  /** How often it was ejected without an answer that succeeded since. */
  ejections = 0;
  /** Monotonic ms until which it is left out; 0 when it is not. */
  ejectedUntilMs = 0;
  /** Monotonic ms at which slow start began. */
  startedMs: number;
  /** Smooth weighted round robin's running value. */
  credit = 0;

  constructor(update: EndpointUpdate, nowMs: number) {
    this.key = update.key;
    this.address = update.address;
    this.port = update.port;
    this.isSocketPath = update.address.startsWith('/');
    this.tls = update.tls;
    this.serverName = update.host;
    const standard = update.tls ? 443 : 80;
    this.hostField = update.port === standard ? update.host : `${update.host}:${update.port}`;
    this.label = this.isSocketPath
      ? update.host
      : update.address.includes(':')
        ? `[${update.address}]:${update.port}`
        : `${update.address}:${update.port}`;
    this.weight = update.weight;
    this.healthy = update.healthy;
    this.startedMs = nowMs;
  }
}
