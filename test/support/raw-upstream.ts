// An upstream that keeps every byte it receives and answers what the test tells it to.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { RequestDecoder, type RequestHead } from '../../src/http/h1/index.ts';

export interface UpstreamRequest {
  readonly method: string;
  readonly target: string;
  /** As received, in order. `host` and framing fields are not among them; see `head`. */
  readonly fields: readonly (readonly [string, string])[];
  readonly head: RequestHead;
  readonly body: Buffer;
  readonly trailers: readonly (readonly [string, string])[];
  readonly connection: UpstreamSocket;
  field(name: string): string | undefined;
}

export interface UpstreamSocket {
  readonly socket: Socket;
  /** Every byte received, as latin1. */
  received: string;
  closed: boolean;
  /** Requests seen on this connection. */
  requests: number;
}

export interface RawUpstream {
  readonly port: number;
  readonly connections: UpstreamSocket[];
  readonly requests: UpstreamRequest[];
  /** Called for each whole request; by default answers 200 with a small JSON body. */
  onRequest: (request: UpstreamRequest) => void;
  /** Called for raw bytes; when it answers true they are not parsed. */
  onBytes: ((connection: UpstreamSocket, bytes: Buffer) => boolean) | null;
  /** Everything received on all connections. */
  received(): string;
  close(): Promise<void>;
}

/** Bytes of a simple answer. */
export function answer(status: number, body = '', fields: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} \r\n${lines.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const defaultAnswer = (request: UpstreamRequest): void => {
  const body = request.method === 'HEAD' ? '' : '{"ok":true}';
  request.connection.socket.write(answer(200, body, { 'content-type': 'application/json' }));
};

export async function startRawUpstream(t: TestContext, port = 0): Promise<RawUpstream> {
  const connections: UpstreamSocket[] = [];
  const requests: UpstreamRequest[] = [];
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const connection: UpstreamSocket = { socket, received: '', closed: false, requests: 0 };
    connections.push(connection);
    const decoder = new RequestDecoder();
    let head: RequestHead | null = null;
    let parts: Buffer[] = [];
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      connection.closed = true;
    });
    socket.on('data', (bytes: Buffer) => {
      connection.received += bytes.toString('latin1');
      if (upstream.onBytes?.(connection, bytes) === true) return;
      for (const event of decoder.feed(bytes)) {
        if (event.kind === 'error') throw new Error(`the gate sent ${event.code}: ${connection.received}`);
        if (event.kind === 'head') {
          head = event.head;
          parts = [];
        } else if (event.kind === 'data') parts.push(Buffer.from(event.bytes));
        else {
          const { names, values } = head!.fields;
          const fields = names.map((name, i) => [name, values[i]!] as const);
          const request: UpstreamRequest = {
            method: head!.method,
            target: head!.target,
            fields,
            head: head!,
            body: Buffer.concat(parts),
            trailers: event.trailers,
            connection,
            field: (name) => fields.find(([candidate]) => candidate === name)?.[1],
          };
          connection.requests++;
          requests.push(request);
          upstream.onRequest(request);
        }
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const upstream: RawUpstream = {
    port: (server.address() as AddressInfo).port,
    connections,
    requests,
    onRequest: defaultAnswer,
    onBytes: null,
    received: () => connections.map((connection) => connection.received).join(''),
    close: () =>
      new Promise<void>((resolve) => {
        for (const { socket } of connections) socket.destroy();
        server.close(() => resolve());
      }),
  };
  t.after(() => upstream.close());
  return upstream;
}
