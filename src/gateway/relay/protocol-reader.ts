// A plain connection that may speak HTTP/2 by prior knowledge (RFC 9113 section 3.3): the first bytes tell, and from
// then on everything goes to the connection that they chose.
import type { Socket } from 'node:net';
import type { ClientConnection } from './listener.ts';
import type { RelayContext } from './route.ts';

/** The beginning of the HTTP/2 preface that no HTTP/1 method shares. */
const PREFACE = 'PRI';

/** Makes the connection that reads from now on; it calls `onClosed` when it is over. */
type OpenConnection = (onClosed: () => void) => ClientConnection;

export class ProtocolReader implements ClientConnection {
  readonly #socket: Socket;
  readonly #h1: OpenConnection;
  readonly #h2: OpenConnection;
  readonly #onClosed: (connection: ClientConnection) => void;
  readonly #deadlineMs: number;
  readonly #close = (): void => this.destroy();
  #chosen: ClientConnection | null = null;
  #start = Buffer.alloc(0);
  #draining = false;

  /** `onClosed` is called with this reader, whoever reads. */
  constructor(
    socket: Socket,
    context: RelayContext,
    h1: OpenConnection,
    h2: OpenConnection,
    onClosed: (connection: ClientConnection) => void,
  ) {
    this.#socket = socket;
    this.#h1 = h1;
    this.#h2 = h2;
    this.#onClosed = onClosed;
    this.#deadlineMs = performance.now() + context.snapshot.limits.idleTimeoutMs;
    socket.on('error', () => {});
    socket.on('end', this.#close);
    socket.on('close', this.#close);
  }

  onBytes(bytes: Buffer, end: number): void {
    if (this.#chosen !== null) return this.#chosen.onBytes(bytes, end);
    const start = Buffer.concat([this.#start, bytes.subarray(0, end)]);
    const text = start.toString('latin1', 0, PREFACE.length);
    if (start.length < PREFACE.length && PREFACE.startsWith(text)) {
      this.#start = start;
      return;
    }
    this.#socket.off('end', this.#close);
    this.#socket.off('close', this.#close);
    const onClosed = (): void => this.#onClosed(this);
    this.#chosen = text === PREFACE ? this.#h2(onClosed) : this.#h1(onClosed);
    if (this.#draining) this.#chosen.drain();
    this.#chosen.onBytes(start, start.length);
  }

  sweep(nowMs: number): void {
    if (this.#chosen !== null) this.#chosen.sweep(nowMs);
    else if (nowMs >= this.#deadlineMs) this.destroy();
  }

  drain(): void {
    this.#draining = true;
    if (this.#chosen !== null) this.#chosen.drain();
    else if (this.#start.length === 0) this.destroy();
  }

  get idle(): boolean {
    return this.#chosen === null ? this.#start.length === 0 : this.#chosen.idle;
  }

  destroy(): void {
    if (this.#chosen !== null) return this.#chosen.destroy();
    this.#socket.destroy();
    this.#onClosed(this);
  }
}
