// One HTTP/2 connection of a client: streams become exchanges, a few of them each turn of the event loop, and what they
// answer goes out together, once a turn. HOT
import type { Socket } from 'node:net';
import type { ErrorCode } from '../../core/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import type { RequestHead } from '../../http/h1/index.ts';
import { defaultH2Settings, type H2Handler, H2Session, type H2Stream } from '../../http/h2/index.ts';
import type { ByteReader } from '../../net/index.ts';
import { type Flushable, scheduleFlush, takeRequestOfTurn } from './flush-queue.ts';
import { H2Exchange, type H2ExchangeOwner } from './h2-exchange.ts';
import type { Peer, RelayContext } from './route.ts';

/** How long a connection that ends waits for the client to read and close, ms. */
const LINGER_MS = 2000;
/** Exchanges kept for the streams to come. */
const MAX_SPARE = 32;
/** Bytes that are read and thrown away after the end was told. An honest client has its window of 1 MiB under way. */
const LINGER_BYTES = 16_777_216;

export class H2Connection implements ByteReader, H2Handler, H2ExchangeOwner, Flushable {
  isScheduled = false;
  readonly session: H2Session;
  readonly #socket: Socket;
  readonly #context: RelayContext;
  readonly #peer: Peer;
  readonly #onClosed: (connection: H2Connection) => void;
  readonly #active = new Set<H2Exchange>();
  #spare: H2Exchange[] = [];
  /** Streams whose requests have come and are not begun, oldest first; some may have been reset meanwhile. */
  #waiting: H2Stream[] = [];
  #closing = false;
  #closed = false;
  /** The open requests are being given up. */
  #abandoning = false;
  #deadlineMs: number;
  #requests = 0;
  /** Bytes that came after the end was told. */
  #ignoredBytes = 0;
  /** Since when the frame or field block under way has been coming, ms, and how many came before it; 0 for none. */
  #partialSinceMs = 0;
  #framesBefore = 0;
  /** Bytes that were read and wait for their turn. */
  #backlog: Buffer | null = null;

  constructor(
    socket: Socket,
    peer: Peer,
    context: RelayContext,
    onClosed: (connection: H2Connection) => void,
  ) {
    this.#socket = socket;
    this.#peer = peer;
    this.#context = context;
    this.#onClosed = onClosed;
    const { limits } = context.snapshot;
    this.session = new H2Session('server', this, {
      ...defaultH2Settings,
      maxHeadBytes: limits.maxHeadBytes,
      maxFields: limits.maxFields,
      maxTargetBytes: limits.maxTargetBytes,
    });
    this.#deadlineMs = performance.now() + limits.headTimeoutMs;
    socket.setNoDelay(true);
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onGone());
    socket.on('error', () => {});
    socket.on('close', () => this.#onGone());
    this.schedule();
  }

