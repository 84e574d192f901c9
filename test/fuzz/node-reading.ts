// What Node's own HTTP server (llhttp, strict as it comes) makes of the bytes of one connection. The server never
// listens: it is given a Duplex as connection, and everything happens within one call.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Duplex } from 'node:stream';

export interface NodeRequest {
  readonly method: string;
  readonly target: string;
  /** For instance `1.1`. */
  readonly version: string;
  /** Names as received, values as Node gives them: without surrounding white space, one latin1 character a byte. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: Buffer;
  readonly complete: boolean;
  readonly trailers: readonly (readonly [string, string])[];
}

export interface NodeReading {
  readonly requests: readonly NodeRequest[];
  /** Node's error code, for instance `HPE_INVALID_METHOD`; null when there was none. */
  readonly error: string | null;
}

/** Larger than our own limit, so that a long head is refused by us and not by Node. */
const MAX_HEAD_BYTES = 65_536;

function pairs(raw: readonly string[]): (readonly [string, string])[] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i]!, raw[2 * i + 1]!] as const);
}

function readBody(message: IncomingMessage): Buffer {
  const pieces: Buffer[] = [];
  for (let piece = message.read(); piece !== null; piece = message.read()) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

export class NodeReader {
  readonly #server: Server;
  #messages: IncomingMessage[] = [];
  #error: string | null = null;

  constructor() {
    this.#server = createServer({ maxHeaderSize: MAX_HEAD_BYTES });
    const take = (message: IncomingMessage): void => {
      this.#messages.push(message);
    };
    this.#server.on('request', take);
    this.#server.on('checkContinue', take);
    this.#server.on('checkExpectation', take);
    this.#server.on('clientError', (error: NodeJS.ErrnoException) => {
      this.#error ??= error.code ?? error.message;
    });
  }

  read(bytes: Uint8Array): NodeReading {
    this.#messages = [];
    this.#error = null;
    const socket = new Duplex({
      read: () => undefined,
      write: (_piece: Buffer, _encoding, done) => done(),
    });
    this.#server.emit('connection', socket);
    if (bytes.length > 0) socket.emit('data', Buffer.from(bytes));
    const requests = this.#messages.map((message) => ({
      method: message.method ?? '',
      target: message.url ?? '',
      version: message.httpVersion,
      fields: pairs(message.rawHeaders),
      body: readBody(message),
      complete: message.complete,
      trailers: pairs(message.rawTrailers),
    }));
    const reading = { requests, error: this.#error };
    socket.destroy();
    return reading;
  }

  close(): void {
    this.#server.close();
  }
}
