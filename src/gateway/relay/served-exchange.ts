// One exchange from the parsed head to the access record, whatever protocol it came in by: route, judge, collect or
// stream the body, forward, answer. What is different about HTTP/1 and HTTP/2 stands in the two subclasses. HOT
import { type ErrorCode, errorTable, randomHex } from '../../core/index.ts';
import { type Decision, Exchange, type GuardName, Refusal } from '../../exchange/index.ts';
import { answerPreflight } from '../../guards/harden/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import { GrpcMessages, grpcStatusOf } from '../../http/grpc/index.ts';
import { RequestHead } from '../../http/h1/index.ts';
import { runOnBody, runOnEnd, runOnRequest } from '../../pipeline/index.ts';
import { RouteMatch } from '../router/index.ts';
import { OwnAnswer, prepareAnswer, prepareRefusal } from './answer.ts';
import { Forwarding } from './forwarding.ts';
import { takeHead } from './request-head.ts';
import type { ListenerSnapshot, Peer, RelayContext, RouteEntry } from './route.ts';
import { isHandshake, isOriginWelcome, limitExtensions } from './websocket.ts';

export const Stage = {
  /** No exchange, or one that has been answered. */
  none: 0,
  /** A guard waits for something. */
  judging: 1,
  /** The body is collected for the guards. */
  buffering: 2,
  /** At the upstream; the body may still be arriving. */
  forwarding: 3,
  tunnel: 4,
} as const;

/** Averages are judged after this time, ms. */
const RATE_GRACE_MS = 5000;

const match = new RouteMatch<RouteEntry>();
const ownAnswer = new OwnAnswer();
const emptyBody = Buffer.alloc(0);

export abstract class ServedExchange {
  head = new RequestHead();
  /** Monotonic ms (this thread's performance.now) at the first byte of the request. */
  startMs = 0;
  stage: number = Stage.none;
  /** When the client's part of the current stage must be over, monotonic ms. */
  deadlineMs = Number.POSITIVE_INFINITY;

  protected readonly context: RelayContext;
  protected readonly peer: Peer;
  protected readonly forwarding: Forwarding;
  protected snapshot: ListenerSnapshot;
  protected exchange: Exchange | null = null;
  protected route: RouteEntry | null = null;
  /** The whole request has arrived. */
  protected requestDone = true;
  #upgrade = '';
  #chunks: Buffer[] = [];
  /** Follows the client's messages in a gRPC call. */
  #messages: GrpcMessages | null = null;
  #bodyStartMs = 0;
  /** Bytes of the answer that the client had taken when it was last seen reading, and since when it takes none. */
  #takenAt = 0;
  #blockedSinceMs = 0;

  constructor(context: RelayContext, peer: Peer) {
    this.context = context;
    this.peer = peer;
    this.snapshot = context.snapshot;
    this.forwarding = new Forwarding(this);
  }

  // What the protocol does.

  /** Sends `100 Continue`. */
  protected abstract sendContinue(): void;
  /** Sends an answer of the gate's own, whole. */
  protected abstract sendOwn(answer: OwnAnswer): void;
  /** Starts an answer of `length` bytes; CHUNKED or UNTIL_CLOSE where only its end will tell. */
  abstract startAnswer(status: number, fields: FieldList, length: number, announced: number): void;
  /** Sends an interim answer. */
  abstract sendInterim(status: number, fields: FieldList): void;
  abstract sendBody(bytes: Uint8Array, start: number, end: number): void;
  abstract endAnswer(trailers: FieldList): void;
  /** Writes what has been collected. */
  abstract flush(): void;
  /** Whether the client takes no more at the moment. */
  abstract get needsDrain(): boolean;
  /** Bytes of answers that the client has taken so far. */
  protected abstract get bytesTaken(): number;
  /** Whether the request's body has been held back, so that a slow upstream is not taken for a slow client. */
  protected abstract get isHeldBack(): boolean;
  /** Goes on with input that waited. */
  abstract resumeReading(): void;
  /** Switches to a tunnel after a checked 101. */
  abstract switchProtocols(fields: FieldList, upgrade: string): void;
  abstract sendTunnelBytes(bytes: Buffer): void;
  /** Sends the last bytes of a tunnel, if any, and closes. */
  protected abstract finishTunnel(last: Buffer | null): void;
  /** The request can not be read on: answer once and give it up. */
  protected abstract refuseFraming(code: ErrorCode): void;
  /** The head is well formed: the last moment before it is routed. */
  protected abstract onAccepted(): void;
  /** The answer went out whole and the exchange is recorded. `own`: it was the gate's own. */
  protected abstract onFinished(own: boolean, nowMs: number): void;
  /** Ends the exchange in a way that the client can not take for a whole answer; `refusal`: why, where it is known. */
  protected abstract breakTransport(refusal: Refusal | null): void;

