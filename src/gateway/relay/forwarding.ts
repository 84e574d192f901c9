// The upstream half of one exchange: choose an endpoint, send, try again where that is safe, relay the answer with
// back-pressure, and never let a broken answer look whole. One object a client connection, reused. HOT
import type { ErrorCode } from '../../core/index.ts';
import { type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import { retryAfter } from '../../guards/shed/index.ts';
import { FieldList } from '../../http/fields/index.ts';
import { GrpcStatus, parseGrpcStatus } from '../../http/grpc/index.ts';
import type { ResponseHead } from '../../http/h1/index.ts';
import { CloseCode } from '../../http/websocket/index.ts';
import { runOnAnswer, runOnAnswerBody, runOnResponse } from '../../pipeline/index.ts';
import type { Endpoint } from '../upstream/index.ts';
import { HeldAnswer } from './held-answer.ts';
import type { RouteEntry } from './route.ts';
import type { ServedExchange } from './served-exchange.ts';
import { Tunnel, type TunnelSinks } from './tunnel.ts';
import type { UpstreamFailure, UpstreamLeg, UpstreamUser } from './upstream-leg.ts';
import { isAccepted, isExtensionAgreed } from './websocket.ts';

/** Methods that may be sent twice with the effect of once (RFC 9110 section 9.2.2). */
const idempotent = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PUT',
  'DELETE',
  'QUERY',
  'PROPFIND',
  'REPORT',
  'SEARCH',
]);

const noTrailers = new FieldList();

/** Bytes of a body that are kept until the upstream has accepted the request. */
const KEPT_BYTES = 65_536;

export class Forwarding implements UpstreamUser, TunnelSinks {
  readonly #client: ServedExchange;
  #exchange: Exchange | null = null;
  #route: RouteEntry | null = null;
  /** Null also while the pool has none to give: then it calls `onUpstreamLeg`. */
  #leg: UpstreamLeg | null = null;
  #endpoint: Endpoint | null = null;
  /** Whole request body when it was buffered or is empty; null while it is streamed, which forbids a second try. */
  #body: Buffer | null = null;
  #streams = false;
  #upgrade = '';
  /**
   * The beginning of a body that streams, kept while there is no leg yet, and after that as long as the upstream may
   * refuse the request unprocessed and the body is small.
   */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #keptTrailers: FieldList | null = null;
  #mayRepeat = false;
  #tunnel: Tunnel | null = null;
  #mayTunnel = true;
  /** The answer while its body is collected for the guards; the client has nothing of it yet. */
  #held: HeldAnswer | null = null;
  /** When the attempt began, monotonic ms. */
  #attemptMs = 0;
  #headSent = false;
  #requestSent = false;

  /** Deadline of the current phase, monotonic ms, and the code it ends the exchange with. */
  deadlineMs = Number.POSITIVE_INFINITY;
  #totalDeadlineMs = Number.POSITIVE_INFINITY;

  constructor(client: ServedExchange) {
    this.#client = client;
  }

  get active(): boolean {
    return this.#exchange !== null;
  }

  /** Whether the client has been sent a part of the answer. */
  get headSent(): boolean {
    return this.#headSent;
  }

  /**
   * Sends the exchange. `body` is the whole body when it is known already (empty for none), null when it will come
   * through `sendBody` and `endBody`.
   */
  start(exchange: Exchange, route: RouteEntry, body: Buffer | null, upgrade: string, nowMs: number): void {
    this.#exchange = exchange;
    this.#route = route;
    this.#body = body;
    this.#streams = body === null;
    this.#upgrade = upgrade;
    this.#headSent = false;
    this.#requestSent = body !== null;
    this.#mayRepeat = body === null;
    const total = route.upstream.totalTimeoutMs;
    this.#totalDeadlineMs = total === 0 ? Number.POSITIVE_INFINITY : nowMs + total;
    if (exchange.timeoutMs > 0) {
      this.#totalDeadlineMs = Math.min(this.#totalDeadlineMs, this.#client.startMs + exchange.timeoutMs);
    }
    this.#attempt(null, nowMs);
  }