  onBytes(bytes: Buffer, end: number): void {
    if (this.#closing || this.#closed) return this.#ignore(end);
    if (this.#backlog === null) return this.#read(bytes, end, false);
    this.#backlog = Buffer.concat([this.#backlog, bytes.subarray(0, end)]);
  }

  /** `isOwn`: the bytes stay as they are after the call. */
  #read(bytes: Buffer, end: number, isOwn: boolean): void {
    const nowMs = performance.now();
    const { session } = this;
    const at = session.feed(bytes, 0, end, nowMs);
    if (session.failed !== null) return this.#fail();
    if (at < end) this.#postpone(isOwn ? bytes.subarray(at, end) : Buffer.from(bytes.subarray(at, end)));
    if (this.#waiting.length > 0) this.#beginWaiting();
    if (!session.isPartial) this.#partialSinceMs = 0;
    else if (this.#partialSinceMs === 0 || session.frames !== this.#framesBefore) {
      this.#partialSinceMs = nowMs;
      this.#framesBefore = session.frames;
    }
    if (session.hasOutput) this.schedule();
  }

  /** The client makes trouble: what else it has sent waits until everybody else had a turn, and no more is read. */
  #postpone(rest: Buffer): void {
    this.#backlog = rest;
    this.#socket.pause();
    setImmediate(() => {
      const backlog = this.#backlog!;
      this.#backlog = null;
      if (this.#closing || this.#closed) return;
      this.#read(backlog, backlog.length, true);
      if (this.#backlog === null && !this.#closing && !this.#closed) this.#socket.resume();
    });
  }

  // Streams.

  onRequest(stream: H2Stream, head: RequestHead, _scheme: string, problem: ErrorCode | null): void {
    const exchange = this.#spare.pop() ?? new H2Exchange(this, this.#context, this.#peer);
    this.#active.add(exchange);
    this.#requests++;
    exchange.hold(stream, head, problem);
    this.#waiting.push(stream);
    const { maxRequestsPerConnection } = this.#context.snapshot.limits;
    if (this.#requests >= maxRequestsPerConnection || this.#context.draining) this.drain();
  }

  /** Begins the requests whose turn it is. */
  #beginWaiting(): void {
    const waiting = this.#waiting;
    let at = 0;
    for (let begun = 0; at < waiting.length; at++) {
      const exchange = waiting[at]!.owner as H2Exchange | null;
      if (exchange === null) continue;
      if (!takeRequestOfTurn(begun++)) break;
      exchange.begin();
    }
    if (at === waiting.length) waiting.length = 0;
    else {
      waiting.splice(0, at);
      this.schedule();
    }
  }

  released(exchange: H2Exchange): void {
    this.#active.delete(exchange);
    if (this.#spare.length < MAX_SPARE) this.#spare.push(exchange);
    if (this.#active.size === 0) {
      this.#deadlineMs = performance.now() + this.#context.snapshot.limits.idleTimeoutMs;
      if (this.session.goingAway) this.schedule();
    }
  }

  onResponse(): void {}

  onData(stream: H2Stream, bytes: Uint8Array, start: number, end: number): void {
    const exchange = stream.owner as H2Exchange | null;
    // Body that comes after the answer is granted again, and thrown away.
    if (exchange === null) this.session.consume(stream, end - start);
    else exchange.onData(bytes, start, end);
  }

  onEnd(stream: H2Stream, trailers: FieldList): void {
    (stream.owner as H2Exchange | null)?.onEnd(trailers);
  }

  onReset(stream: H2Stream): void {
    (stream.owner as H2Exchange | null)?.onReset();
  }

  onDrain(stream: H2Stream): void {
    (stream.owner as H2Exchange | null)?.onDrain();
  }

  onGoaway(): void {
    this.schedule();
  }

  // Output.

  /** Sees to it that what the session has to say goes out at the end of this turn. */
  schedule(): void {
    if (!this.#closed) scheduleFlush(this);
  }

  flushNow(): void {
    if (this.#abandoning) return this.#abandonSome();
    if (this.#waiting.length > 0 && !this.#closing) this.#beginWaiting();
    if (this.#closed) return;
    const text = this.session.takeOutput();
    if (text !== '') {
      const flushed = this.#socket.write(text, 'latin1');
      if (flushed) this.session.onFlushed();
    }
    const isDone = this.session.goingAway && this.session.streams.size === 0 && this.#active.size === 0;
    if (isDone && !this.#closing) this.#finish();
  }

  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  #onDrain(): void {
    this.session.onFlushed();
    for (const exchange of [...this.#active]) exchange.onDrain();
  }

  get idle(): boolean {
    return this.#active.size === 0 && this.session.streams.size === 0;
  }

  // Time and end.

  sweep(nowMs: number): void {
    for (const exchange of [...this.#active]) exchange.sweep(nowMs);
    const { headTimeoutMs } = this.#context.snapshot.limits;
    if (this.#partialSinceMs !== 0 && nowMs - this.#partialSinceMs >= headTimeoutMs && !this.#closing) {
      this.session.abort('a frame took too long');
      return this.#fail();
    }
    if (this.#active.size === 0 && nowMs >= this.#deadlineMs) {
      if (this.#closing) this.destroy();
      else {
        this.session.goAway();
        this.flushNow();
        this.#finish();
      }
    }
  }

  /** The client broke a rule of the connection: it is told which, and let go of. */
  #fail(): void {
    this.#waiting = [];
    this.flushNow();
    this.#finish();
    this.#abandonSome();
  }

  #finish(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.#deadlineMs = performance.now() + LINGER_MS;
    this.#socket.end();
  }

  /** Reading goes on for a while, or the reset of the socket would take the last words with it. */
  #ignore(bytes: number): void {
    this.#ignoredBytes += bytes;
    if (this.#ignoredBytes > LINGER_BYTES) this.#onGone();
  }

  /** The client is gone. */
  #onGone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#abandonSome();
  }

  /** Gives up open requests, a few each turn, and then the connection, if it is closed. */
  #abandonSome(): void {
    this.#abandoning = true;
    let done = 0;
    for (const exchange of this.#active) {
      if (!takeRequestOfTurn(done++)) break;
      exchange.destroy();
    }
    if (this.#active.size > 0) scheduleFlush(this);
    else if (this.#closed) this.#onClosed(this);
  }

  /** No new streams; the connection ends with the last one that is open. */
  drain(): void {
    this.session.goAway();
    this.schedule();
  }

  /** Ends the connection and all its requests at once. */
  destroy(): void {
    this.#closed = true;
    this.#socket.destroy();
    this.#abandoning = true;
    for (const exchange of [...this.#active]) exchange.destroy();
    this.#onClosed(this);
  }

  get busy(): boolean {
    return this.#active.size > 0;
  }
}
