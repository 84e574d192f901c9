// One HTTP/2 connection to an endpoint, and its streams as legs of exchanges: many requests share it, and each has its
// own flow control, its own end, and its own failure. HOT
import type { Socket } from 'node:net';
import type { FieldList } from '../../http/fields/index.ts';
import { CHUNKED, ResponseHead } from '../../http/h1/index.ts';
import {
  defaultH2Settings,
  H2Code,
  type H2Handler,
  H2Session,
  type H2Stream,
  type ResponseStart,
} from '../../http/h2/index.ts';
import type { ByteReader } from '../../net/index.ts';
import type { Endpoint } from '../upstream/index.ts';
import { type Flushable, scheduleFlush } from './flush-queue.ts';
import type { H2EndpointPool } from './h2-endpoint-pool.ts';
import { upstreamFields, upstreamHost, upstreamTarget } from './request-head.ts';
import type { UpstreamFailure, UpstreamLeg, UpstreamRequest, UpstreamUser } from './upstream-leg.ts';
import { responseLimits } from './upstream-socket.ts';

/** How long a connection without streams is kept, ms. */
const IDLE_MS = 60_000;
/** A connection with open streams that says nothing for so long is asked for a sign of life, ms. */
const QUIET_MS = 15_000;
/** After one answered ping a quiet connection is left alone for so long, ms: gRPC servers end one that asks more often. */
const NEXT_PING_MS = 300_000;
/** A ping must be answered by then, ms. */
const PING_TIMEOUT_MS = 10_000;

const settings = {
  ...defaultH2Settings,
  maxHeadBytes: responseLimits.maxHeadBytes,
  maxFields: responseLimits.maxFields,
};

/** Handed to users one at a time, during one call. */
const answerHead = new ResponseHead();

/** One stream: a request to the endpoint and its answer. */
class H2UpstreamStream implements UpstreamLeg {
  readonly endpoint: Endpoint;
  readonly connected = true;
  readonly mayRefuse = true;
  readonly reused: boolean;
  user: UpstreamUser | null = null;
  readonly #connection: H2UpstreamConnection;
  #stream: H2Stream | null = null;
  #out = '';
  #paused = false;
  /** Bytes of the answer that were handed on and not granted again yet. */
  #unread = 0;
  #headReceived = false;
  /** Waits for `onUpstreamRead` at the end of the read. */
  isTouched = false;

  constructor(connection: H2UpstreamConnection, endpoint: Endpoint, reused: boolean) {
    this.#connection = connection;
    this.endpoint = endpoint;
    this.reused = reused;
  }

  start(user: UpstreamUser, request: UpstreamRequest): void {
    const { exchange, body } = request;
    const { session } = this.#connection;
    this.user = user;
    const length = body === null ? exchange.contentLength : body.length;
    const isEmpty = body !== null && body.length === 0;
    const stream = session.request(
      exchange.method,
      this.endpoint.tls ? 'https' : 'http',
      upstreamHost(request, this.endpoint),
      upstreamTarget(request),
      upstreamFields(request, length === CHUNKED ? -1 : length),
      isEmpty,
    );
    stream.owner = this;
    this.#stream = stream;
    if (body !== null && !isEmpty) session.sendLast(stream, body.toString('latin1'));
    this.#connection.schedule();
  }

  // The request.

  sendBody(bytes: Uint8Array, start: number, end: number): void {
    this.#out += (bytes as Buffer).toString('latin1', start, end);
  }