  #attempt(exclude: Endpoint | null, nowMs: number): void {
    const exchange = this.#exchange!;
    const route = this.#route!;
    const upstream = route.upstream;
    if (!upstream.balancer.admit(exchange.priority)) return this.#giveUp('upstream-overloaded');
    const endpoint = upstream.balancer.pick(this.#hashKey(exchange, route), exclude);
    if (endpoint === null) return this.#giveUp('upstream-unavailable');
    upstream.balancer.started(endpoint);
    this.#endpoint = endpoint;
    exchange.upstreamAttempts++;
    this.#attemptMs = nowMs;
    exchange.upstreamAddress = endpoint.label;

    const leg = upstream.pool.take(endpoint, this, this.#upgrade !== '');
    this.#setDeadline(nowMs + upstream.connectTimeoutMs);
    if (leg !== null) this.#send(leg, nowMs);
  }

  #send(leg: UpstreamLeg, nowMs: number): void {
    this.#leg = leg;
    leg.start(this, {
      exchange: this.#exchange!,
      head: this.#client.head,
      route: this.#route!,
      body: this.#body,
      upgrade: this.#upgrade,
    });
    if (this.#keptBytes > 0 || this.#keptTrailers !== null) this.#sendKept(leg);
    if (!leg.mayRefuse) this.#forgetKept();
    if (leg.connected) this.#awaitAnswer(nowMs);
  }

  #sendKept(leg: UpstreamLeg): void {
    const kept = this.#kept;
    for (let i = 0; i < kept.length; i++) leg.sendBody(kept[i]!, 0, kept[i]!.length);
    if (this.#keptTrailers !== null) leg.endBody(this.#keptTrailers);
    else leg.flush();
  }

  #forgetKept(): void {
    this.#mayRepeat = false;
    if (this.#keptBytes === 0 && this.#keptTrailers === null) return;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#keptTrailers = null;
  }

  onUpstreamLeg(leg: UpstreamLeg): void {
    this.#send(leg, performance.now());
    if (!this.#requestSent && leg.flush()) this.#client.resumeReading();
  }

  #hashKey(exchange: Exchange, route: RouteEntry): string {
    switch (route.upstream.hashOn) {
      case 'none':
        return '';
      case 'consumer':
        return exchange.consumer?.id ?? exchange.clientAddress;
      case 'path':
        return exchange.path;
      case 'header':
        return exchange.fields.get(route.upstream.hashHeader) ?? exchange.clientAddress;
      default:
        return exchange.clientAddress;
    }
  }

  #setDeadline(atMs: number): void {
    this.deadlineMs = Math.min(atMs, this.#totalDeadlineMs);
  }

  #awaitAnswer(nowMs: number): void {
    this.#setDeadline(
      this.#requestSent ? nowMs + this.#route!.upstream.firstByteTimeoutMs : this.#totalDeadlineMs,
    );
  }

  // The request's body, as it comes from the client.

  sendBody(bytes: Uint8Array, start: number, end: number): void {
    if (this.#mayRepeat) this.#keep(bytes, start, end);
    this.#leg?.sendBody(bytes, start, end);
    // While both sides stream, silence is that of both.
    if (this.#headSent) this.#setDeadline(performance.now() + this.#route!.upstream.idleTimeoutMs);
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    this.#keptBytes += end - start;
    if (this.#keptBytes <= KEPT_BYTES || this.#leg === null) {
      this.#kept.push(Buffer.from(bytes.subarray(start, end)));
    } else this.#forgetKept();
  }

  endBody(trailers: FieldList): void {
    if (this.#exchange === null) return;
    this.#requestSent = true;
    if (this.#mayRepeat) this.#keptTrailers = copyFields(trailers);
    if (this.#leg === null) return;
    this.#leg.endBody(trailers);
    this.#awaitAnswer(performance.now());
  }

  /** Writes what was collected; tells whether the client may send more. */
  flushRequest(): boolean {
    if (this.#leg === null) return this.#exchange === null;
    return this.#leg.flush();
  }

  onUpstreamConnect(): void {
    this.#awaitAnswer(performance.now());
  }

  onUpstreamDrain(): void {
    this.#client.resumeReading();
  }

  // The answer.

  onUpstreamHead(head: ResponseHead, nowMs: number): void {
    const exchange = this.#exchange!;
    const status = head.status;
    if (status < 200) {
      if (status === 101) this.#switchProtocols(head);
      else if (status === 103) this.#client.sendInterim(103, head.fields);
      // 100 and 102 concern this hop: the gate has answered the client's Expect itself.
      return;
    }
    const route = this.#route!;
    if (route.upstream.retryStatuses.has(status) && this.#mayRetry(true))
      return this.#retry('failure', nowMs);
    this.#forgetKept();
    route.upstream.balancer.answered(nowMs - this.#attemptMs);
    exchange.upstreamFirstByteMs = nowMs - this.#client.startMs;
    exchange.status = status;
    this.#setDeadline(nowMs + route.upstream.idleTimeoutMs);

    const fields = head.fields;
    fields.remove('traceparent');
    if (route.grpc !== null) exchange.grpcStatus = parseGrpcStatus(fields.get('grpc-status'));
    if (route.pipeline.onAnswer.length !== 0) {
      exchange.answerLength = head.contentLength;
      const decision = runOnAnswer(route.pipeline, exchange, status, fields);
      if (decision !== null) return this.#replaceAnswer(decision, false);
      const limit = exchange.answerLimit;
      if (limit > 0) {
        this.#held = new HeldAnswer(status, fields, head.contentLength, announced(exchange, head), limit);
        return;
      }
    }
    this.#startAnswer(status, fields, head.contentLength, announced(exchange, head));
  }

  #startAnswer(status: number, fields: FieldList, length: number, announced: number): boolean {
    if (!runOnResponse(this.#route!.pipeline, this.#exchange!, status, fields)) {
      this.#fail('guard-failed', 'success');
      return false;
    }
    this.#headSent = true;
    this.#client.startAnswer(status, fields, length, announced);
    return true;
  }

  /**
   * Lets the guards judge what was collected: all of the body, or its first bytes. Answers whether the answer goes on;
   * otherwise the exchange is over. `ended`: the upstream's answer has been read to its end.
   */
  #judgeHeld(held: HeldAnswer, ended: boolean): boolean {
    this.#held = null;
    const exchange = this.#exchange!;
    const body = held.body();
    const whole = !held.isOverLimit;
    const judged = whole ? body : body.subarray(0, held.limit);
    const decision = runOnAnswerBody(this.#route!.pipeline, exchange, judged, whole);
    if (decision !== null) {
      this.#replaceAnswer(decision, ended);
      return false;
    }
    const { answerBody } = exchange;
    // INVARIANT: guards replace whole bodies alone; the rest of a part would follow the new one.
    if (answerBody !== null && !whole) {
      this.#fail('guard-failed', 'success');
      return false;
    }
    const sent = answerBody ?? body;
    const length = answerBody?.length ?? held.length;
    if (!this.#startAnswer(held.status, held.fields, length, answerBody?.length ?? held.announced))
      return false;
    exchange.responseBytes += sent.length;
    if (sent.length > 0) this.#client.sendBody(sent, 0, sent.length);
    return true;
  }

  /** The client gets the guards' answer instead. `ended`: the upstream's has been read to its end. */
  #replaceAnswer(decision: Exclude<Decision, null>, ended: boolean): void {
    const leg = this.#leg!;
    const outcome = this.#exchange!.status >= 500 ? 'failure' : 'success';
    this.#route!.upstream.balancer.finished(this.#endpoint!, outcome);
    const requestSent = this.#requestSent;
    this.#clear();
    if (ended) leg.release(requestSent, performance.now());
    else leg.destroy();
    this.#client.conclude(decision);
  }

  onBodyData(bytes: Uint8Array, start: number, end: number): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    const held = this.#held;
    if (held !== null) {
      // INVARIANT: nothing is concluded here: the next exchange would begin in the middle of this read's body.
      held.add(bytes, start, end);
      return;
    }
    exchange.responseBytes += end - start;
    this.#client.sendBody(bytes, start, end);
  }

  onUpstreamRead(nowMs: number): void {
    if (this.#exchange === null) return;
    const held = this.#held;
    if (held?.isOverLimit === true && !this.#judgeHeld(held, false)) return;
    this.#client.flush();
    if (this.#headSent || this.#held !== null) {
      this.#setDeadline(nowMs + this.#route!.upstream.idleTimeoutMs);
    }
    if (this.#client.needsDrain) this.#leg?.pause();
  }

  onUpstreamEnd(trailers: FieldList, nowMs: number): void {
    const leg = this.#leg;
    const endpoint = this.#endpoint;
    const exchange = this.#exchange;
    if (leg === null || endpoint === null || exchange === null) return;
    if (this.#held !== null && !this.#judgeHeld(this.#held, true)) return;
    if (this.#route!.grpc !== null && exchange.grpcStatus === -1) {
      exchange.grpcStatus = parseGrpcStatus(trailers.get('grpc-status'));
    }
    this.#client.endAnswer(exchange.hidesLength ? noTrailers : trailers);
    const failed = exchange.status >= 500 || exchange.grpcStatus === GrpcStatus.unavailable;
    this.#route!.upstream.balancer.finished(endpoint, failed ? 'failure' : 'success');
    const requestSent = this.#requestSent;
    this.#clear();
    leg.release(requestSent, nowMs);
    this.#client.onAnswered(nowMs);
  }

  /** The client takes bytes again. */
  onClientDrain(): void {
    if (this.#leg === null) return;
    this.#leg.resume();
    if (this.#headSent) this.#setDeadline(performance.now() + this.#route!.upstream.idleTimeoutMs);
  }

  // When it goes wrong.

  onUpstreamFailure(kind: UpstreamFailure): void {
    if (this.#exchange === null) return;
    if (this.#tunnel !== null) {
      // The end of a tunnel is no failure, whichever side comes first.
      this.#route!.upstream.balancer.finished(this.#endpoint!, 'success');
      // One that ends without a farewell gets one from the gate, so that the client need not guess.
      const farewell = this.#tunnel.closeForClient(CloseCode.internalError);
      this.#clear();
      this.#client.endTunnel(null, farewell);
      return;
    }
    // An answer without a byte on a used connection is most often the server closing it for idleness.
    const unseen = kind === 'connect' || kind === 'refused';
    const idle = kind === 'refused' || (kind === 'closed' && this.#leg?.reused === true);
    const safe = unseen || (kind === 'closed' && idempotent.has(this.#exchange.method));
    if (safe && this.#mayRetry(!unseen)) return this.#retry(idle ? 'aborted' : 'failure', performance.now());
    this.#fail(
      kind === 'connect'
        ? 'upstream-connect-failed'
        : kind === 'invalid'
          ? 'upstream-response-invalid'
          : kind === 'refused'
            ? 'upstream-overloaded'
            : 'upstream-aborted',
      'failure',
    );
  }

  /** The current phase took too long. */
  onTimeout(nowMs: number): void {
    const connecting = this.#leg === null || !this.#leg.connected;
    if (connecting && nowMs < this.#totalDeadlineMs && this.#mayRetry(false)) {
      this.#retry('failure', nowMs);
      return;
    }
    this.#fail('upstream-timeout', 'failure');
  }

  /**
   * Whether another attempt is safe and within attempts and budget; `sent`: the request may have been seen. A body that
   * streams can be sent again only as long as nobody got any of it.
   */
  #mayRetry(sent: boolean): boolean {
    const exchange = this.#exchange!;
    const upstream = this.#route!.upstream;
    return (
      !this.#headSent &&
      (!this.#streams || this.#mayRepeat) &&
      exchange.upstreamAttempts < upstream.maxAttempts &&
      (!sent || idempotent.has(exchange.method)) &&
      upstream.balancer.mayRetry()
    );
  }

  #retry(outcome: 'failure' | 'aborted', nowMs: number): void {
    const endpoint = this.#endpoint!;
    this.#route!.upstream.balancer.finished(endpoint, outcome);
    this.#dropLeg();
    this.#attempt(endpoint, nowMs);
  }

  /** Ends the exchange with `code`; a client that has a part of the answer sees the connection break. */
  #fail(code: ErrorCode, outcome: 'success' | 'failure' | 'aborted'): void {
    const endpoint = this.#endpoint;
    if (endpoint !== null) {
      this.#route!.upstream.balancer.finished(endpoint, outcome);
    }
    this.#dropLeg();
    this.#giveUp(code);
  }

  #giveUp(code: ErrorCode): void {
    const headSent = this.#headSent;
    this.#clear();
    if (headSent) this.#client.breakOff(code);
    else if (code === 'upstream-overloaded')
      this.#client.conclude(
        new Refusal(code, 'upstream', code, '', ['retry-after', retryAfter(Math.random)]),
      );
    else this.#client.refuse(code, code === 'guard-failed' ? 'harden' : 'upstream');
  }

  /** The client is gone or the exchange ended without the upstream: nothing more is relayed. */
  abandon(): void {
    const endpoint = this.#endpoint;
    if (endpoint !== null) {
      this.#route!.upstream.balancer.finished(endpoint, 'aborted');
      this.#dropLeg();
    }
    this.#clear();
  }

  #dropLeg(): void {
    const leg = this.#leg;
    this.#leg = null;
    if (leg !== null) leg.destroy();
    else this.#route!.upstream.pool.cancel(this.#endpoint!, this);
  }

  #clear(): void {
    this.#exchange = null;
    this.#route = null;
    this.#leg = null;
    this.#endpoint = null;
    this.#body = null;
    this.#forgetKept();
    this.#tunnel = null;
    this.#held = null;
    this.#headSent = false;
    this.deadlineMs = Number.POSITIVE_INFINITY;
  }

  // WebSocket: only a checked 101 makes the connection a tunnel.

  #switchProtocols(head: ResponseHead): void {
    const exchange = this.#exchange!;
    const { fields } = head;
    const isAgreed = isAccepted(exchange, fields) && isExtensionAgreed(exchange, fields);
    if (this.#upgrade === '' || head.upgrade !== this.#upgrade || !isAgreed) {
      this.#fail('upstream-response-invalid', 'failure');
      return;
    }
    exchange.status = 101;
    exchange.upstreamFirstByteMs = performance.now() - this.#client.startMs;
    const decision = runOnAnswer(this.#route!.pipeline, exchange, 101, fields);
    if (decision !== null) return this.#replaceAnswer(decision, false);
    if (!runOnResponse(this.#route!.pipeline, exchange, 101, fields))
      return this.#fail('guard-failed', 'success');
    this.#headSent = true;
    this.#totalDeadlineMs = Number.POSITIVE_INFINITY;
    this.#tunnel = new Tunnel(exchange, this.#route!, fields, this);
    this.#leg!.openTunnel();
    this.#touchTunnel(performance.now());
    this.#client.switchProtocols(fields, head.upgrade);
  }

  #touchTunnel(nowMs: number): void {
    this.#setDeadline(nowMs + this.#route!.upstream.idleTimeoutMs);
  }

  onUpstreamTunnel(bytes: Buffer, start: number, end: number): void {
    if (this.#exchange === null) return;
    const nowMs = performance.now();
    this.#touchTunnel(nowMs);
    const ended = this.#tunnel!.onService(bytes, start, end, nowMs);
    if (ended !== null) this.#closeTunnel(ended.code, ended.refusal, ended.refusal.guard === 'upstream');
    else if (this.#client.needsDrain) this.#leg?.pause();
  }

  toClient(bytes: Buffer): void {
    this.#client.sendTunnelBytes(bytes);
  }

  toService(bytes: Buffer): void {
    this.#mayTunnel = this.#leg!.sendTunnel(bytes);
  }

  /** Bytes of the client's side of a tunnel; tells whether it may send more. */
  sendTunnel(bytes: Buffer, start: number, end: number): boolean {
    if (this.#leg === null) return true;
    const nowMs = performance.now();
    this.#touchTunnel(nowMs);
    this.#mayTunnel = true;
    const ended = this.#tunnel!.onClient(bytes, start, end, nowMs);
    if (ended !== null) this.#closeTunnel(ended.code, ended.refusal, false);
    return ended !== null || this.#mayTunnel;
  }

  /** Nobody has said anything for too long. */
  endIdleTunnel(): void {
    this.#closeTunnel(CloseCode.goingAway, null, false);
  }

  /** Both ends are told by a close code, where a frame fits, and the tunnel ends. */
  #closeTunnel(code: number, refusal: Refusal | null, isServiceToBlame: boolean): void {
    const tunnel = this.#tunnel!;
    const leg = this.#leg!;
    const forService = tunnel.closeForService(code);
    const forClient = tunnel.closeForClient(code);
    this.#route!.upstream.balancer.finished(this.#endpoint!, isServiceToBlame ? 'failure' : 'aborted');
    leg.endTunnel(forService);
    this.#clear();
    this.#client.endTunnel(refusal, forClient);
  }
}

/** What the client is told of the length where no body follows. */
const announced = (exchange: Exchange, head: ResponseHead): number =>
  exchange.hidesLength ? -1 : head.announcedLength;

function copyFields(fields: FieldList): FieldList {
  const copy = new FieldList();
  copy.names.push(...fields.names);
  copy.values.push(...fields.values);
  return copy;
}