  // The request.

  protected openExchange(): Exchange {
    const exchange = new Exchange();
    exchange.id = randomHex(32);
    exchange.receivedMs = Date.now();
    exchange.startMs = this.startMs;
    exchange.listener = this.snapshot.name;
    exchange.secure = this.snapshot.secure;
    exchange.tls = this.peer.tls;
    exchange.peerAddress = this.peer.address;
    exchange.clientAddress = this.peer.address;
    exchange.clientCertificate = this.peer.certificate;
    this.exchange = exchange;
    this.route = null;
    this.#upgrade = '';
    return exchange;
  }

  /** Serves `head`, which is read already but for what `problem` says. */
  protected beginExchange(exchange: Exchange, problem: ErrorCode | null): void {
    const { head, snapshot } = this;
    const refused = problem ?? takeHead(exchange, head, snapshot);
    if (refused !== null) return this.refuseFraming(refused);
    if (snapshot.geography !== null) exchange.place = snapshot.geography.placeOf(exchange.clientAddress);
    this.onAccepted();
    this.context.telemetry.begin(exchange);
    if (snapshot.front !== null) {
      const answer = snapshot.front.answer(exchange);
      if (answer !== null) return this.end(answer);
    }
    const found = snapshot.router.find(exchange.host, exchange.method, exchange.path, match);
    if (found !== 'found') return this.#refuseRoute(found);
    const route = match.value!;
    this.route = route;
    exchange.operation = route.operation;
    exchange.params = match.params;
    this.#messages = route.grpc === null ? null : new GrpcMessages(route.grpc.maxMessageBytes);
    if (head.contentLength > route.maxBodyBytes) return this.refuse('request-body-too-large', 'admit');
    if (head.upgrade === 'websocket') {
      if (route.websocket === null || !isHandshake(exchange, head)) {
        return this.refuse('upgrade-refused', 'admit');
      }
      const { origins, mayCompress } = route.websocket;
      if (!isOriginWelcome(exchange, head, route.harden, origins)) {
        return this.refuse('origin-denied', 'admit');
      }
      limitExtensions(exchange.fields, mayCompress && route.pipeline.onMessage.length === 0);
      this.#upgrade = 'websocket';
      this.onUpgrading();
    }

    const decision = runOnRequest(route.pipeline, exchange);
    if (decision === null) this.#onJudged();
    else if (decision instanceof Promise) this.#await(decision, false);
    else this.end(decision);
  }

