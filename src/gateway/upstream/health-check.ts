// One health check: asks an endpoint in the protocol that it speaks, on a connection of its own.
import { connect } from 'node:http2';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { MonitorSettings } from './contract.ts';

interface Asked {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Whether the endpoint answers well over HTTP/2. */
export function askHttp2(
  endpoint: Asked,
  health: NonNullable<MonitorSettings['health']>,
  tls: ConnectionOptions,
): Promise<boolean> {
  return new Promise((resolve) => {
    const address = endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address;
    const session = connect(
      `${endpoint.tls ? 'https' : 'http'}://${address}:${endpoint.port}`,
      endpoint.tls ? { servername: isIP(endpoint.host) === 0 ? endpoint.host : '', ...tls } : {},
    );
    const timer = setTimeout(() => done(false), health.timeoutMs);
    let settled = false;
    const done = (good: boolean): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      session.destroy();
      resolve(good);
    };
    session.on('error', () => done(false));
    session.on('close', () => done(false));
    const stream = session.request({
      ':path': health.path,
      ':authority': endpoint.host,
      'user-agent': 'gatewright-health',
    });
    stream.on('error', () => done(false));
    stream.on('response', (headers) => {
      const status = Number(headers[':status']);
      done(status >= health.statusFrom && status <= health.statusTo);
    });
    stream.end();
  });
}
