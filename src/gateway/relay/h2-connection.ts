// One HTTP/2 connection of a client: streams become exchanges, each judged like any other, and what they answer goes
// out together, once a turn of the event loop. HOT
import type { Socket } from 'node:net';
import type { ErrorCode } from '../../core/index.ts';
import { Refusal } from '../../exchange/index.ts';
import { FieldList } from '../../http/fields/index.ts';
import { CHUNKED, type RequestHead, UNTIL_CLOSE } from '../../http/h1/index.ts';
import { defaultH2Settings, H2Code, type H2Handler, H2Session, type H2Stream } from '../../http/h2/index.ts';
import type { ByteReader } from '../../net/index.ts';
import { appendGrpcStatus, type OwnAnswer } from './answer.ts';
import { type Flushable, scheduleFlush } from './flush-queue.ts';
import type { Peer, RelayContext } from './route.ts';
import { ServedExchange, Stage } from './served-exchange.ts';

/** How long a connection that ends waits for the client to read and close, ms. */
const LINGER_MS = 2000;
/** Exchanges kept for the streams to come. */
const MAX_SPARE = 32;

const noFields: readonly string[] = [];
const interimEmpty = new FieldList();

class H2Exchange extends ServedExchange {
  stream: H2Stream | null = null;
  readonly #connection: H2Connection;
  /** Bytes of the request's body that were passed on and not granted again, because the upstream took no more. */
  #withheld = 0;
  /** Bytes of answers handed to the session, and the body text of this turn. */
  #sent = 0;
  #out = '';
  #ended = false;
  #exchangeId = '';
  /** Body and end that came while a guard was waiting. */
  #early: Buffer[] = [];
  #earlyTrailers: FieldList | null = null;

  constructor(connection: H2Connection, context: RelayContext, peer: Peer) {
    super(context, peer);
    this.#connection = connection;
  }

  begin(stream: H2Stream, head: RequestHead, problem: ErrorCode | null): void {
    this.stream = stream;
    stream.owner = this;
    this.snapshot = this.context.snapshot;
    this.startMs = performance.now();
    this.#withheld = 0;
    this.#sent = 0;
    this.#out = '';
    this.#ended = false;
    this.#exchangeId = '';
    this.#early = [];
    this.#earlyTrailers = null;
    this.head = head;
    this.requestDone = stream.remoteDone;
    const exchange = this.openExchange();
    exchange.httpMajor = 2;
    this.#exchangeId = exchange.id;
    exchange.fields = head.fields;
    this.beginExchange(exchange, problem);
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    const stream = this.stream!;
    if (this.stage === Stage.judging) {
      // A guard is waiting: what comes meanwhile is kept, no more than the stream's window.
      this.#early.push(Buffer.from(bytes.subarray(start, end)));
      this.#withheld += end - start;
      return;
    }
    this.takeBodyBytes(bytes, start, end);
    if (stream.closed) return;
    const isReceiving = this.stage === Stage.forwarding || this.stage === Stage.buffering;
    if (isReceiving && !this.requestDone && !this.flushBody()) this.#withheld += end - start;
    else this.#connection.session.consume(stream, end - start);
  }

  onEnd(trailers: FieldList): void {
    if (this.requestDone) return;
    if (this.stage === Stage.judging) this.#earlyTrailers = trailers;
    else this.endBody(trailers);
  }

  onReset(): void {
    this.abandon();
    this.#release();
  }

  onDrain(): void {
    if (this.exchange !== null) this.forwarding.onClientDrain();
    else this.onFinished();
  }

  sweep(nowMs: number): void {
    this.sweepExchange(nowMs);
  }

  destroy(): void {
    this.abandon();
    this.#release();
  }

