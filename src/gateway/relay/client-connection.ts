// One client connection: reads requests one after the other, has them judged, hands them to the forwarding half,
// and keeps order, limits and time. Every refusal of framing closes the connection. HOT
import type { Socket } from 'node:net';
import { type ErrorCode, errorTable, randomHex } from '../../core/index.ts';
import { type Decision, Exchange, type GuardName, Refusal } from '../../exchange/index.ts';
import { answerPreflight } from '../../guards/harden/index.ts';
import {
  BodyDecoder,
  type BodySink,
  HeadBuffer,
  parseRequestHead,
  RequestHead,
} from '../../http/h1/index.ts';
import type { ByteReader } from '../../net/index.ts';
import { runOnBody, runOnRequest } from '../../pipeline/index.ts';
import { RouteMatch } from '../router/index.ts';
import { encodeAnswer, encodeRefusal } from './answer.ts';
import { Forwarding } from './forwarding.ts';
import { takeHead } from './request-head.ts';
import type { ListenerSnapshot, RelayContext, RouteEntry } from './route.ts';

export const Phase = {
  /** Between requests. */
  idle: 0,
  /** A head is arriving. */
  head: 1,
  /** A guard waits for something. */
  judging: 2,
  /** The body is collected for the guards. */
  buffering: 3,
  /** At the upstream; the body may still be arriving. */
  forwarding: 4,
  /** Answered by the gate; what is left of the body is thrown away. */
  discarding: 5,
  tunnel: 6,
  /** The last answer is on its way out; input is ignored. */
  closing: 7,
  closed: 8,
} as const;

/** Body bytes thrown away to keep a connection whose request was refused. */
const DISCARD_BYTES = 65_536;
/** How long a closing connection waits for the client to read the last answer and close, ms. */
const LINGER_MS = 2000;
/** Averages are judged after this time, ms. */
const RATE_GRACE_MS = 5000;

const match = new RouteMatch<RouteEntry>();
const emptyBody = Buffer.alloc(0);
const websocketKey = /^[A-Za-z0-9+/]{22}==$/;

export class ClientConnection implements BodySink, ByteReader {
  readonly socket: Socket;
  readonly head = new RequestHead();
  keepAlive = true;
  /** Monotonic ms (this thread's performance.now) at the first byte of the current request. */
  startMs = 0;
  phase: number = Phase.idle;

  readonly #context: RelayContext;
  readonly #peerAddress: string;
  readonly #onClosed: (connection: ClientConnection) => void;
  readonly #buffer: HeadBuffer;
  readonly #body = new BodyDecoder(true);
  readonly #forwarding = new Forwarding(this);
  #snapshot: ListenerSnapshot;
  #exchange: Exchange | null = null;
  #route: RouteEntry | null = null;
  #upgrade = '';
  #requestDone = true;
  #chunks: Buffer[] = [];
  #bodyStartMs = 0;
  #deadlineMs: number;
  #requests = 0;
  /** Input that came while it could not be used yet. */
  #backlog: Buffer | null = null;
  #paused = false;
  #consuming = false;
  #ended = false;
  /** The answer's bytes that the socket had taken when the client was last seen reading. */
  #writtenAt = 0;
  #blockedSinceMs = 0;