  endBody(trailers: FieldList): void {
    const { session } = this.#connection;
    const text = this.#out;
    this.#out = '';
    if (trailers.length === 0) session.sendLast(this.#stream!, text);
    else {
      session.send(this.#stream!, text);
      session.end(this.#stream!, trailers);
    }
    this.#connection.schedule();
  }

  flush(): boolean {
    const { session } = this.#connection;
    const stream = this.#stream!;
    if (this.#out !== '') {
      const text = this.#out;
      this.#out = '';
      session.send(stream, text);
      this.#connection.schedule();
    }
    return !session.isFull(stream) && !this.#connection.isBlocked;
  }

  // The answer.

  onResponse(response: ResponseStart, nowMs: number): void {
    const { status, contentLength } = response;
    answerHead.status = status;
    answerHead.fields = response.fields;
    answerHead.upgrade = '';
    answerHead.announcedLength = contentLength;
    answerHead.contentLength = response.hasBody ? (contentLength === -1 ? CHUNKED : contentLength) : 0;
    if (status >= 200) this.#headReceived = true;
    this.user!.onUpstreamHead(answerHead, nowMs);
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    this.#unread += end - start;
    this.user!.onBodyData(bytes, start, end);
  }

  onRead(nowMs: number): void {
    this.user?.onUpstreamRead(nowMs);
    if (!this.#paused) this.#grant();
  }

  #grant(): void {
    const bytes = this.#unread;
    if (bytes === 0) return;
    this.#unread = 0;
    if (this.#stream !== null) this.#connection.session.consume(this.#stream, bytes);
    this.#connection.schedule();
  }

  onEnd(trailers: FieldList, nowMs: number): void {
    this.user!.onUpstreamEnd(trailers, nowMs);
  }

  /** The stream or its connection is over. */
  fail(kind: UpstreamFailure): void {
    const user = this.#leave();
    user?.onUpstreamFailure(kind === 'closed' && this.#headReceived ? 'cut' : kind);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#grant();
  }

  release(requestComplete: boolean, _nowMs: number): void {
    const stream = this.#stream;
    this.#leave();
    if (stream === null) return;
    if (requestComplete && stream.closed) this.#connection.onStreamEnd();
    else this.#connection.reset(stream);
  }

  destroy(): void {
    const stream = this.#stream;
    this.#leave();
    if (stream !== null) this.#connection.reset(stream);
  }

  #leave(): UpstreamUser | null {
    const { user } = this;
    this.user = null;
    this.#out = '';
    if (this.#stream !== null) this.#stream.owner = null;
    this.#stream = null;
    return user;
  }

  // HTTP/2 has no 101, so nobody can have asked for these.

  openTunnel(): void {
    throw new Error('there is no tunnel');
  }

  sendTunnel(): boolean {
    throw new Error('there is no tunnel');
  }

  endTunnel(): void {
    throw new Error('there is no tunnel');
  }
}

export class H2UpstreamConnection implements ByteReader, H2Handler, Flushable {
  isScheduled = false;
  readonly session: H2Session;
  readonly #endpoint: Endpoint;
  readonly #socket: Socket;
  readonly #pool: H2EndpointPool;
  #touched: H2UpstreamStream[] = [];
  #nowMs: number;
  #ready = false;
  #retired = false;
  #closed = false;
  #served = 0;
  #idleSinceMs: number;
  #lastReadMs: number;
  /** When the peer may be asked for a sign of life, and when it was; infinity for not at all. */
  #nextPingMs = 0;
  #pingedMs = Number.POSITIVE_INFINITY;

  constructor(endpoint: Endpoint, socket: Socket, pool: H2EndpointPool) {
    this.#endpoint = endpoint;
    this.#socket = socket;
    this.#pool = pool;
    this.#nowMs = performance.now();
    this.#idleSinceMs = this.#nowMs;
    this.#lastReadMs = this.#nowMs;
    this.session = new H2Session('client', this, settings);
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#close('closed'));
    socket.on('close', () => this.#close('closed'));
    this.schedule();
  }

  get hasRoom(): boolean {
    return this.#ready && !this.#retired && this.session.canOpen;
  }

  /** Whether the socket takes no more at the moment. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  open(): H2UpstreamStream {
    return new H2UpstreamStream(this, this.#endpoint, this.#served++ > 0);
  }

  onBytes(bytes: Buffer, end: number): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    this.#nowMs = nowMs;
    this.#lastReadMs = nowMs;
    this.#pingedMs = Number.POSITIVE_INFINITY;
    const { session } = this;
    for (let at = 0; at < end; ) at = session.feed(bytes, at, end, nowMs);
    const touched = this.#touched;
    if (touched.length > 0) {
      this.#touched = [];
      for (let i = 0; i < touched.length; i++) {
        touched[i]!.isTouched = false;
        touched[i]!.onRead(nowMs);
      }
    }
    if (session.failed !== null) return this.#close('invalid');
    if (!this.#ready && session.isReady) {
      this.#ready = true;
      this.#pool.onReady(this);
    }
    if (session.hasOutput) this.schedule();
  }

  // Streams.

  onRequest(): void {}

  onResponse(stream: H2Stream, response: ResponseStart): void {
    const leg = stream.owner as H2UpstreamStream | null;
    if (leg === null) return;
    leg.onResponse(response, this.#nowMs);
    this.#touch(leg);
  }

  onData(stream: H2Stream, bytes: Uint8Array, start: number, end: number): void {
    const leg = stream.owner as H2UpstreamStream | null;
    if (leg === null) return this.session.consume(stream, end - start);
    this.#nextPingMs = 0;
    leg.onData(bytes, start, end);
    this.#touch(leg);
  }

  #touch(leg: H2UpstreamStream): void {
    if (leg.isTouched) return;
    leg.isTouched = true;
    this.#touched.push(leg);
  }

  onEnd(stream: H2Stream, trailers: FieldList): void {
    (stream.owner as H2UpstreamStream | null)?.onEnd(trailers, this.#nowMs);
  }

  onReset(stream: H2Stream, code: number, byPeer: boolean): void {
    const kind = !byPeer ? 'invalid' : code === H2Code.refusedStream ? 'refused' : 'cut';
    (stream.owner as H2UpstreamStream | null)?.fail(kind);
    this.onStreamEnd();
  }

  onDrain(stream: H2Stream): void {
    (stream.owner as H2UpstreamStream | null)?.user?.onUpstreamDrain();
  }

  onGoaway(lastStreamId: number): void {
    this.retire();
    for (const stream of [...this.session.streams.values()]) {
      if (stream.id <= lastStreamId) continue;
      const leg = stream.owner as H2UpstreamStream | null;
      this.session.reset(stream, H2Code.cancel);
      leg?.fail('refused');
    }
    this.schedule();
  }

  reset(stream: H2Stream): void {
    this.session.reset(stream, H2Code.cancel);
    this.onStreamEnd();
    this.schedule();
  }

  /** A stream is over: its place may be used again, and the last one lets a retired connection go. */
  onStreamEnd(): void {
    if (this.session.streams.size === 0) {
      this.#idleSinceMs = this.#nowMs;
      if (this.#retired) this.schedule();
    }
    if (!this.#retired) this.#pool.onRoom();
  }

  // Output.

  schedule(): void {
    if (!this.#closed) scheduleFlush(this);
  }

  flushNow(): void {
    if (this.#closed) return;
    const text = this.session.takeOutput();
    if (text !== '' && this.#socket.write(text, 'latin1')) this.session.onFlushed();
    if (this.#retired && this.session.streams.size === 0) this.#close('closed');
  }

  #onDrain(): void {
    this.session.onFlushed();
    for (const stream of [...this.session.streams.values()]) this.onDrain(stream);
  }

  // Time and end.

  sweep(nowMs: number): void {
    if (this.session.streams.size === 0) {
      if (nowMs - this.#idleSinceMs >= IDLE_MS) this.retire();
      return;
    }
    if (nowMs - this.#pingedMs >= PING_TIMEOUT_MS) return this.#close('closed');
    const isQuiet = nowMs - this.#lastReadMs >= QUIET_MS && nowMs >= this.#nextPingMs;
    if (isQuiet && this.#pingedMs === Number.POSITIVE_INFINITY) {
      this.#pingedMs = nowMs;
      this.#nextPingMs = nowMs + NEXT_PING_MS;
      this.session.ping();
      this.flushNow();
    }
  }

  /** Takes no new streams and ends with the last one that is open. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#pool.onRetired(this);
    this.session.goAway();
    this.schedule();
  }

  #close(kind: UpstreamFailure): void {
    if (this.#closed) return;
    // A farewell that says what was wrong, if anything is left to say.
    const text = this.session.takeOutput();
    this.#closed = true;
    this.#retired = true;
    this.#pool.onRetired(this);
    if (text === '') this.#socket.destroy();
    else this.#socket.end(text, 'latin1', () => this.#socket.destroy());
    for (const stream of [...this.session.streams.values()]) {
      (stream.owner as H2UpstreamStream | null)?.fail(kind);
    }
  }
}
