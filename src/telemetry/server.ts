// The telemetry port: metrics and health for those who run the gate. It has its own port, on loopback unless
// configured otherwise, and never speaks to API clients.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { OPENMETRICS_TYPE, PROMETHEUS_TYPE, wantsOpenMetrics } from './exposition.ts';
import type { MetricsRegistry } from './registry.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for people. */
  readonly reasons: readonly string[];
}

export interface TelemetryServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly registry: MetricsRegistry;
  readonly readiness: () => Readiness;
  /** Public keys of what the gate signs (RFC 7517), JSON text. */
  readonly keySet: () => string;
}

export interface TelemetryServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Starts the server. Rejects with the system's error when the port can not be had. */
export function startTelemetryServer(options: TelemetryServerOptions): Promise<TelemetryServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return send(response, 405, 'text/plain', 'method not allowed\n');
    }
    switch (request.url?.split('?')[0]) {
      case '/metrics':
        return sendMetrics(response, options.registry, request.headers.accept ?? '');
      case '/health/live':
        return send(response, 200, 'application/json', '{"status":"live"}\n');
      case '/health/ready': {
        const { ready, reasons } = options.readiness();
        const body = JSON.stringify({ status: ready ? 'ready' : 'not-ready', reasons });
        return send(response, ready ? 200 : 503, 'application/json', `${body}\n`);
      }
      case '/.well-known/jwks.json':
        return send(response, 200, 'application/jwk-set+json', options.keySet());
      default:
        return send(response, 404, 'text/plain', 'not found\n');
    }
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 5000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : options.port;
      resolve({ host: options.host, port, close: () => closeServer(server) });
    });
  });
}

function sendMetrics(response: ServerResponse, registry: MetricsRegistry, accept: string): void {
  const openMetrics = wantsOpenMetrics(accept);
  response.setHeader('vary', 'accept');
  send(response, 200, openMetrics ? OPENMETRICS_TYPE : PROMETHEUS_TYPE, registry.text(openMetrics));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
