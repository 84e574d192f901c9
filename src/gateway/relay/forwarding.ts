// The upstream half of one exchange: choose an endpoint, send, try again where that is safe, relay the answer with
// back-pressure, and never let a broken answer look whole. One object a client connection, reused. HOT
import { createHash } from 'node:crypto';
import type { ErrorCode } from '../../core/index.ts';
import type { Exchange } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import {
  type BodyDecoder,
  CHUNKED,
  encodeChunkSize,
  encodeFields,
  encodeLastChunk,
  encodeStatusLine,
  type ResponseHead,
  UNTIL_CLOSE,
} from '../../http/h1/index.ts';
import { runOnResponse } from '../../pipeline/index.ts';
import type { Endpoint } from '../upstream/index.ts';
import type { ClientConnection } from './client-connection.ts';
import { encodeUpstreamHead } from './request-head.ts';
import type { RouteEntry } from './route.ts';
import type { UpstreamConnection, UpstreamFailure, UpstreamUser } from './upstream-connection.ts';

/** Spans up to this size join the text that is being collected; larger ones are written as bytes. */
const JOIN_BYTES = 16_384;

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

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const ResponseFraming = { none: 0, length: 1, chunked: 2, close: 3 } as const;

export class Forwarding implements UpstreamUser {
  readonly #client: ClientConnection;
  #exchange: Exchange | null = null;
  #route: RouteEntry | null = null;
  #connection: UpstreamConnection | null = null;
  #endpoint: Endpoint | null = null;
  /** Monotonic ms at which the current attempt began. */
  #attemptMs = 0;
  /** Whole request body when it was buffered or is empty; null while it is streamed, which forbids a second try. */
  #body: Buffer | null = null;
  #streams = false;
  #upgrade = '';
  #outgoing = '';
  #incoming = '';
  #framing: number = ResponseFraming.none;
  #headSent = false;
  #requestSent = false;

  /** Deadline of the current phase, monotonic ms, and the code it ends the exchange with. */
  deadlineMs = Number.POSITIVE_INFINITY;
  #totalDeadlineMs = Number.POSITIVE_INFINITY;