  /** CORS preflights name an operation by the method they ask for; all else unknown is refused. */
  #refuseRoute(found: 'method-not-allowed' | 'unknown' | 'ambiguous'): void {
    const exchange = this.exchange!;
    if (exchange.method === 'OPTIONS' && found !== 'ambiguous') {
      const wanted = exchange.fields.get('access-control-request-method');
      if (wanted !== null && exchange.fields.has('origin')) {
        const allowed = match.allow;
        if (this.snapshot.router.find(exchange.host, wanted, exchange.path, match) === 'found') {
          const route = match.value!;
          const answer = answerPreflight(route.harden, exchange);
          if (answer !== null) {
            this.route = route;
            exchange.operation = route.operation;
            return this.end(answer);
          }
        }
        match.allow = allowed;
      }
    }
    if (found === 'method-not-allowed') {
      this.end(new Refusal('method-not-allowed', 'router', 'method', '', ['allow', match.allow]));
    } else if (found === 'ambiguous') this.refuseFraming('request-path-ambiguous');
    else this.refuse('operation-unknown', 'router');
  }

  /** The client has asked for a tunnel and may have it: whatever comes, nothing else is read as a request. */
  protected onUpgrading(): void {}

  async #await(waiting: Promise<Decision>, afterBody: boolean): Promise<void> {
    const exchange = this.exchange;
    this.stage = Stage.judging;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    const decision = await waiting;
    if (this.exchange !== exchange || this.stage !== Stage.judging) return;
    if (decision !== null) this.end(decision);
    else if (afterBody) this.#forward(this.#takeBody());
    else this.#onJudged();
    this.resumeReading();
  }

  /** The head may pass. */
  #onJudged(): void {
    if (!this.requestDone) {
      if (this.head.expectContinue) this.sendContinue();
      this.#bodyStartMs = performance.now();
      this.deadlineMs = this.#bodyStartMs + this.#pauseMs();
      if (this.route!.buffersBody) {
        this.stage = Stage.buffering;
        return;
      }
    } else if (this.route!.buffersBody) {
      return this.#judgeBody();
    }
    this.#forward(this.requestDone ? emptyBody : null);
  }

  /** Longest pause within the request's body, ms. A gRPC call may be silent as long as the upstream may. */
  #pauseMs(): number {
    const route = this.route!;
    return route.grpc === null ? this.snapshot.limits.bodyTimeoutMs : route.upstream.idleTimeoutMs;
  }

  /** The upstream has answered something: a gRPC call that still sends is alive. */
  protected onAnswerRead(): void {
    if (this.#messages !== null && !this.requestDone) this.deadlineMs = performance.now() + this.#pauseMs();
  }

  #judgeBody(): void {
    const body = this.#takeBody();
    const decision = runOnBody(this.route!.pipeline, this.exchange!, body);
    if (decision === null) this.#forward(body);
    else if (decision instanceof Promise) {
      if (body.length > 0) this.#chunks = [body];
      this.#await(decision, true);
    } else this.end(decision);
  }

  #takeBody(): Buffer {
    const chunks = this.#chunks;
    if (chunks.length === 0) return emptyBody;
    this.#chunks = [];
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  #forward(body: Buffer | null): void {
    const exchange = this.exchange!;
    const nowMs = performance.now();
    exchange.judgedMs = nowMs - this.startMs;
    this.stage = Stage.forwarding;
    if (body !== null) this.deadlineMs = Number.POSITIVE_INFINITY;
    this.forwarding.start(exchange, this.route!, body, this.#upgrade, nowMs);
  }

  /** Bytes of the request's body; the protocol has seen to it that they belong to the exchange. */
  protected takeBodyBytes(bytes: Uint8Array, start: number, end: number): void {
    const exchange = this.exchange;
    if (exchange === null) return;
    exchange.requestBytes += end - start;
    const broken = this.#messages?.run(bytes, start, end) ?? null;
    if (broken !== null) {
      return this.#refuseBody(broken === 'invalid' ? 'grpc-message-invalid' : 'request-body-too-large');
    }
    if (exchange.requestBytes > this.route!.maxBodyBytes) {
      this.#refuseBody('request-body-too-large');
    } else if (this.stage === Stage.buffering) {
      this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
    } else if (this.stage === Stage.forwarding) {
      this.forwarding.sendBody(bytes, start, end);
    }
  }

  #refuseBody(code: ErrorCode): void {
    const begun = this.forwarding.headSent && this.stage === Stage.forwarding;
    this.forwarding.abandon();
    this.onOversized();
    if (begun) this.breakOff(code);
    else this.refuse(code, 'admit');
  }

  /** More body than allowed: what still comes is not wanted. */
  protected onOversized(): void {}

  protected endBody(trailers: FieldList): void {
    this.requestDone = true;
    // Answered already.
    if (this.exchange === null) return;
    if (this.#messages?.betweenMessages === false) return this.#refuseBody('grpc-message-invalid');
    if (this.stage === Stage.buffering) this.#judgeBody();
    else if (this.stage === Stage.forwarding) {
      this.deadlineMs = Number.POSITIVE_INFINITY;
      // What the gate says of the caller is not said again after the body.
      const added = this.exchange.upstreamFields;
      for (let i = 0; i < added.length; i += 2) trailers.remove(added[i]!);
      this.forwarding.endBody(trailers);
    }
  }

  // Answers.

  /** Ends the exchange with the gate's own answer. */
  refuse(code: ErrorCode, guard: GuardName): void {
    this.conclude(new Refusal(code, guard, code));
  }

  /** Ends the exchange with the gate's own answer, whatever the upstream said, and goes on with input that waited. */
  conclude(decision: Exclude<Decision, null>): void {
    this.end(decision);
    this.resumeReading();
  }

  protected end(decision: Exclude<Decision, null>): void {
    const exchange = this.exchange!;
    this.#chunks = [];
    exchange.decidedBy = decision.guard;
    const pipeline = this.route?.pipeline ?? this.snapshot.fallback;
    if (decision.kind === 'refusal') {
      exchange.refusal = decision;
      exchange.status = errorTable[decision.code].status;
      prepareRefusal(ownAnswer, exchange, decision, pipeline);
    } else {
      exchange.status = decision.status;
      prepareAnswer(ownAnswer, exchange, decision, pipeline);
    }
    this.sendOwn(ownAnswer);
    const nowMs = performance.now();
    this.record(nowMs);
    this.onFinished(true, nowMs);
  }

  /** The upstream's answer went out whole. */
  onAnswered(nowMs: number): void {
    this.record(nowMs);
    this.onFinished(false, nowMs);
    this.resumeReading();
  }

  /** An answer that has begun can not be finished: the break must be seen. */
  breakOff(code: ErrorCode): void {
    const exchange = this.exchange;
    const refusal = new Refusal(code, 'upstream', code);
    if (exchange !== null) {
      exchange.refusal = refusal;
      exchange.decidedBy = 'upstream';
      if (this.#messages !== null) exchange.grpcStatus = grpcStatusOf(code);
      this.record();
    }
    this.breakTransport(exchange === null ? null : refusal);
  }

  /** The tunnel is over; `refusal`: because a rule was broken. */
  endTunnel(refusal: Refusal | null, last: Buffer | null): void {
    if (refusal !== null) {
      const exchange = this.exchange!;
      exchange.refusal = refusal;
      exchange.decidedBy = refusal.guard;
    }
    this.record();
    this.finishTunnel(last);
  }

  protected record(nowMs = performance.now()): void {
    const exchange = this.exchange;
    this.stage = Stage.none;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    if (exchange === null) return;
    exchange.endMs = nowMs - this.startMs;
    this.exchange = null;
    const { route } = this;
    if (route !== null && route.pipeline.onEnd.length !== 0) runOnEnd(route.pipeline, exchange);
    this.context.telemetry.record(exchange);
  }

  /** The client is gone, or has broken a rule that leaves nothing to answer. */
  protected abandon(): void {
    this.forwarding.abandon();
    const exchange = this.exchange;
    if (exchange === null) return;
    if (this.stage !== Stage.tunnel) {
      exchange.refusal = new Refusal('request-aborted', 'codec', 'client-closed');
      exchange.decidedBy = 'codec';
      if (exchange.status === 0) exchange.status = errorTable['request-aborted'].status;
    }
    this.#chunks = [];
    this.record();
  }

  // Time.

  /** Looks at the exchange's deadlines and rates; called a few times a second. */
  protected sweepExchange(nowMs: number): void {
    if (nowMs >= this.deadlineMs) return this.onDeadline();
    if (nowMs >= this.forwarding.deadlineMs) {
      if (this.stage === Stage.tunnel) {
        return this.forwarding.endIdleTunnel();
      }
      if (!this.needsDrain) this.forwarding.onTimeout(nowMs);
    }
    const rate = this.snapshot.limits.minBytesPerSecond;
    if (rate === 0) return;
    const exchange = this.exchange;
    const isReceiving =
      this.stage === Stage.buffering || (this.stage === Stage.forwarding && !this.requestDone);
    if (exchange !== null && isReceiving) {
      const elapsedMs = nowMs - this.#bodyStartMs;
      const isSlow = exchange.requestBytes * 1000 < rate * elapsedMs;
      const mayPause = this.#messages !== null;
      if (elapsedMs > RATE_GRACE_MS && !mayPause && !this.isHeldBack && isSlow) return this.onDeadline();
    }
    if (this.needsDrain) this.#checkReader(nowMs, rate);
    else this.#blockedSinceMs = 0;
  }

  /** A client that does not read its answer holds memory and an upstream connection. */
  #checkReader(nowMs: number, rate: number): void {
    const taken = this.bytesTaken;
    if (this.#blockedSinceMs === 0) {
      this.#blockedSinceMs = nowMs;
      this.#takenAt = taken;
    } else if (nowMs - this.#blockedSinceMs > RATE_GRACE_MS) {
      if ((taken - this.#takenAt) * 1000 < rate * (nowMs - this.#blockedSinceMs)) {
        this.forwarding.abandon();
        this.breakOff('request-aborted');
        return;
      }
      this.#blockedSinceMs = nowMs;
      this.#takenAt = taken;
    }
  }

  /** The request's body has not come in time. */
  protected onDeadline(): void {
    const begun = this.forwarding.headSent && this.forwarding.active;
    this.forwarding.abandon();
    this.onOversized();
    if (begun) this.breakOff('request-timeout');
    else this.end(new Refusal('request-timeout', 'codec', 'body-timeout'));
  }

  /** A body that streams has come in pieces: they are sent on together, and the next is waited for anew. */
  protected flushBody(): boolean {
    this.deadlineMs = performance.now() + this.#pauseMs();
    return this.stage !== Stage.forwarding || this.forwarding.flushRequest();
  }
}
