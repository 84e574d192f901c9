// One HTTP/1 connection to an endpoint: writes requests, reads answers strictly, and returns to the endpoint's pool when,
// and only when, both messages ended cleanly. Bytes that nobody asked for close it. HOT
import type { Socket } from 'node:net';
import type { FieldList } from '../../http/fields/index.ts';
import {
  BodyDecoder,
  CHUNKED,
  encodeChunkSize,
  encodeLastChunk,
  HeadBuffer,
  parseResponseHead,
  ResponseHead,
} from '../../http/h1/index.ts';
import type { ByteReader } from '../../net/index.ts';
import type { Endpoint } from '../upstream/index.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { chargeConnection } from './flush-queue.ts';
import { JOIN_BYTES, joinText } from './join-text.ts';
import { encodeUpstreamHead } from './request-head.ts';
import type { UpstreamFailure, UpstreamLeg, UpstreamRequest, UpstreamUser } from './upstream-leg.ts';
import { connectUpstream, responseLimits } from './upstream-socket.ts';

/**
 * How long an unused connection is kept, ms. Node's own servers close after 5 s; a request sent into a connection
 * that the other end is just closing fails, and only idempotent ones may be sent again.
 */
const POOL_IDLE_MS = 4000;

/** How long an upstream may take to close after it was told to, ms. */
const CLOSE_GRACE_MS = 2000;

const Phase = { connecting: 0, idle: 1, head: 2, body: 3, tunnel: 4, closed: 5 } as const;

export class UpstreamConnection implements ByteReader, UpstreamLeg {
  readonly endpoint: Endpoint;
  readonly mayRefuse = false;
  /** Monotonic ms until which an idle connection is kept. */
  keptUntilMs = 0;
  connected = false;
  /** Exchanges served before; 0 for a fresh connection. */
  #served = 0;
  readonly #socket: Socket;
  #phase: number = Phase.connecting;
  #user: UpstreamUser | null = null;
  #method = '';
  /** The request's body streams in chunks. */
  #chunked = false;
  /** Request text that has not been written yet. */
  #out = '';
  readonly #pool: ConnectionPool;
  readonly #buffer = new HeadBuffer(responseLimits.maxHeadBytes);
  readonly #head = new ResponseHead();
  readonly #body = new BodyDecoder(false);
  #keepAlive = false;

