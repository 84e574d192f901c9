// One HTTP/1 connection of a client: reads requests one after the other, keeps order, limits and time, and writes the
// answers. Every refusal of framing closes the connection. HOT
import type { Socket } from 'node:net';
import type { ErrorCode } from '../../core/index.ts';
import { Refusal } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import {
  BodyDecoder,
  type BodySink,
  CHUNKED,
  encodeChunkSize,
  encodeFields,
  encodeLastChunk,
  encodeStatusLine,
  HeadBuffer,
  parseRequestHead,
  UNTIL_CLOSE,
} from '../../http/h1/index.ts';
import type { ByteReader } from '../../net/index.ts';
import type { OwnAnswer } from './answer.ts';
import { JOIN_BYTES, joinText } from './join-text.ts';
import type { Peer, RelayContext } from './route.ts';
import { ServedExchange, Stage } from './served-exchange.ts';

const Phase = {
  /** Between requests. */
  idle: 0,
  /** A head is arriving. */
  head: 1,
  /** An exchange is being served. */
  serving: 2,
  /** Answered by the gate; what is left of the body is thrown away. */
  discarding: 3,
  tunnel: 4,
  /** The last answer is on its way out; input is ignored. */
  closing: 5,
  closed: 6,
} as const;

/** How the answer's body is told from what follows. */
const Framing = { none: 0, chunked: 1 } as const;

/** Body bytes thrown away to keep a connection whose request was refused. */
const DISCARD_BYTES = 65_536;
/** How long a closing connection waits for the client to read the last answer and close, ms. */
const LINGER_MS = 2000;
/**
 * How long an answer may still begin after the client ended its side, ms. Most clients that do so are gone; the few that
 * only read on get their answer within this time.
 */
const HALF_CLOSED_MS = 2000;

export class H1Connection extends ServedExchange implements BodySink, ByteReader {
  readonly #socket: Socket;
  readonly #onClosed: (connection: H1Connection) => void;
  readonly #buffer: HeadBuffer;
  readonly #body = new BodyDecoder(true);
  #phase: number = Phase.idle;
  #keepAlive = true;
  #requests = 0;
  #discarded = 0;
  /** Deadline of phases that have no exchange, monotonic ms. */
  #phaseDeadlineMs: number;
  /** Input that came while it could not be used yet. */
  #backlog: Buffer | null = null;
  #paused = false;
  #consuming = false;
  #ended = false;
  /** When a client that ended its side is taken for gone, monotonic ms. */
  #goneMs = Number.POSITIVE_INFINITY;
  /** Answer text that has not been written yet. */
  #out = '';
  #framing: number = Framing.none;

  constructor(
    socket: Socket,
    peer: Peer,
    context: RelayContext,
    onClosed: (connection: H1Connection) => void,
  ) {
    super(context, peer);
    this.#socket = socket;
    this.#buffer = new HeadBuffer(context.snapshot.limits.maxHeadBytes);
    this.#onClosed = onClosed;
    this.#phaseDeadlineMs = performance.now() + context.snapshot.limits.idleTimeoutMs;
    socket.setNoDelay(true);
    socket.on('drain', () => this.forwarding.onClientDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => {});
    socket.on('close', () => this.destroy());
  }

  // Input.

  onBytes(bytes: Buffer, end: number): void {
    if (this.#backlog !== null) {
      this.#keep(bytes, 0, end);
      return;
    }
    const at = this.#consume(bytes, end);
    if (at < end) this.#keep(bytes, at, end);
  }