  constructor(
    socket: Socket,
    peerAddress: string,
    context: RelayContext,
    onClosed: (connection: ClientConnection) => void,
  ) {
    this.socket = socket;
    this.#peerAddress = peerAddress;
    this.#context = context;
    this.#snapshot = context.snapshot;
    this.#buffer = new HeadBuffer(context.snapshot.limits.maxHeadBytes);
    this.#onClosed = onClosed;
    this.#deadlineMs = performance.now() + context.snapshot.limits.idleTimeoutMs;
    socket.setNoDelay(true);
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
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
      const phase = this.phase;
      if (phase === Phase.idle || phase === Phase.head) {
        if (phase === Phase.idle) this.#beginHead();
        at = this.#buffer.feed(bytes, at, end);
        if (this.#buffer.tooLarge) this.#refuseFraming('request-head-too-large');
        else if (this.#buffer.malformed) this.#refuseFraming('request-malformed');
        else if (this.#buffer.complete) this.#beginExchange(this.#buffer.take());
      } else if (phase === Phase.tunnel) {
        if (!this.#forwarding.sendTunnel(bytes, at, end)) this.#pause();
        at = end;
      } else if (phase === Phase.closing || phase === Phase.closed) {
        at = end;
      } else if (this.#requestDone || phase === Phase.judging) {
        break;
      } else {
        at = this.#body.run(bytes, at, end, this);
        if (this.#body.failed) this.#refuseFraming('request-malformed');
        else if (this.#body.done && !this.#requestDone) this.#onBodyEnd();
      }
    }
    this.#consuming = false;
    if (this.phase === Phase.forwarding && !this.#requestDone) {
      this.#deadlineMs = performance.now() + this.#snapshot.limits.bodyTimeoutMs;
      if (!this.#forwarding.flushRequest()) this.#pause();
    } else if (this.phase === Phase.buffering) {
      this.#deadlineMs = performance.now() + this.#snapshot.limits.bodyTimeoutMs;
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
    this.socket.pause();
  }

  /** Goes on with input that waited. */
  resumeReading(): void {
    if (this.#consuming || this.phase === Phase.closed) return;
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
      this.socket.resume();
    }
    if (this.#ended) this.#onEnd();
  }

  // One request.

  #beginHead(): void {
    this.phase = Phase.head;
    this.#snapshot = this.#context.snapshot;
    this.startMs = performance.now();
    this.#deadlineMs = this.startMs + this.#snapshot.limits.headTimeoutMs;
  }

  #openExchange(): Exchange {
    const exchange = new Exchange();
    exchange.id = randomHex(32);
    exchange.receivedMs = Date.now();
    exchange.startMs = this.startMs;
    exchange.listener = this.#snapshot.name;
    exchange.secure = this.#snapshot.secure;
    exchange.peerAddress = this.#peerAddress;
    exchange.clientAddress = this.#peerAddress;
    this.#exchange = exchange;
    this.#route = null;
    return exchange;
  }

  #beginExchange(text: string): void {
    const exchange = this.#openExchange();
    const head = this.head;
    const snapshot = this.#snapshot;
    head.fields = exchange.fields;
    const problem = parseRequestHead(text, head, snapshot.limits) ?? takeHead(exchange, head, snapshot);
    if (problem !== null) return this.#refuseFraming(problem);

    this.#requests++;
    this.keepAlive =
      head.keepAlive && this.#requests < snapshot.limits.maxRequestsPerConnection && !this.#context.draining;
    this.#body.reset(head.contentLength);
    this.#requestDone = this.#body.done;
    this.#upgrade = '';

    const router = snapshot.router;
    const found = router.find(exchange.host, exchange.method, exchange.path, match);
    if (found !== 'found') return this.#refuseRoute(found);
    const route = match.value!;
    this.#route = route;
    exchange.operation = route.operation;
    exchange.params = match.params;
    if (head.contentLength > route.maxBodyBytes) return this.refuse('request-body-too-large', 'admit');
    if (head.upgrade === 'websocket' && !this.#acceptUpgrade(route))
      return this.refuse('upgrade-refused', 'admit');

    const decision = runOnRequest(route.pipeline, exchange);
    if (decision === null) this.#onJudged();
    else if (decision instanceof Promise) this.#await(decision, false);
    else this.#end(decision);
  }

  /** CORS preflights name an operation by the method they ask for; all else unknown is refused. */
  #refuseRoute(found: 'method-not-allowed' | 'unknown' | 'ambiguous'): void {
    const exchange = this.#exchange!;
    if (exchange.method === 'OPTIONS' && found !== 'ambiguous') {
      const wanted = exchange.fields.get('access-control-request-method');
      if (wanted !== null && exchange.fields.has('origin')) {
        const allowed = match.allow;
        if (this.#snapshot.router.find(exchange.host, wanted, exchange.path, match) === 'found') {
          const route = match.value!;
          const answer = answerPreflight(route.harden, exchange);
          if (answer !== null) {
            this.#route = route;
            exchange.operation = route.operation;
            return this.#end(answer);
          }
        }
        match.allow = allowed;
      }
    }
    if (found === 'method-not-allowed') {
      this.#end(new Refusal('method-not-allowed', 'router', 'method', '', ['allow', match.allow]));
    } else if (found === 'ambiguous') this.#refuseFraming('request-path-ambiguous');
    else this.refuse('operation-unknown', 'router');
  }

  #acceptUpgrade(route: RouteEntry): boolean {
    const fields = this.#exchange!.fields;
    const key = fields.count('sec-websocket-key') === 1 ? fields.get('sec-websocket-key')! : '';
    const accepted =
      route.websocket &&
      this.#exchange!.method === 'GET' &&
      this.head.contentLength === 0 &&
      fields.get('sec-websocket-version') === '13' &&
      websocketKey.test(key);
    if (accepted) {
      this.#upgrade = 'websocket';
      // Whatever the upstream answers, nothing else is read from this client as HTTP.
      this.keepAlive = false;
    }
    return accepted;
  }

  async #await(waiting: Promise<Decision>, afterBody: boolean): Promise<void> {
    const exchange = this.#exchange;
    this.phase = Phase.judging;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    const decision = await waiting;
    if (this.#exchange !== exchange || this.phase !== Phase.judging) return;
    if (decision !== null) this.#end(decision);
    else if (afterBody) this.#forward(this.#takeBody());
    else this.#onJudged();
    this.resumeReading();
  }

  /** The head may pass. */
  #onJudged(): void {
    const limits = this.#snapshot.limits;
    if (!this.#requestDone) {
      if (this.head.expectContinue) this.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
      this.#bodyStartMs = performance.now();
      this.#deadlineMs = this.#bodyStartMs + limits.bodyTimeoutMs;
      if (this.#route!.buffersBody) {
        this.phase = Phase.buffering;
        return;
      }
    } else if (this.#route!.buffersBody) {
      return this.#judgeBody();
    }
    this.#forward(this.#requestDone ? emptyBody : null);
  }

  #judgeBody(): void {
    const body = this.#takeBody();
    const decision = runOnBody(this.#route!.pipeline, this.#exchange!, body);
    if (decision === null) this.#forward(body);
    else if (decision instanceof Promise) {
      if (body.length > 0) this.#chunks = [body];
      this.#await(decision, true);
    } else this.#end(decision);
  }

  #takeBody(): Buffer {
    const chunks = this.#chunks;
    if (chunks.length === 0) return emptyBody;
    this.#chunks = [];
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  #forward(body: Buffer | null): void {
    const exchange = this.#exchange!;
    const nowMs = performance.now();
    exchange.judgedMs = nowMs - this.startMs;
    this.phase = Phase.forwarding;
    if (body !== null) this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#forwarding.start(exchange, this.#route!, body, this.#upgrade, nowMs);
  }

  onBodyData(bytes: Uint8Array, start: number, end: number): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    exchange.requestBytes += end - start;
    if (this.phase === Phase.discarding) {
      if (exchange.requestBytes > DISCARD_BYTES) this.#close();
      return;
    }
    if (exchange.requestBytes > this.#route!.maxBodyBytes) {
      this.#forwarding.abandon();
      this.keepAlive = false;
      if (this.#forwarding.headSent && this.phase === Phase.forwarding)
        this.breakOff('request-body-too-large');
      else this.refuse('request-body-too-large', 'admit');
    } else if (this.phase === Phase.buffering) {
      this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
    } else if (this.phase === Phase.forwarding) {
      this.#forwarding.sendBody(bytes, start, end);
    }
  }

  #onBodyEnd(): void {
    this.#requestDone = true;
    if (this.phase === Phase.buffering) this.#judgeBody();
    else if (this.phase === Phase.forwarding) {
      this.#deadlineMs = Number.POSITIVE_INFINITY;
      this.#forwarding.endBody(this.#body.trailers);
    } else if (this.phase === Phase.discarding) this.#next();
  }

  // Answers.

  /** Ends the exchange with the gate's own answer. */
  refuse(code: ErrorCode, guard: GuardName): void {
    this.#end(new Refusal(code, guard, code));
    this.resumeReading();
  }

  #end(decision: Exclude<Decision, null>): void {
    const exchange = this.#exchange!;
    this.#chunks = [];
    exchange.decidedBy = decision.guard;
    // A body that the client holds back until it is told to send it will never come.
    if (!this.#requestDone && (this.head.expectContinue || this.head.contentLength > DISCARD_BYTES)) {
      this.keepAlive = false;
    }
    const pipeline = this.#route?.pipeline ?? this.#snapshot.fallback;
    if (decision.kind === 'refusal') {
      exchange.refusal = decision;
      exchange.status = errorTable[decision.code].status;
      this.write(encodeRefusal(exchange, decision, pipeline, this.connectionField()));
    } else {
      exchange.status = decision.status;
      this.write(encodeAnswer(exchange, decision, pipeline, this.connectionField()));
    }
    this.#record();
    if (this.keepAlive && !this.#requestDone) {
      this.phase = Phase.discarding;
      this.#deadlineMs = performance.now() + this.#snapshot.limits.bodyTimeoutMs;
    } else this.#next();
  }

