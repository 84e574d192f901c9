// The witness over HTTP or HTTPS: POST /add-checkpoint, GET /keys. Requests prove themselves by the log's signature; what is
// bounded is how much is read, for how long, and how much work waits.
import { createServer as createPlain, type RequestListener, type Server } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { MAX_REQUEST_BYTES, type Witness, type WitnessAnswer } from './witness.ts';

const REQUEST_MS = 10_000;
const MAX_CONNECTIONS = 256;

export interface WitnessServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM of certificate and key; null for plain HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  /** Hears what could not be answered. */
  readonly onProblem: (problem: string) => void;
}

export interface WitnessServer {
  readonly url: string;
  close(): Promise<void>;
}

export async function serveWitness(witness: Witness, options: WitnessServerOptions): Promise<WitnessServer> {
  const listener: RequestListener = (request, response) => {
    const answer = ({ status, contentType, body }: WitnessAnswer): void => {
      response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' }).end(body);
    };
    const text = (status: number, body: string): void =>
      answer({ status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` });
    if (request.method === 'GET' && request.url === '/keys') return text(200, witness.keys.join('\n'));
    if (request.url !== '/add-checkpoint') return text(404, 'there is /add-checkpoint and /keys');
    if (request.method !== 'POST') return text(405, 'POST it');
    const parts: Buffer[] = [];
    let size = 0;
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= MAX_REQUEST_BYTES) parts.push(part);
      else if (!response.headersSent) {
        response.setHeader('connection', 'close');
        text(413, 'the request is too large');
        request.pause();
      }
    });
    request.on('end', () => {
      if (response.headersSent) return;
      try {
        answer(witness.addCheckpoint(Buffer.concat(parts).toString('utf8')));
      } catch (error) {
        options.onProblem((error as Error).message);
        text(500, 'the witness can not answer');
      }
    });
    request.on('error', () => {});
  };
  const limits = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, keepAliveTimeout: 65_000 };
  const server: Server =
    options.tls === null
      ? createPlain(limits, listener)
      : createTls({ ...limits, cert: options.tls.certificate, key: options.tls.key }, listener);
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `${options.tls === null ? 'http' : 'https'}://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