  /** `socket`: one that is connected already, whose bytes go to `onBytes`; null makes a new one. */
  constructor(endpoint: Endpoint, pool: ConnectionPool, socket: Socket | null) {
    this.endpoint = endpoint;
    this.#pool = pool;
    this.#socket = socket ?? connectUpstream(endpoint, ['http/1.1'], this, pool.tls);
    if (socket !== null) {
      this.connected = true;
      this.#phase = Phase.idle;
    } else {
      chargeConnection();
      this.#socket.setNoDelay(true);
      this.#socket.on(endpoint.tls ? 'secureConnect' : 'connect', () => this.#onConnect());
    }
    this.#socket.on('drain', () => this.#user?.onUpstreamDrain());
    this.#socket.on('error', () => {});
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('close', () => this.#onEnd());
  }

  get reused(): boolean {
    return this.#served > 0;
  }

  start(user: UpstreamUser, request: UpstreamRequest): void {
    const { exchange, body } = request;
    this.#user = user;
    this.#method = exchange.method;
    if (this.#phase === Phase.idle) this.#phase = Phase.head;
    const length = body === null ? exchange.contentLength : body.length;
    this.#chunked = length === CHUNKED;
    const head = encodeUpstreamHead(request, this.endpoint, length);
    if (body === null) this.#out = head;
    else if (body.length === 0) this.#socket.write(head, 'latin1');
    else this.#socket.write(joinText(head, body));
  }

  sendBody(bytes: Uint8Array, start: number, end: number): void {
    const chunked = this.#chunked;
    if (chunked) this.#out += encodeChunkSize(end - start);
    if (end - start <= JOIN_BYTES) {
      this.#out += (bytes as Buffer).toString('latin1', start, end);
      if (chunked) this.#out += '\r\n';
      return;
    }
    this.#socket.write(joinText(this.#out, bytes.subarray(start, end)));
    this.#out = chunked ? '\r\n' : '';
  }

  endBody(trailers: FieldList): void {
    if (this.#chunked) this.#out += encodeLastChunk(trailers);
    this.flush();
  }

  flush(): boolean {
    if (this.#out !== '') {
      const text = this.#out;
      this.#out = '';
      this.#socket.write(text, 'latin1');
    }
    return !this.#socket.writableNeedDrain;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  openTunnel(): void {
    this.#phase = Phase.tunnel;
  }

  sendTunnel(bytes: Buffer): boolean {
    this.#socket.write(bytes);
    return !this.#socket.writableNeedDrain;
  }

  endTunnel(last: Buffer | null): void {
    if (last === null) return this.destroy();
    this.#socket.end(last);
    this.#user = null;
    this.#phase = Phase.closed;
    this.#pool.forget(this);
    this.#socket.resume();
    this.#socket.setTimeout(CLOSE_GRACE_MS, () => this.#socket.destroy());
  }

  /** Takes the connection from its user for good. */
  destroy(): void {
    if (this.#phase !== Phase.closed) chargeConnection();
    this.#user = null;
    this.#out = '';
    this.#phase = Phase.closed;
    this.#pool.forget(this);
    this.#socket.destroy();
  }

  /** The exchange is over: back to the pool when the connection is clean, else closed. */
  release(requestComplete: boolean, nowMs: number): void {
    this.#user = null;
    this.#out = '';
    if (this.#phase !== Phase.idle || !this.#keepAlive || !requestComplete || this.endpoint.draining) {
      this.destroy();
      return;
    }
    this.#served++;
    this.keptUntilMs = nowMs + POOL_IDLE_MS;
    this.#pool.put(this);
  }

  onBytes(bytes: Buffer, end: number): void {
    const nowMs = performance.now();
    let at = 0;
    while (at < end) {
      switch (this.#phase) {
        case Phase.head:
          at = this.#buffer.feed(bytes, at, end);
          if (this.#buffer.tooLarge || this.#buffer.malformed) return this.#fail('invalid');
          if (this.#buffer.complete && !this.#takeHead(at < end, nowMs)) return;
          break;
        case Phase.body: {
          const user = this.#user!;
          at = this.#body.run(bytes, at, end, user);
          if (this.#phase !== Phase.body) return;
          if (this.#body.failed) return this.#fail('invalid');
          if (this.#body.done) {
            this.#phase = Phase.idle;
            if (at < end) this.#keepAlive = false;
            user.onUpstreamEnd(this.#body.trailers, nowMs);
            return;
          }
          break;
        }
        case Phase.tunnel:
          this.#user?.onUpstreamTunnel(bytes, at, end);
          at = end;
          break;
        default:
          // Bytes outside of an exchange would become the next client's answer.
          this.destroy();
          return;
      }
    }
    this.#user?.onUpstreamRead(nowMs);
  }

  /** One head has been collected; false when nothing more is to be read now. */
  #takeHead(more: boolean, nowMs: number): boolean {
    const head = this.#head;
    head.fields.clear();
    const text = this.#buffer.take();
    if (!parseResponseHead(text, head, this.#method, responseLimits)) {
      this.#fail('invalid');
      return false;
    }
    const user = this.#user!;
    user.onUpstreamHead(head, nowMs);
    // The user may have given the connection up, or asked for a tunnel.
    if (this.#phase !== Phase.head) return this.#phase === Phase.tunnel;
    if (head.status < 200) return true;
    this.#keepAlive = head.keepAlive;
    this.#body.reset(head.contentLength);
    if (this.#body.done) {
      this.#phase = Phase.idle;
      if (more) this.#keepAlive = false;
      user.onUpstreamEnd(this.#body.trailers, nowMs);
      return false;
    }
    this.#phase = Phase.body;
    return true;
  }

  #onConnect(): void {
    this.connected = true;
    if (this.#phase !== Phase.connecting) return;
    this.#phase = Phase.head;
    this.#user?.onUpstreamConnect();
  }

  #onEnd(): void {
    const phase = this.#phase;
    if (phase === Phase.closed) return;
    const user = this.#user;
    if (phase === Phase.body && user !== null && this.#body.finish()) {
      this.#phase = Phase.idle;
      this.#keepAlive = false;
      user.onUpstreamEnd(this.#body.trailers, performance.now());
      return;
    }
    this.#fail(
      phase === Phase.connecting ? 'connect' : phase === Phase.head && this.#buffer.empty ? 'closed' : 'cut',
    );
  }

  #fail(kind: UpstreamFailure): void {
    const user = this.#user;
    this.destroy();
    user?.onUpstreamFailure(kind);
  }
}