  /** Uses as much input as the phase allows; answers the index of the first byte left. */
  #consume(bytes: Buffer, end: number): number {
    let at = 0;
    this.#consuming = true;
    while (at < end) {
      const phase = this.#phase;
      if (phase === Phase.idle || phase === Phase.head) {
        if (phase === Phase.idle) this.#beginHead();
        at = this.#buffer.feed(bytes, at, end);
        if (this.#buffer.tooLarge) this.refuseFraming('request-head-too-large');
        else if (this.#buffer.malformed) this.refuseFraming('request-malformed');
        else if (this.#buffer.complete) this.#beginRequest(this.#buffer.take());
      } else if (phase === Phase.tunnel) {
        if (!this.forwarding.sendTunnel(bytes, at, end)) this.#pause();
        at = end;
      } else if (phase === Phase.closing || phase === Phase.closed) {
        at = end;
      } else if (this.requestDone || this.stage === Stage.judging) {
        break;
      } else {
        at = this.#body.run(bytes, at, end, this);
        if (this.#body.failed) this.refuseFraming('request-malformed');
        else if (this.#body.done && !this.requestDone) this.#onBodyEnd();
      }
    }
    this.#consuming = false;
    if (!this.requestDone && (this.stage === Stage.forwarding || this.stage === Stage.buffering)) {
      if (!this.flushBody()) this.#pause();
    }
    return at;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const piece = Buffer.from(bytes.subarray(start, end));
    this.#backlog = this.#backlog === null ? piece : Buffer.concat([this.#backlog, piece]);
    this.#pause();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (this.#consuming || this.#phase === Phase.closed) return;
    const backlog = this.#backlog;
    if (backlog !== null) {
      this.#backlog = null;
      const at = this.#consume(backlog, backlog.length);
      if (at < backlog.length) {
        this.#backlog = backlog.subarray(at);
        return;
      }
    }
    if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
    if (this.#ended) this.#onEnd();
  }

  protected get isHeldBack(): boolean {
    return this.#paused;
  }

  #beginHead(): void {
    this.#phase = Phase.head;
    this.snapshot = this.context.snapshot;
    this.startMs = performance.now();
    this.#phaseDeadlineMs = this.startMs + this.snapshot.limits.headTimeoutMs;
  }

  #beginRequest(text: string): void {
    const exchange = this.openExchange();
    this.head.fields = exchange.fields;
    this.beginExchange(exchange, parseRequestHead(text, this.head, this.snapshot.limits));
  }

  protected onAccepted(): void {
    const { head } = this;
    this.#phase = Phase.serving;
    this.#requests++;
    this.#keepAlive =
      head.keepAlive &&
      this.#requests < this.snapshot.limits.maxRequestsPerConnection &&
      !this.context.draining;
    this.#body.reset(head.contentLength);
    this.requestDone = this.#body.done;
  }

  protected override onUpgrading(): void {
    this.#keepAlive = false;
  }

  protected override onOversized(): void {
    this.#keepAlive = false;
  }

  onBodyData(bytes: Uint8Array, start: number, end: number): void {
    if (this.#phase === Phase.discarding) {
      this.#discarded += end - start;
      if (this.#discarded > DISCARD_BYTES) this.#close();
    } else this.takeBodyBytes(bytes, start, end);
  }

  #onBodyEnd(): void {
    if (this.#phase === Phase.discarding) {
      this.requestDone = true;
      this.#next(performance.now());
    } else this.endBody(this.#body.trailers);
  }

  // Answers.

  /** `connection` field line for the next answer, or nothing where the version's default is meant. */
  #connectionField(): string {
    if (!this.#keepAlive || this.context.draining) return 'connection: close\r\n';
    return this.head.minor === 1 ? '' : 'connection: keep-alive\r\n';
  }

  protected sendContinue(): void {
    this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
  }

  protected sendOwn(answer: OwnAnswer): void {
    // A body that the client holds back until it is told to send it will never come.
    if (!this.requestDone && (this.head.expectContinue || this.head.contentLength > DISCARD_BYTES)) {
      this.#keepAlive = false;
    }
    let out = encodeStatusLine(answer.status) + encodeFields(answer.fields);
    if (answer.hasLength) out += 'content-length: ' + answer.body.length + '\r\n';
    out += this.#connectionField() + '\r\n';
    this.#socket.write(answer.sendsBody ? out + answer.body : out, 'latin1');
  }

  sendInterim(status: number, fields: FieldList): void {
    if (this.head.minor === 1) {
      this.#socket.write(encodeStatusLine(status) + encodeFields(fields) + '\r\n', 'latin1');
    }
  }

  startAnswer(status: number, fields: FieldList, length: number, announced: number): void {
    let out = encodeStatusLine(status) + encodeFields(fields);
    const added = this.exchange!.answerFields;
    for (let i = 0; i < added.length; i += 2) out += added[i]! + ': ' + added[i + 1]! + '\r\n';
    this.#framing = Framing.none;
    if (length === CHUNKED || length === UNTIL_CLOSE) {
      if (this.head.minor === 1) {
        this.#framing = Framing.chunked;
        out += 'transfer-encoding: chunked\r\n';
      } else this.#keepAlive = false;
    } else if (length > 0) out += 'content-length: ' + length + '\r\n';
    // HEAD and 304 tell the length that GET would have; 204 must not (RFC 9110 section 8.6).
    else if (announced !== -1) {
      if (status !== 204) out += 'content-length: ' + announced + '\r\n';
    } else if (status !== 204 && status !== 304 && this.exchange!.method !== 'HEAD') {
      out += 'content-length: 0\r\n';
    }
    this.#out = out + this.#connectionField() + '\r\n';
  }

  sendBody(bytes: Uint8Array, start: number, end: number): void {
    const size = end - start;
    const chunked = this.#framing === Framing.chunked;
    if (chunked) this.#out += encodeChunkSize(size);
    if (size <= JOIN_BYTES) {
      this.#out += (bytes as Buffer).toString('latin1', start, end);
      if (chunked) this.#out += '\r\n';
      return;
    }
    this.#socket.write(joinText(this.#out, bytes.subarray(start, end)));
    this.#out = chunked ? '\r\n' : '';
  }

  endAnswer(trailers: FieldList): void {
    if (this.#framing === Framing.chunked) this.#out += encodeLastChunk(trailers);
    this.flush();
  }

  flush(): void {
    if (this.#out === '') return;
    const text = this.#out;
    this.#out = '';
    this.#socket.write(text, 'latin1');
  }

  get needsDrain(): boolean {
    return this.#socket.writableNeedDrain;
  }

  protected get bytesTaken(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  switchProtocols(fields: FieldList, upgrade: string): void {
    const text = encodeStatusLine(101) + encodeFields(fields);
    this.#socket.write(text + 'connection: upgrade\r\nupgrade: ' + upgrade + '\r\n\r\n', 'latin1');
    this.#phase = Phase.tunnel;
    this.stage = Stage.tunnel;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.resumeReading();
  }

  sendTunnelBytes(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  protected finishTunnel(last: Buffer | null): void {
    this.#keepAlive = false;
    if (last !== null) this.#socket.write(last);
    this.#finish();
  }

  /** The bytes are no request that may be answered and followed by another: answer once and close. */
  protected refuseFraming(code: ErrorCode): void {
    const exchange = this.exchange ?? this.openExchange();
    if (this.forwarding.active) {
      const { headSent } = this.forwarding;
      this.forwarding.abandon();
      if (headSent) return this.breakOff(code);
    }
    if (this.#phase === Phase.discarding) {
      this.exchange = null;
      return this.#close();
    }
    this.#keepAlive = false;
    this.requestDone = true;
    exchange.refusal = new Refusal(code, 'codec', code);
    this.end(exchange.refusal);
  }

  protected onFinished(own: boolean, nowMs: number): void {
    if (!this.requestDone) {
      // The gate's own answer leaves a body to be read over; the upstream's ends the connection.
      if (this.#keepAlive && own) {
        this.#phase = Phase.discarding;
        this.#discarded = 0;
        this.#phaseDeadlineMs = nowMs + this.snapshot.limits.bodyTimeoutMs;
        return;
      }
      this.#keepAlive = false;
    }
    this.#next(nowMs);
  }

  #next(nowMs: number): void {
    if (!this.#keepAlive || this.context.draining) return this.#finish();
    this.#phase = Phase.idle;
    this.route = null;
    this.#phaseDeadlineMs = nowMs + this.snapshot.limits.idleTimeoutMs;
  }

  // Time and end.

  /** Called a few times a second. */
  sweep(nowMs: number): void {
    if (nowMs >= this.#goneMs && this.#phase === Phase.serving && !this.forwarding.headSent) {
      return this.destroy();
    }
    if (this.#phase === Phase.serving || this.#phase === Phase.tunnel) return this.sweepExchange(nowMs);
    if (nowMs < this.#phaseDeadlineMs) return this.sweepExchange(nowMs);
    if (this.#phase === Phase.head) this.refuseFraming('request-timeout');
    else if (this.#phase === Phase.idle && this.#requests > 0) this.#finish();
    else this.#close();
  }

  /** The client has sent all it will. */
  #onEnd(): void {
    this.#ended = true;
    if (this.#backlog !== null) return;
    if (this.#phase === Phase.idle || this.#phase === Phase.closing) this.#close();
    else if (this.#phase === Phase.tunnel || this.#phase === Phase.head || !this.requestDone) this.destroy();
    // A whole request of a client that only reads now is answered, then the connection ends.
    else if (this.#keepAlive || this.#goneMs === Number.POSITIVE_INFINITY) {
      this.#keepAlive = false;
      this.#goneMs = performance.now() + HALF_CLOSED_MS;
    }
  }

  protected breakTransport(): void {
    this.#close(true);
  }

  /** Sends what is left and closes, giving the client time to read it before the socket goes. */
  #finish(): void {
    if (this.#phase === Phase.closing || this.#phase === Phase.closed) return;
    this.#phase = Phase.closing;
    this.#backlog = null;
    this.#phaseDeadlineMs = performance.now() + LINGER_MS;
    this.#socket.end();
    if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
    if (this.#ended) this.#socket.destroySoon();
  }

  #close(reset = false): void {
    if (this.#phase === Phase.closed) return;
    this.#phase = Phase.closed;
    this.forwarding.abandon();
    this.#backlog = null;
    if (reset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    this.#onClosed(this);
  }

  /** Lets the exchange under way finish, then closes; an idle connection closes at once. */
  drain(): void {
    this.#keepAlive = false;
    if (this.#phase === Phase.idle) this.#finish();
  }

  /** Ends the connection whatever it does. */
  destroy(): void {
    if (this.#phase === Phase.closed) return;
    this.abandon();
    this.#close();
  }

  get idle(): boolean {
    return this.#phase === Phase.idle;
  }

  /** True while a request is being served. */
  get busy(): boolean {
    return this.exchange !== null;
  }
}
