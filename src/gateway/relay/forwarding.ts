// The upstream half of one exchange: choose an endpoint, send, try again where that is safe, relay the answer with
// back-pressure, and never let a broken answer look whole. One object a client connection, reused. HOT
import type { ErrorCode } from '../../core/index.ts';
import { type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import {
  type BodyDecoder,
  CHUNKED,
  encodeChunkSize,
  encodeLastChunk,
  type ResponseHead,
} from '../../http/h1/index.ts';
import { runOnAnswer, runOnAnswerBody, runOnResponse } from '../../pipeline/index.ts';
import type { Endpoint } from '../upstream/index.ts';
import { HeldAnswer } from './held-answer.ts';
import { JOIN_BYTES, joinText } from './join-text.ts';
import { encodeUpstreamHead } from './request-head.ts';
import type { RouteEntry } from './route.ts';
import type { ServedExchange } from './served-exchange.ts';
import type { UpstreamConnection, UpstreamFailure, UpstreamUser } from './upstream-connection.ts';
import { isAccepted, WebSocketTunnel } from './websocket.ts';

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

export class Forwarding implements UpstreamUser {
  readonly #client: ServedExchange;
  #exchange: Exchange | null = null;
  #route: RouteEntry | null = null;
  #connection: UpstreamConnection | null = null;
  #endpoint: Endpoint | null = null;
  /** Whole request body when it was buffered or is empty; null while it is streamed, which forbids a second try. */
  #body: Buffer | null = null;
  #streams = false;
  #upgrade = '';
  #outgoing = '';
  #tunnel: WebSocketTunnel | null = null;
  /** The answer while its body is collected for the guards; the client has nothing of it yet. */
  #held: HeldAnswer | null = null;
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
    const total = route.upstream.totalTimeoutMs;
    this.#totalDeadlineMs = total === 0 ? Number.POSITIVE_INFINITY : nowMs + total;
    this.#attempt(null, nowMs);
  }

  #attempt(exclude: Endpoint | null, nowMs: number): void {
    const exchange = this.#exchange!;
    const route = this.#route!;
    const upstream = route.upstream;
    if (!upstream.balancer.admit()) return this.#giveUp('upstream-overloaded');
    const endpoint = upstream.balancer.pick(this.#hashKey(exchange, route), exclude);
    if (endpoint === null) return this.#giveUp('upstream-unavailable');
    upstream.balancer.started(endpoint);
    this.#endpoint = endpoint;
    exchange.upstreamAttempts++;
    exchange.upstreamAddress = endpoint.label;

    const body = this.#body;
    const length = body !== null ? body.length : exchange.contentLength;
    const head = encodeUpstreamHead(exchange, this.#client.head, route, endpoint, length, this.#upgrade);
    const connection = upstream.pool.take(endpoint);
    this.#connection = connection;
    connection.begin(this, exchange.method);
    if (body === null) {
      this.#outgoing = head;
    } else if (body.length === 0) {
      connection.socket.write(head, 'latin1');
    } else {
      connection.socket.write(joinText(head, body));
    }
    if (connection.connected) this.#awaitAnswer(nowMs);
    else this.#setDeadline(nowMs + upstream.connectTimeoutMs);
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
    const connection = this.#connection;
    if (connection === null) return;
    const chunked = this.#exchange!.contentLength === CHUNKED;
    if (chunked) this.#outgoing += encodeChunkSize(end - start);
    if (end - start <= JOIN_BYTES) {
      this.#outgoing += latin1(bytes, start, end);
      if (chunked) this.#outgoing += '\r\n';
      return;
    }
    connection.socket.write(joinText(this.#outgoing, bytes.subarray(start, end)));
    this.#outgoing = chunked ? '\r\n' : '';
  }

  endBody(trailers: FieldList): void {
    if (this.#connection === null) return;
    if (this.#exchange!.contentLength === CHUNKED) this.#outgoing += encodeLastChunk(trailers);
    this.#requestSent = true;
    this.flushRequest();
    this.#awaitAnswer(performance.now());
  }

  /** Writes what was collected; tells whether the client may send more. */
  flushRequest(): boolean {
    const connection = this.#connection;
    if (connection === null) return true;
    if (this.#outgoing !== '') {
      const text = this.#outgoing;
      this.#outgoing = '';
      connection.socket.write(text, 'latin1');
    }
    return !connection.socket.writableNeedDrain;
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
    exchange.upstreamFirstByteMs = nowMs - this.#client.startMs;
    exchange.status = status;
    this.#setDeadline(nowMs + route.upstream.idleTimeoutMs);

    const fields = head.fields;
    fields.remove('traceparent');
    if (route.pipeline.onAnswer.length !== 0) {
      const decision = runOnAnswer(route.pipeline, exchange, status, fields);
      if (decision !== null) return this.#replaceAnswer(decision, false);
      const limit = exchange.answerLimit;
      if (limit > 0) {
        this.#held = new HeldAnswer(status, fields, head.contentLength, head.announcedLength, limit);
        return;
      }
    }
    this.#startAnswer(status, fields, head.contentLength, head.announcedLength);
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
    if (!this.#startAnswer(held.status, held.fields, held.length, held.announced)) return false;
    exchange.responseBytes += body.length;
    if (body.length > 0) this.#client.sendBody(body, 0, body.length);
    return true;
  }

  /** The client gets the guards' answer instead. `ended`: the upstream's has been read to its end. */
  #replaceAnswer(decision: Exclude<Decision, null>, ended: boolean): void {
    const connection = this.#connection!;
    const outcome = this.#exchange!.status >= 500 ? 'failure' : 'success';
    this.#route!.upstream.balancer.finished(this.#endpoint!, outcome);
    const requestSent = this.#requestSent;
    this.#clear();
    if (ended) connection.release(requestSent, performance.now());
    else connection.destroy();
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
    if (this.#client.needsDrain) this.#connection?.socket.pause();
  }

  onUpstreamEnd(decoder: BodyDecoder, nowMs: number): void {
    const connection = this.#connection;
    const endpoint = this.#endpoint;
    const exchange = this.#exchange;
    if (connection === null || endpoint === null || exchange === null) return;
    if (this.#held !== null && !this.#judgeHeld(this.#held, true)) return;
    this.#client.endAnswer(decoder.trailers);
    this.#route!.upstream.balancer.finished(endpoint, exchange.status >= 500 ? 'failure' : 'success');
    const requestSent = this.#requestSent;
    this.#clear();
    connection.release(requestSent, nowMs);
    this.#client.onAnswered(nowMs);
  }

  /** The client takes bytes again. */
  onClientDrain(): void {
    const connection = this.#connection;
    if (connection !== null) {
      connection.socket.resume();
      if (this.#headSent) this.#setDeadline(performance.now() + this.#route!.upstream.idleTimeoutMs);
    }
  }

  // When it goes wrong.

  onUpstreamFailure(kind: UpstreamFailure): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (this.#tunnel !== null) {
      // The end of a tunnel is no failure, whichever side comes first.
      this.#route!.upstream.balancer.finished(this.#endpoint!, 'success');
      this.#clear();
      this.#client.endTunnel(null, null);
      return;
    }
    // An answer without a byte on a used connection is most often the server closing it for idleness.
    const safe = kind === 'connect' || (kind === 'closed' && idempotent.has(this.#exchange!.method));
    if (safe && this.#mayRetry(kind !== 'connect')) {
      this.#retry(kind === 'closed' && connection.served > 0 ? 'aborted' : 'failure', performance.now());
      return;
    }
    this.#fail(
      kind === 'connect'
        ? 'upstream-connect-failed'
        : kind === 'invalid'
          ? 'upstream-response-invalid'
          : 'upstream-aborted',
      'failure',
    );
  }

  /** The current phase took too long. */
  onTimeout(nowMs: number): void {
    const connection = this.#connection;
    if (
      connection !== null &&
      !connection.connected &&
      nowMs < this.#totalDeadlineMs &&
      this.#mayRetry(false)
    ) {
      this.#retry('failure', nowMs);
      return;
    }
    this.#fail('upstream-timeout', 'failure');
  }

  /** Whether another attempt is safe and within attempts and budget; `sent`: the request may have been seen. */
  #mayRetry(sent: boolean): boolean {
    const exchange = this.#exchange!;
    const upstream = this.#route!.upstream;
    return (
      !this.#headSent &&
      !this.#streams &&
      exchange.upstreamAttempts < upstream.maxAttempts &&
      (!sent || idempotent.has(exchange.method)) &&
      upstream.balancer.mayRetry()
    );
  }

  #retry(outcome: 'failure' | 'aborted', nowMs: number): void {
    const endpoint = this.#endpoint!;
    this.#route!.upstream.balancer.finished(endpoint, outcome);
    this.#connection?.destroy();
    this.#connection = null;
    this.#attempt(endpoint, nowMs);
  }

  /** Ends the exchange with `code`; a client that has a part of the answer sees the connection break. */
  #fail(code: ErrorCode, outcome: 'success' | 'failure' | 'aborted'): void {
    const endpoint = this.#endpoint;
    if (endpoint !== null) {
      this.#route!.upstream.balancer.finished(endpoint, outcome);
    }
    this.#connection?.destroy();
    this.#giveUp(code);
  }

  #giveUp(code: ErrorCode): void {
    const headSent = this.#headSent;
    this.#clear();
    if (headSent) this.#client.breakOff(code);
    else this.#client.refuse(code, code === 'guard-failed' ? 'harden' : 'upstream');
  }

  /** The client is gone or the exchange ended without the upstream: nothing more is relayed. */
  abandon(): void {
    const connection = this.#connection;
    const endpoint = this.#endpoint;
    if (connection !== null && endpoint !== null) {
      this.#route!.upstream.balancer.finished(endpoint, 'aborted');
      connection.destroy();
    }
    this.#clear();
  }

  #clear(): void {
    this.#exchange = null;
    this.#route = null;
    this.#connection = null;
    this.#endpoint = null;
    this.#body = null;
    this.#tunnel = null;
    this.#held = null;
    this.#outgoing = '';
    this.#headSent = false;
    this.deadlineMs = Number.POSITIVE_INFINITY;
  }

  // WebSocket: only a checked 101 makes the connection a tunnel.

  #switchProtocols(head: ResponseHead): void {
    const exchange = this.#exchange!;
    const { fields } = head;
    if (this.#upgrade === '' || head.upgrade !== this.#upgrade || !isAccepted(exchange, fields)) {
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
    this.#tunnel = new WebSocketTunnel(this.#route!.websocket!, fields);
    this.#connection!.tunnel();
    this.#touchTunnel(performance.now());
    this.#client.switchProtocols(fields, head.upgrade);
  }

  #touchTunnel(nowMs: number): void {
    this.#setDeadline(nowMs + this.#route!.upstream.idleTimeoutMs);
  }

  onUpstreamTunnel(bytes: Buffer, start: number, end: number): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    const nowMs = performance.now();
    const code = this.#tunnel!.checkServer(bytes, start, end, nowMs);
    if (code !== 0) return this.#closeTunnel(code, 'upstream');
    exchange.responseBytes += end - start;
    this.#touchTunnel(nowMs);
    this.#client.sendTunnelBytes(Buffer.from(bytes.subarray(start, end)));
    if (this.#client.needsDrain) this.#connection?.socket.pause();
  }

  /** Bytes of the client's side of a tunnel; tells whether it may send more. */
  sendTunnel(bytes: Buffer, start: number, end: number): boolean {
    const connection = this.#connection;
    if (connection === null) return true;
    const nowMs = performance.now();
    const code = this.#tunnel!.checkClient(bytes, start, end, nowMs);
    if (code !== 0) {
      this.#closeTunnel(code, 'codec');
      return true;
    }
    this.#exchange!.requestBytes += end - start;
    this.#touchTunnel(nowMs);
    connection.socket.write(Buffer.from(bytes.subarray(start, end)));
    return !connection.socket.writableNeedDrain;
  }

  /** One side broke a rule: both are told by a close code, where a frame fits, and the tunnel ends. */
  #closeTunnel(code: number, guard: 'codec' | 'upstream'): void {
    const tunnel = this.#tunnel!;
    const connection = this.#connection!;
    const forServer = tunnel.closeForServer(code);
    const forClient = tunnel.closeForClient(code);
    if (forServer !== null) connection.socket.end(forServer);
    this.#route!.upstream.balancer.finished(this.#endpoint!, guard === 'upstream' ? 'failure' : 'aborted');
    connection.detach(forServer !== null);
    this.#clear();
    this.#client.endTunnel(new Refusal('websocket-violation', guard, `close-${code}`), forClient);
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return (bytes as Buffer).toString('latin1', start, end);
}