  /** The bytes are no request that may be answered and followed by another: answer once and close. */
  #refuseFraming(code: ErrorCode): void {
    const exchange = this.#exchange ?? this.#openExchange();
    if (this.#forwarding.active) {
      const headSent = this.#forwarding.headSent;
      this.#forwarding.abandon();
      if (headSent) return this.breakOff(code);
    }
    if (this.phase === Phase.discarding) return this.#close();
    this.keepAlive = false;
    this.#requestDone = true;
    exchange.refusal = new Refusal(code, 'codec', code);
    this.#end(exchange.refusal);
  }

  /** The upstream's answer went out whole. */
  onAnswered(): void {
    this.#record();
    if (!this.#requestDone) this.keepAlive = false;
    this.#next();
    this.resumeReading();
  }

  /** An answer that has begun can not be finished: the break must be seen. */
  breakOff(code: ErrorCode): void {
    const exchange = this.#exchange;
    if (exchange !== null) {
      exchange.refusal = new Refusal(code, 'upstream', code);
      exchange.decidedBy = 'upstream';
      this.#record();
    }
    this.#close(true);
  }

  onTunnel(): void {
    this.phase = Phase.tunnel;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.resumeReading();
  }

  #record(): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    exchange.endMs = performance.now() - this.startMs;
    this.#exchange = null;
    this.#context.telemetry.record(exchange);
  }

  #next(): void {
    if (!this.keepAlive || this.#context.draining) return this.#finish();
    this.phase = Phase.idle;
    this.#route = null;
    this.#deadlineMs = performance.now() + this.#snapshot.limits.idleTimeoutMs;
  }

  /** `connection` field line for the next answer, or nothing where the version's default is meant. */
  connectionField(): string {
    if (!this.keepAlive || this.#context.draining) return 'connection: close\r\n';
    return this.head.minor === 1 ? '' : 'connection: keep-alive\r\n';
  }

  // Output.

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  writeBytes(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  get needsDrain(): boolean {
    return this.socket.writableNeedDrain;
  }

  #onDrain(): void {
    this.#blockedSinceMs = 0;
    this.#forwarding.onClientDrain();
  }

  // Time and end.

  /** Called a few times a second. */
  sweep(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) return this.#onDeadline();
    if (nowMs >= this.#forwarding.deadlineMs) {
      if (this.phase === Phase.tunnel) {
        this.#forwarding.abandon();
        this.#record();
        this.#close();
      } else if (!this.needsDrain) this.#forwarding.onTimeout(nowMs);
    }
    const rate = this.#snapshot.limits.minBytesPerSecond;
    if (rate === 0) return;
    if (this.phase === Phase.buffering || (this.phase === Phase.forwarding && !this.#requestDone)) {
      const elapsedMs = nowMs - this.#bodyStartMs;
      if (
        elapsedMs > RATE_GRACE_MS &&
        !this.#paused &&
        this.#exchange !== null &&
        this.#exchange.requestBytes * 1000 < rate * elapsedMs
      ) {
        return this.#onDeadline();
      }
    }
    if (this.needsDrain) this.#checkReader(nowMs, rate);
  }

  /** A client that does not read its answer holds memory and an upstream connection. */
  #checkReader(nowMs: number, rate: number): void {
    const taken = this.socket.bytesWritten - this.socket.writableLength;
    if (this.#blockedSinceMs === 0) {
      this.#blockedSinceMs = nowMs;
      this.#writtenAt = taken;
    } else if (nowMs - this.#blockedSinceMs > RATE_GRACE_MS) {
      if ((taken - this.#writtenAt) * 1000 < rate * (nowMs - this.#blockedSinceMs)) {
        this.#forwarding.abandon();
        if (this.#exchange !== null) this.breakOff('request-aborted');
        else this.#close(true);
        return;
      }
      this.#blockedSinceMs = nowMs;
      this.#writtenAt = taken;
    }
  }

  #onDeadline(): void {
    switch (this.phase) {
      case Phase.idle:
        if (this.#requests === 0 && this.#buffer.empty) return this.#close();
        return this.#finish();
      case Phase.head:
        return this.#refuseFraming('request-timeout');
      case Phase.buffering:
      case Phase.forwarding: {
        const headSent = this.#forwarding.headSent && this.#forwarding.active;
        this.#forwarding.abandon();
        this.keepAlive = false;
        if (headSent) return this.breakOff('request-timeout');
        return this.#end(new Refusal('request-timeout', 'codec', 'body-timeout'));
      }
      default:
        this.#close();
    }
  }

  /** The client has sent all it will. */
  #onEnd(): void {
    this.#ended = true;
    if (this.#backlog !== null) return;
    if (this.phase === Phase.idle || this.phase === Phase.closing) this.#close();
    else if (this.phase === Phase.tunnel || this.phase === Phase.head || !this.#requestDone) this.#abort();
    // A whole request of a client that only reads now is answered, then the connection ends.
    else this.keepAlive = false;
  }

  #onClose(): void {
    if (this.phase === Phase.closed) return;
    this.#abort();
  }

  #abort(): void {
    this.#forwarding.abandon();
    const exchange = this.#exchange;
    if (exchange !== null) {
      if (this.phase !== Phase.tunnel) {
        exchange.refusal = new Refusal('request-aborted', 'codec', 'client-closed');
        exchange.decidedBy = 'codec';
        if (exchange.status === 0) exchange.status = errorTable['request-aborted'].status;
      }
      this.#record();
    }
    this.#close();
  }

  /** Sends what is left and closes, giving the client time to read it before the socket goes. */
  #finish(): void {
    if (this.phase === Phase.closing || this.phase === Phase.closed) return;
    this.phase = Phase.closing;
    this.#backlog = null;
    this.#deadlineMs = performance.now() + LINGER_MS;
    this.socket.end();
    if (this.#paused) {
      this.#paused = false;
      this.socket.resume();
    }
    if (this.#ended) this.socket.destroySoon();
  }

  #close(reset = false): void {
    if (this.phase === Phase.closed) return;
    this.phase = Phase.closed;
    this.#forwarding.abandon();
    this.#backlog = null;
    if (reset) this.socket.resetAndDestroy();
    else this.socket.destroy();
    this.#onClosed(this);
  }

  /** Lets the exchange under way finish, then closes; an idle connection closes at once. */
  drain(): void {
    this.keepAlive = false;
    if (this.phase === Phase.idle) this.#finish();
  }

  /** Ends the connection whatever it does. */
  destroy(): void {
    if (this.phase === Phase.closed) return;
    this.#abort();
  }

  /** True while a request is being served. */
  get busy(): boolean {
    return this.#exchange !== null;
  }
}