  #release(): void {
    if (this.stream === null) return;
    this.stream.owner = null;
    this.stream = null;
    this.#connection.released(this);
  }

  protected onAccepted(): void {}

  protected sendContinue(): void {
    this.#connection.session.respond(this.stream!, 100, interimEmpty, noFields, false);
    this.#connection.schedule();
  }

  protected sendOwn(answer: OwnAnswer): void {
    const { session } = this.#connection;
    const stream = this.stream!;
    const extra = answer.hasLength ? ['content-length', String(answer.body.length)] : noFields;
    const hasBody = answer.sendsBody && answer.body !== '';
    session.respond(stream, answer.status, answer.fields, extra, !hasBody);
    if (hasBody) session.sendLast(stream, answer.body);
    this.#connection.schedule();
  }

  sendInterim(status: number, fields: FieldList): void {
    this.#connection.session.respond(this.stream!, status, fields, noFields, false);
    this.#connection.schedule();
  }

  startAnswer(status: number, fields: FieldList, length: number, announced: number): void {
    let extra: readonly string[] = this.exchange!.answerFields;
    const told = length > 0 ? length : announced;
    if (told !== -1 && length !== CHUNKED && length !== UNTIL_CLOSE && status !== 204) {
      extra = [...extra, 'content-length', String(told)];
    }
    const isEmpty = length === 0;
    this.#ended = isEmpty;
    this.#connection.session.respond(this.stream!, status, fields, extra, isEmpty);
    this.#connection.schedule();
  }

  sendBody(bytes: Uint8Array, start: number, end: number): void {
    this.#out += (bytes as Buffer).toString('latin1', start, end);
  }

  endAnswer(trailers: FieldList): void {
    if (this.#ended) return;
    const { session } = this.#connection;
    const stream = this.stream!;
    const text = this.#out;
    this.#out = '';
    this.#sent += text.length;
    if (trailers.length === 0) session.sendLast(stream, text);
    else {
      session.send(stream, text);
      session.end(stream, trailers);
    }
    this.#connection.schedule();
  }

  flush(): void {
    this.onAnswerRead();
    if (this.#out === '') return;
    const text = this.#out;
    this.#out = '';
    this.#sent += text.length;
    this.#connection.session.send(this.stream!, text);
    this.#connection.schedule();
  }

  get needsDrain(): boolean {
    const { stream } = this;
    if (stream === null) return false;
    if (this.exchange === null) return stream.pendingBytes > 0;
    return this.#connection.isBlocked || this.#connection.session.isFull(stream);
  }

  protected get bytesTaken(): number {
    return this.#sent - (this.stream?.pendingBytes ?? 0);
  }

  protected get isHeldBack(): boolean {
    return this.#withheld > 0;
  }

  /** The upstream takes body again, or nothing more is wanted: what was withheld is granted. */
  resumeReading(): void {
    const { stream } = this;
    if (stream === null || this.stage === Stage.judging) return;
    if (this.#withheld === 0 && this.#earlyTrailers === null) return;
    const early = this.#early;
    if (early.length > 0) {
      this.#early = [];
      for (const piece of early) this.takeBodyBytes(piece, 0, piece.length);
      if (this.stage === Stage.forwarding) this.flushBody();
    }
    const bytes = this.#withheld;
    this.#withheld = 0;
    this.#connection.session.consume(stream, bytes);
    this.#connection.schedule();
    const trailers = this.#earlyTrailers;
    this.#earlyTrailers = null;
    if (trailers !== null && !this.requestDone) this.endBody(trailers);
  }

  switchProtocols(): void {
    throw new Error('no tunnel was asked for');
  }

  protected finishTunnel(): void {
    throw new Error('there is no tunnel');
  }

  sendTunnelBytes(): void {
    throw new Error('there is no tunnel');
  }

  protected refuseFraming(code: ErrorCode): void {
    const exchange = this.exchange!;
    exchange.refusal = new Refusal(code, 'codec', code);
    this.end(exchange.refusal);
  }

  protected onFinished(): void {
    // Bytes that wait for a window still hold the stream, and their reader must not be too slow.
    if (this.stream !== null && this.stream.pendingBytes === 0) this.#release();
  }

  protected breakTransport(refusal: Refusal | null): void {
    const { stream } = this;
    if (stream !== null) {
      const isReading = stream.pendingBytes === 0 && !this.#ended;
      if (refusal !== null && isReading && this.route !== null && this.route.grpc !== null) {
        // A gRPC client is told why: what ends with another status than OK is not taken for whole.
        const trailers = new FieldList();
        appendGrpcStatus(trailers, this.#exchangeId, refusal);
        this.#connection.session.send(stream, this.#out);
        this.#connection.session.end(stream, trailers);
      } else this.#connection.session.reset(stream, H2Code.internalError);
    }
    this.#connection.schedule();
    this.#release();
  }
}

export class H2Connection implements ByteReader, H2Handler, Flushable {
  isScheduled = false;
  readonly session: H2Session;
  readonly #socket: Socket;
  readonly #context: RelayContext;
  readonly #peer: Peer;
  readonly #onClosed: (connection: H2Connection) => void;
  readonly #active = new Set<H2Exchange>();
  #spare: H2Exchange[] = [];
  #closing = false;
  #closed = false;
  #deadlineMs: number;
  #requests = 0;
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
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => {});
    socket.on('close', () => this.destroy());
    this.schedule();
  }

  onBytes(bytes: Buffer, end: number): void {
    if (this.#closing || this.#closed) return;
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
    exchange.begin(stream, head, problem);
    const { maxRequestsPerConnection } = this.#context.snapshot.limits;
    if (this.#requests >= maxRequestsPerConnection || this.#context.draining) this.drain();
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
    for (const exchange of [...this.#active]) exchange.destroy();
    this.flushNow();
    this.#finish();
  }

  #finish(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.#deadlineMs = performance.now() + LINGER_MS;
    this.#socket.end();
  }

  #onEnd(): void {
    this.destroy();
  }

  /** No new streams; the connection ends with the last one that is open. */
  drain(): void {
    this.session.goAway();
    this.schedule();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const exchange of [...this.#active]) exchange.destroy();
    this.#socket.destroy();
    this.#onClosed(this);
  }

  get busy(): boolean {
    return this.#active.size > 0;
  }
}
