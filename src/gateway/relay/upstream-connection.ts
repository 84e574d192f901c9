// One connection to an endpoint: strict reading of answers, and return to the endpoint's pool when, and only when,
// both messages ended cleanly. Bytes that nobody asked for close it. HOT
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  BodyDecoder,
  type BodySink,
  defaultHeadLimits,
  HeadBuffer,
  type HeadLimits,
  parseResponseHead,
  ResponseHead,
} from '../../http/h1/index.ts';
import { type ByteReader, sharedReadBuffer } from '../../net/index.ts';
import type { Endpoint } from '../upstream/index.ts';

/** Answers may carry larger heads than requests: cookies and policies add up. */
const responseLimits: HeadLimits = { ...defaultHeadLimits, maxHeadBytes: 65_536, maxFields: 200 };

/**
 * How long an unused connection is kept, ms. Node's own servers close after 5 s; a request sent into a connection
 * that the other end is just closing fails, and only idempotent ones may be sent again.
 */
const POOL_IDLE_MS = 4000;

/** How long an upstream may take to close after it was told to, ms. */
const CLOSE_GRACE_MS = 2000;

export type UpstreamFailure =
  /** No connection was made; nothing was sent. */
  | 'connect'
  /** Ended before the first byte of an answer. */
  | 'closed'
  /** Ended within an answer. */
  | 'cut'
  /** The answer is not valid HTTP. */
  | 'invalid';

/** Who waits for the answer. `nowMs`: monotonic time of the read, ms. */
export interface UpstreamUser extends BodySink {
  onUpstreamConnect(): void;
  /** `head` is valid during the call. Called for interim answers (1xx) too. */
  onUpstreamHead(head: ResponseHead, nowMs: number): void;
  /** One read has been handed on; time to write out. */
  onUpstreamRead(nowMs: number): void;
  onUpstreamEnd(decoder: BodyDecoder, nowMs: number): void;
  onUpstreamFailure(kind: UpstreamFailure): void;
  onUpstreamDrain(): void;
  /** Bytes of the protocol that a 101 answer switched to. */
  onUpstreamTunnel(bytes: Buffer, start: number, end: number): void;
}

const Phase = { connecting: 0, idle: 1, head: 2, body: 3, tunnel: 4, closed: 5 } as const;

export class UpstreamConnection implements ByteReader {
  readonly socket: Socket;
  readonly endpoint: Endpoint;
  /** Exchanges served before; 0 for a fresh connection. */
  served = 0;
  /** Monotonic ms until which an idle connection is kept. */
  keptUntilMs = 0;
  connected = false;
  #phase: number = Phase.connecting;
  #user: UpstreamUser | null = null;
  #method = '';
  readonly #pool: ConnectionPool;
  readonly #buffer = new HeadBuffer(responseLimits.maxHeadBytes);
  readonly #head = new ResponseHead();
  readonly #body = new BodyDecoder(false);
  #keepAlive = false;

  constructor(endpoint: Endpoint, pool: ConnectionPool) {
    this.endpoint = endpoint;
    this.#pool = pool;
    this.socket = endpoint.tls ? this.#connectTls() : this.#connectPlain();
    this.socket.setNoDelay(true);
    this.socket.on(endpoint.tls ? 'secureConnect' : 'connect', () => this.#onConnect());
    this.socket.on('drain', () => this.#user?.onUpstreamDrain());
    this.socket.on('error', () => {});
    this.socket.on('end', () => this.#onEnd());
    this.socket.on('close', () => this.#onEnd());
  }

  #connectPlain(): Socket {
    return connect({
      host: this.endpoint.address,
      port: this.endpoint.port,
      onread: {
        buffer: sharedReadBuffer,
        callback: (length: number) => {
          this.onBytes(sharedReadBuffer, length);
          return true;
        },
      },
    });
  }

  #connectTls(): Socket {
    const socket = connectTls({
      host: this.endpoint.address,
      port: this.endpoint.port,
      servername: this.endpoint.serverName,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
    });
    socket.on('data', (chunk: Buffer) => this.onBytes(chunk, chunk.length));
    return socket;
  }

  /** Gives the connection to an exchange; the request is written by the user through `socket`. */
  begin(user: UpstreamUser, method: string): void {
    this.#user = user;
    this.#method = method;
    if (this.#phase === Phase.idle) this.#phase = Phase.head;
  }

  /** Passes all further bytes on unread. */
  tunnel(): void {
    this.#phase = Phase.tunnel;
  }

  /** Takes the connection from its user for good. */
  destroy(): void {
    this.#user = null;
    this.#phase = Phase.closed;
    this.#pool.forget(this);
    this.socket.destroy();
  }

  /** Takes the connection from its user, who has ended its side with a last word where `graceful`. */
  detach(graceful: boolean): void {
    this.#user = null;
    this.#phase = Phase.closed;
    this.#pool.forget(this);
    if (!graceful) this.socket.destroy();
    else {
      this.socket.resume();
      this.socket.setTimeout(CLOSE_GRACE_MS, () => this.socket.destroy());
    }
  }

  /** The exchange is over: back to the pool when the connection is clean, else closed. */
  release(requestComplete: boolean, nowMs: number): void {
    this.#user = null;
    if (this.#phase !== Phase.idle || !this.#keepAlive || !requestComplete || this.endpoint.draining) {
      this.destroy();
      return;
    }
    this.served++;
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
            user.onUpstreamEnd(this.#body, nowMs);
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
      user.onUpstreamEnd(this.#body, nowMs);
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
      user.onUpstreamEnd(this.#body, performance.now());
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

/** Idle connections of all endpoints of one thread. */
export class ConnectionPool {
  readonly #idle = new Map<Endpoint, UpstreamConnection[]>();
  readonly #all = new Set<UpstreamConnection>();
  readonly #maxIdle: number;

  constructor(maxIdle: number) {
    this.#maxIdle = maxIdle;
  }

  /** The connection used last, or a new one that is about to connect. */
  take(endpoint: Endpoint): UpstreamConnection {
    const idle = this.#idle.get(endpoint)?.pop();
    if (idle !== undefined) return idle;
    const fresh = new UpstreamConnection(endpoint, this);
    this.#all.add(fresh);
    return fresh;
  }

  put(connection: UpstreamConnection): void {
    let list = this.#idle.get(connection.endpoint);
    if (list === undefined) {
      list = [];
      this.#idle.set(connection.endpoint, list);
    }
    if (list.length >= this.#maxIdle) connection.destroy();
    else list.push(connection);
  }

  forget(connection: UpstreamConnection): void {
    this.#all.delete(connection);
    const list = this.#idle.get(connection.endpoint);
    if (list === undefined) return;
    const at = list.indexOf(connection);
    if (at !== -1) list.splice(at, 1);
    if (list.length === 0) this.#idle.delete(connection.endpoint);
  }

  /** Closes idle connections that are too old. */
  sweep(nowMs: number): void {
    for (const list of this.#idle.values()) {
      // Oldest first: connections are taken and put at the end.
      while (list.length > 0 && list[0]!.keptUntilMs <= nowMs) list[0]!.destroy();
    }
  }

  /** Closes the idle connections of an endpoint that is no longer used. */
  drop(endpoint: Endpoint): void {
    const list = this.#idle.get(endpoint);
    if (list !== undefined) for (const connection of [...list]) connection.destroy();
  }

  closeIdle(): void {
    for (const list of [...this.#idle.values()]) for (const connection of [...list]) connection.destroy();
  }
}
