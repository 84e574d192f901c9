// A client that sends exactly the bytes it is given and shows exactly what comes back.
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type H1Event, ResponseDecoder, type ResponseHead } from '../../src/http/h1/index.ts';
import { until } from './until.ts';

export interface RawResponse {
  readonly status: number;
  /** Values by lower-case name; a repeated field is joined with `, `. */
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly trailers: readonly (readonly [string, string])[];
  /** Body as JSON. Throws when it is none. */
  json(): Record<string, unknown>;
}

export interface ConnectOptions {
  readonly host?: string;
  readonly tls?: ConnectionOptions;
}

export class RawClient {
  readonly socket: Socket;
  /** Every byte received so far, as latin1. */
  received = '';
  /** The peer ended or reset the connection. */
  closed = false;
  /** Closed by a reset, or by an error of TLS. */
  error: Error | null = null;
  #events: H1Event<ResponseHead>[] = [];
  readonly #decoder = new ResponseDecoder();
  #undecoded: Buffer[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1');
      this.#undecoded.push(bytes);
    });
    socket.on('end', () => this.#onClosed());
    socket.on('close', () => this.#onClosed());
    socket.on('error', (error) => {
      this.error = error;
    });
  }

  static async connect(port: number, options: ConnectOptions = {}): Promise<RawClient> {
    const host = options.host ?? '127.0.0.1';
    const socket =
      options.tls === undefined ? connect({ port, host }) : connectTls({ port, host, ...options.tls });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once(options.tls === undefined ? 'connect' : 'secureConnect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  #onClosed(): void {
    this.closed = true;
  }

  /** Sends text as latin1, or bytes. */
  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /**
   * The next final answer on the connection; interim ones are passed over unless `interim`. `method` is that of the
   * request answered. Throws when the connection ends or the bytes are wrong before the answer is whole.
   */
  async response(method = 'GET', interim = false): Promise<RawResponse> {
    this.#decoder.expect(method);
    const parts: Buffer[] = [];
    let head: ResponseHead | null = null;
    return until(() => {
      this.#decode();
      for (;;) {
        const event = this.#events.shift();
        if (event === undefined) {
          if (this.closed && this.#undecoded.length === 0) {
            throw new Error(`connection ended before the answer was whole; received: ${this.received}`);
          }
          return undefined;
        }
        if (event.kind === 'error') throw new Error(`answer is invalid: ${event.code}: ${this.received}`);
        if (event.kind === 'head') head = event.head;
        else if (event.kind === 'data') parts.push(Buffer.from(event.bytes));
        else if (head!.status >= 200 || interim) return toResponse(head!, parts, event.trailers);
        if (event.kind === 'head' && event.head.status === 101) return toResponse(event.head, [], []);
      }
    }, 'an answer');
  }

  #decode(): void {
    const bytes = this.#undecoded;
    this.#undecoded = [];
    for (const piece of bytes) this.#events.push(...this.#decoder.feed(piece));
    if (this.closed) this.#events.push(...this.#decoder.finish());
  }

  /** Waits for the peer to close; answers everything received. */
  async untilClosed(): Promise<string> {
    await until(() => this.closed, 'the end of the connection');
    return this.received;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

function toResponse(
  head: ResponseHead,
  parts: readonly Buffer[],
  trailers: readonly (readonly [string, string])[],
): RawResponse {
  const fields = new Map<string, string>();
  head.fields.names.forEach((name, i) => {
    const value = head.fields.values[i]!;
    fields.set(name, fields.has(name) ? `${fields.get(name)}, ${value}` : value);
  });
  const body = Buffer.concat(parts);
  return {
    status: head.status,
    fields,
    body,
    trailers,
    json: () => JSON.parse(body.toString('utf8')) as Record<string, unknown>,
  };
}

/** One request on a connection of its own: sends `bytes`, answers the first final response, closes. */
export async function exchange(
  port: number,
  bytes: string | Uint8Array,
  method = 'GET',
  options: ConnectOptions = {},
): Promise<RawResponse> {
  const client = await RawClient.connect(port, options);
  try {
    client.send(bytes);
    return await client.response(method);
  } finally {
    client.destroy();
  }
}

/** Bytes of a simple request. */
export function request(
  method: string,
  target: string,
  fields: Readonly<Record<string, string>> = {},
  body = '',
): string {
  const lines = Object.entries({ host: 'api.example.com', ...fields }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const length = body === '' ? '' : `content-length: ${Buffer.byteLength(body, 'latin1')}\r\n`;
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}${length}\r\n${body}`;
}
