// One stream of a client's HTTP/2 connection as an exchange. The request is held until its turn comes: what is reset in
// the read that brought it is never judged, and one connection can not fill a turn of the event loop. HOT
import type { ErrorCode } from '../../core/index.ts';
import { Refusal } from '../../exchange/index.ts';
import { FieldList } from '../../http/fields/index.ts';
import { CHUNKED, type RequestHead, UNTIL_CLOSE } from '../../http/h1/index.ts';
import { H2Code, type H2Session, type H2Stream } from '../../http/h2/index.ts';
import { appendGrpcStatus, type OwnAnswer } from './answer.ts';
import type { Peer, RelayContext } from './route.ts';
import { ServedExchange, Stage } from './served-exchange.ts';

const noFields: readonly string[] = [];
const interimEmpty = new FieldList();

/** The connection, as its exchanges know it. */
export interface H2ExchangeOwner {
  readonly session: H2Session;
  /** Whether the client takes no more at the moment. */
  readonly isBlocked: boolean;
  /** Sees to it that what the session has to say goes out. */
  schedule(): void;
  /** The exchange has no stream any more and may serve another. */
  released(exchange: H2Exchange): void;
}

export class H2Exchange extends ServedExchange {
  stream: H2Stream | null = null;
  readonly #connection: H2ExchangeOwner;
  /** Bytes of the request's body that were passed on and not granted again, because the upstream took no more. */
  #withheld = 0;
  /** Bytes of answers handed to the session, and the body text of this turn. */
  #sent = 0;
  #out = '';
  #ended = false;
  #exchangeId = '';
  /** Well formed, but to be answered with this. */
  #problem: ErrorCode | null = null;
  /** Body and end that came while the request or a guard was waiting. */
  #early: Buffer[] = [];
  #earlyTrailers: FieldList | null = null;

  constructor(connection: H2ExchangeOwner, context: RelayContext, peer: Peer) {
    super(context, peer);
    this.#connection = connection;
  }

  /** Takes a request that has come; `begin` serves it. */
  hold(stream: H2Stream, head: RequestHead, problem: ErrorCode | null): void {
    this.stream = stream;
    stream.owner = this;
    this.startMs = performance.now();
    this.stage = Stage.judging;
    this.head = head;
    this.requestDone = stream.remoteDone;
    this.#problem = problem;
    this.#withheld = 0;
    this.#sent = 0;
    this.#out = '';
    this.#ended = false;
    this.#exchangeId = '';
    this.#early = [];
    this.#earlyTrailers = null;
  }

  /** Serves the request: its turn has come. */
  begin(): void {
    this.stage = Stage.none;
    this.snapshot = this.context.snapshot;
    const exchange = this.openExchange();
    exchange.httpMajor = 2;
    this.#exchangeId = exchange.id;
    exchange.fields = this.head.fields;
    this.beginExchange(exchange, this.#problem);
    this.resumeReading();
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    const stream = this.stream!;
    if (this.stage === Stage.judging) {
      // The request or a guard waits: what comes meanwhile is kept, no more than the stream's window.
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
    this.destroy();
  }

  onDrain(): void {
    if (this.exchange !== null) this.forwarding.onClientDrain();
    else if (this.stage !== Stage.judging) this.onFinished();
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