  constructor(client: ClientConnection) {
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
    this.#attemptMs = nowMs;
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
      connection.socket.write(joinHead(head, body));
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
    connection.socket.write(joinHead(this.#outgoing, bytes.subarray(start, end)));
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

  onUpstreamHead(head: ResponseHead): void {
    const exchange = this.#exchange!;
    const status = head.status;
    if (status < 200) {
      if (status === 101) this.#switchProtocols(head);
      else if (status === 103 && exchange.httpMinor === 1) {
        this.#client.write(encodeStatusLine(103) + encodeFields(head.fields) + '\r\n');
      }
      // 100 and 102 concern this hop: the gate has answered the client's Expect itself.
      return;
    }
    const nowMs = performance.now();
    const route = this.#route!;
    if (route.upstream.retryStatuses.has(status) && this.#mayRetry(true))
      return this.#retry('failure', nowMs);
    exchange.upstreamFirstByteMs = nowMs - this.#client.startMs;
    exchange.status = status;
    this.#setDeadline(nowMs + route.upstream.idleTimeoutMs);

    const fields = head.fields;
    fields.remove('traceparent');
    if (!runOnResponse(route.pipeline, exchange, status, fields))
      return this.#fail('guard-failed', 'success');
    this.#incoming = encodeStatusLine(status) + encodeFields(fields) + this.#framingFields(head, exchange);
    this.#headSent = true;
  }

  #framingFields(head: ResponseHead, exchange: Exchange): string {
    const client = this.#client;
    let out = '';
    const added = exchange.answerFields;
    for (let i = 0; i < added.length; i += 2) out += added[i]! + ': ' + added[i + 1]! + '\r\n';
    const length = head.contentLength;
    if (length === CHUNKED || length === UNTIL_CLOSE) {
      if (exchange.httpMinor === 1) {
        this.#framing = ResponseFraming.chunked;
        out += 'transfer-encoding: chunked\r\n';
      } else {
        this.#framing = ResponseFraming.close;
        client.keepAlive = false;
      }
    } else if (length > 0) {
      this.#framing = ResponseFraming.length;
      out += 'content-length: ' + length + '\r\n';
    } else {
      this.#framing = ResponseFraming.none;
      // HEAD and 304 tell the length that GET would have; 204 must not (RFC 9110 section 8.6).
      if (head.announcedLength !== -1) {
        if (head.status !== 204) out += 'content-length: ' + head.announcedLength + '\r\n';
      } else if (head.status !== 204 && head.status !== 304 && exchange.method !== 'HEAD') {
        out += 'content-length: 0\r\n';
      }
    }
    return out + client.connectionField() + '\r\n';
  }

  onBodyData(bytes: Uint8Array, start: number, end: number): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    const size = end - start;
    exchange.responseBytes += size;
    const chunked = this.#framing === ResponseFraming.chunked;
    if (chunked) this.#incoming += encodeChunkSize(size);
    if (size <= JOIN_BYTES) {
      this.#incoming += latin1(bytes, start, end);
      if (chunked) this.#incoming += '\r\n';
      return;
    }
    this.#client.writeBytes(joinHead(this.#incoming, bytes.subarray(start, end)));
    this.#incoming = chunked ? '\r\n' : '';
  }

  onUpstreamRead(): void {
    if (this.#exchange === null) return;
    this.#flushAnswer();
    if (this.#headSent) this.#setDeadline(performance.now() + this.#route!.upstream.idleTimeoutMs);
    if (this.#client.needsDrain) this.#connection?.socket.pause();
  }

  onUpstreamEnd(decoder: BodyDecoder): void {
    const connection = this.#connection;
    const endpoint = this.#endpoint;
    const exchange = this.#exchange;
    if (connection === null || endpoint === null || exchange === null) return;
    if (this.#framing === ResponseFraming.chunked) this.#incoming += encodeLastChunk(decoder.trailers);
    this.#flushAnswer();
    this.#route!.upstream.balancer.finished(
      endpoint,
      exchange.status >= 500 ? 'failure' : 'success',
      performance.now() - this.#attemptMs,
    );
    const requestSent = this.#requestSent;
    this.#clear();
    connection.release(requestSent);
    this.#client.onAnswered();
  }

  #flushAnswer(): void {
    if (this.#incoming === '') return;
    const text = this.#incoming;
    this.#incoming = '';
    this.#client.write(text);
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
    this.#route!.upstream.balancer.finished(endpoint, outcome, nowMs - this.#attemptMs);
    this.#connection?.destroy();
    this.#connection = null;
    this.#attempt(endpoint, nowMs);
  }

  /** Ends the exchange with `code`; a client that has a part of the answer sees the connection break. */
  #fail(code: ErrorCode, outcome: 'success' | 'failure' | 'aborted'): void {
    const endpoint = this.#endpoint;
    if (endpoint !== null) {
      this.#route!.upstream.balancer.finished(endpoint, outcome, performance.now() - this.#attemptMs);
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
      this.#route!.upstream.balancer.finished(endpoint, 'aborted', performance.now() - this.#attemptMs);
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
    this.#outgoing = '';
    this.#incoming = '';
    this.deadlineMs = Number.POSITIVE_INFINITY;
  }

  // WebSocket: only a checked 101 makes the connection a tunnel.

  #switchProtocols(head: ResponseHead): void {
    const key = this.#exchange!.fields.get('sec-websocket-key') ?? '';
    const expected = createHash('sha1')
      .update(key + WEBSOCKET_GUID)
      .digest('base64');
    const fields = head.fields;
    if (
      this.#upgrade === '' ||
      head.upgrade !== this.#upgrade ||
      fields.count('sec-websocket-accept') !== 1 ||
      fields.get('sec-websocket-accept') !== expected
    ) {
      this.#fail('upstream-response-invalid', 'failure');
      return;
    }
    const exchange = this.#exchange!;
    exchange.status = 101;
    exchange.upstreamFirstByteMs = performance.now() - this.#client.startMs;
    if (!runOnResponse(this.#route!.pipeline, exchange, 101, fields))
      return this.#fail('guard-failed', 'success');
    this.#headSent = true;
    this.#totalDeadlineMs = Number.POSITIVE_INFINITY;
    this.#connection!.tunnel();
    this.#client.write(
      encodeStatusLine(101) +
        encodeFields(fields) +
        'connection: upgrade\r\nupgrade: ' +
        head.upgrade +
        '\r\n\r\n',
    );
    this.#touchTunnel();
    this.#client.onTunnel();
  }

  #touchTunnel(): void {
    this.#setDeadline(performance.now() + this.#route!.upstream.idleTimeoutMs);
  }

  onUpstreamTunnel(bytes: Buffer, start: number, end: number): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    exchange.responseBytes += end - start;
    this.#touchTunnel();
    this.#client.writeBytes(Buffer.from(bytes.subarray(start, end)));
    if (this.#client.needsDrain) this.#connection?.socket.pause();
  }

  /** Bytes of the client's side of a tunnel; tells whether it may send more. */
  sendTunnel(bytes: Buffer, start: number, end: number): boolean {
    const connection = this.#connection;
    if (connection === null) return true;
    this.#exchange!.requestBytes += end - start;
    this.#touchTunnel();
    connection.socket.write(Buffer.from(bytes.subarray(start, end)));
    return !connection.socket.writableNeedDrain;
  }
}

/** `text` (latin1) followed by `bytes`, in one piece. */
function joinHead(text: string, bytes: Uint8Array): Buffer {
  const joined = Buffer.allocUnsafe(text.length + bytes.length);
  joined.write(text, 0, 'latin1');
  joined.set(bytes, text.length);
  return joined;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return (bytes as Buffer).toString('latin1', start, end);
}
