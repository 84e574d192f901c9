// What Node's HTTP client (llhttp) makes of the first response in the bytes that an upstream sends.
import { type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';

export interface NodeResponse {
  /** Statuses of the informational responses before it. */
  readonly informational: readonly number[];
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** False when the body goes on until the connection ends. */
  readonly complete: boolean;
}

/** Null when Node finds no final response. */
export async function readResponseAsNode(bytes: Uint8Array): Promise<NodeResponse | null> {
  const socket = new Duplex({ read: () => undefined, write: (_piece: Buffer, _encoding, done) => done() });
  const informational: number[] = [];
  let message: IncomingMessage | null = null;
  const outgoing = request({ createConnection: () => socket });
  outgoing.on('information', ({ statusCode }) => informational.push(statusCode));
  outgoing.on('response', (response) => {
    message = response;
    response.on('error', () => undefined);
  });
  outgoing.on('error', () => undefined);
  outgoing.end();
  await new Promise((resolve) => outgoing.once('finish', resolve));
  await new Promise(setImmediate);
  socket.emit('data', Buffer.from(bytes));
  const found = message as IncomingMessage | null;
  const pieces: Buffer[] = [];
  for (let piece = found?.read(); piece !== null && piece !== undefined; piece = found?.read()) {
    pieces.push(piece as Buffer);
  }
  const complete = found?.complete ?? false;
  socket.destroy();
  outgoing.destroy();
  if (found === null) return null;
  const raw = found.rawHeaders;
  return {
    informational,
    status: found.statusCode ?? 0,
    fields: Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i]!, raw[2 * i + 1]!] as const),
    body: Buffer.concat(pieces),
    complete,
  };
}
