// An HTTP/2 client that sends exactly the frames it is given, however wrong, and shows the frames that come back.
import { connect, type Socket } from 'node:net';
import {
  CONNECTION_PREFACE,
  encodeHeaders,
  encodeSettings,
  Flag,
  FrameType,
  frameHeader,
  SETTINGS_ACK,
} from '../../src/http/h2/frames.ts';
import { HpackDecoder } from '../../src/http/h2/hpack-decoder.ts';
import { encodeNumber } from '../../src/http/h2/hpack-encoder.ts';
import { until } from './until.ts';

export type Fields = readonly (readonly [string, string])[];

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

const text = (value: string): string => encodeNumber(value.length, 7, 0) + value;

/** A field block of literals, written as they stand: nothing is checked and no table is used. */
export const block = (fields: Fields): string =>
  fields.map(([name, value]) => `\0${text(name)}${text(value)}`).join('');

export const usual = (path = '/things', method = 'GET'): Fields => [
  [':method', method],
  [':scheme', 'http'],
  [':authority', 'api.example.com'],
  [':path', path],
];

export const headers = (id: number, fields: Fields, endStream = true): string =>
  encodeHeaders(id, block(fields), endStream);

export const data = (id: number, body: string, endStream = false): string =>
  frameHeader(body.length, FrameType.data, endStream ? Flag.endStream : 0, id) + body;

export const frame = (type: number, flags: number, id: number, payload: string): string =>
  frameHeader(payload.length, type, flags, id) + payload;

export class FrameClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  closed = false;
  /** Status by stream. */
  readonly statuses = new Map<number, string>();
  /** Fields of answers by stream. */
  readonly fields = new Map<number, Map<string, string>>();
  readonly bodies = new Map<number, string>();
  readonly #decoder = new HpackDecoder();
  #rest = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => {});
    socket.on('end', () => this.#onClosed());
    socket.on('close', () => this.#onClosed());
  }

  /** Connects; sends preface and settings, unless `begin` is false. */
  static async connect(port: number, settings: [number, number][] = [], begin = true): Promise<FrameClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const client = new FrameClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    if (begin) {
      client.send(CONNECTION_PREFACE + encodeSettings(settings));
      await until(() => client.frames.some(({ type }) => type === FrameType.settings), 'the settings');
      client.send(SETTINGS_ACK);
    }
    return client;
  }

  #onClosed(): void {
    this.closed = true;
  }

  /** Sends latin1 text; false when the socket takes no more at the moment. */
  send(bytes: string): boolean {
    return this.closed || this.socket.destroyed ? false : this.socket.write(bytes, 'latin1');
  }

  /** Sends pieces until all are sent or the peer has enough; answers how many went out. */
  async flood(count: number, piece: (i: number) => string): Promise<number> {
    let i = 0;
    for (; i < count && !this.closed && this.goaway === null; i++) {
      if (!this.send(piece(i))) await new Promise((resolve) => setImmediate(resolve));
      else if (i % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return i;
  }

  #read(bytes: Buffer): void {
    let rest = Buffer.concat([this.#rest, bytes]);
    while (rest.length >= 9) {
      const length = rest.readUIntBE(0, 3);
      if (rest.length < 9 + length) break;
      const frame: Frame = {
        type: rest[3]!,
        flags: rest[4]!,
        id: rest.readUInt32BE(5),
        payload: Buffer.from(rest.subarray(9, 9 + length)),
      };
      this.#take(frame);
      rest = rest.subarray(9 + length);
    }
    this.#rest = rest;
  }

  #take(frame: Frame): void {
    this.frames.push(frame);
    if (frame.type === FrameType.headers) {
      const found = new Map<string, string>();
      const sink = {
        onField: (entry: { name: string; value: string }) => found.set(entry.name, entry.value),
      };
      this.#decoder.run(frame.payload, 0, frame.payload.length, sink);
      const status = found.get(':status');
      if (status !== undefined && !status.startsWith('1')) {
        this.statuses.set(frame.id, status);
        this.fields.set(frame.id, found);
      }
    } else if (frame.type === FrameType.data) {
      this.bodies.set(frame.id, (this.bodies.get(frame.id) ?? '') + frame.payload.toString('latin1'));
    }
  }

  /** Error code of the GOAWAY that came, or null. */
  get goaway(): number | null {
    const found = this.frames.find(({ type }) => type === FrameType.goaway);
    return found === undefined ? null : found.payload.readUInt32BE(4);
  }

  /** Error code of the reset of a stream, or null. */
  resetOf(id: number): number | null {
    const found = this.frames.find((f) => f.type === FrameType.rstStream && f.id === id);
    return found === undefined ? null : found.payload.readUInt32BE(0);
  }

  /** Waits until the connection is over and answers the code of its GOAWAY; -1 when there was none. */
  async end(): Promise<number> {
    await until(() => this.closed, 'the end of the connection');
    return this.goaway ?? -1;
  }

  /** Waits for what the stream ends with: `status 200`, or `reset 1`. */
  outcome(id: number): Promise<string> {
    return until(() => {
      const status = this.statuses.get(id);
      if (status !== undefined) return `status ${status}`;
      const reset = this.resetOf(id);
      if (reset !== null) return `reset ${reset}`;
      return this.closed ? `goaway ${this.goaway ?? -1}` : undefined;
    }, `the end of stream ${id}`);
  }
}
