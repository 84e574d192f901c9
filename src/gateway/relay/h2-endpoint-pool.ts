// HTTP/2 connections of one thread to one endpoint: few, shared by all exchanges, one more only where the streams that
// the endpoint allows are used up. Exchanges wait here for a connection to be made and for a stream to become free.
import type { Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { ByteReader } from '../../net/index.ts';
import type { Endpoint } from '../upstream/index.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { H2UpstreamConnection } from './h2-upstream-connection.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamLeg, UpstreamUser } from './upstream-leg.ts';
import { connectUpstream } from './upstream-socket.ts';

/** Connections to one endpoint from one thread; what finds no stream on them waits. */
const MAX_CONNECTIONS = 8;
/** A connection that has not shown its settings by then is given up, ms; exchanges have a time of their own. */
const DIAL_MS = 10_000;

/** A connection that is being made; what it turns out to speak reads its bytes. */
class Dial implements ByteReader {
  readonly socket: Socket;
  readonly deadlineMs: number;
  reader: ByteReader | null = null;
  connection: H2UpstreamConnection | null = null;

  constructor(endpoint: Endpoint, protocols: readonly string[], tls: ConnectionOptions, nowMs: number) {
    this.deadlineMs = nowMs + DIAL_MS;
    this.socket = connectUpstream(endpoint, protocols, this, tls);
    this.socket.setNoDelay(true);
    this.socket.on('error', () => {});
  }

  onBytes(bytes: Buffer, end: number): void {
    this.reader?.onBytes(bytes, end);
  }
}

export class H2EndpointPool {
  readonly endpoint: Endpoint;
  readonly #pool: ConnectionPool;
  /** The endpoint may choose HTTP/1.1 by ALPN. */
  readonly #mayChoose: boolean;
  readonly #connections: H2UpstreamConnection[] = [];
  readonly #waiting = new Set<UpstreamUser>();
  #dial: Dial | null = null;
  /** The endpoint has chosen HTTP/1.1. */
  #speaksHttp1 = false;
  #draining = false;

  constructor(endpoint: Endpoint, pool: ConnectionPool, mayChoose: boolean) {
    this.endpoint = endpoint;
    this.#pool = pool;
    this.#mayChoose = mayChoose;
  }

  /** A stream, or null while there is none: then the user is called. */
  take(user: UpstreamUser): UpstreamLeg | null {
    if (this.#speaksHttp1) return this.#pool.takeHttp1(this.endpoint);
    const connection = this.#withRoom();
    if (connection !== null && this.#waiting.size === 0) return connection.open();
    this.#waiting.add(user);
    this.#dialIfNeeded();
    return null;
  }

  cancel(user: UpstreamUser): void {
    this.#waiting.delete(user);
  }

  #withRoom(): H2UpstreamConnection | null {
    for (let i = 0; i < this.#connections.length; i++) {
      if (this.#connections[i]!.hasRoom) return this.#connections[i]!;
    }
    return null;
  }

  // Making connections.

  #dialIfNeeded(): void {
    if (this.#waiting.size === 0 || this.#dial !== null || this.#draining) return;
    if (this.#connections.length >= MAX_CONNECTIONS) return;
    const protocols = this.#mayChoose ? ['h2', 'http/1.1'] : ['h2'];
    const dial = new Dial(this.endpoint, protocols, this.#pool.tls, performance.now());
    this.#dial = dial;
    dial.socket.once('close', () => this.#onDialFailed(dial));
    dial.socket.once(this.endpoint.tls ? 'secureConnect' : 'connect', () => this.#onConnected(dial));
  }

  #onConnected(dial: Dial): void {
    if (this.#dial !== dial) return;
    const chosen = this.endpoint.tls ? (dial.socket as TLSSocket).alpnProtocol : 'h2';
    if (chosen === 'h2') {
      dial.connection = new H2UpstreamConnection(this.endpoint, dial.socket, this);
      dial.reader = dial.connection;
    } else if (this.#mayChoose) this.#useHttp1(dial);
    else dial.socket.destroy();
  }

  /** Whoever waits gets an HTTP/1 connection, the first one this. */
  #useHttp1(dial: Dial): void {
    this.#dial = null;
    this.#speaksHttp1 = true;
    const connection = new UpstreamConnection(this.endpoint, this.#pool, dial.socket);
    dial.reader = connection;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    if (waiting.length === 0) return connection.destroy();
    waiting.forEach((user, i) => {
      user.onUpstreamLeg(i === 0 ? connection : this.#pool.takeHttp1(this.endpoint));
    });
  }

  #onDialFailed(dial: Dial): void {
    if (this.#dial !== dial) return;
    this.#dial = null;
    // Those that wait for a stream of the connections there are may still get one.
    if (this.#connections.length > 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const user of waiting) user.onUpstreamFailure('connect');
  }

  // What connections report.

  /** The connection has shown its settings: it may be used. */
  onReady(connection: H2UpstreamConnection): void {
    if (this.#dial?.connection !== connection) return;
    this.#dial = null;
    this.#connections.push(connection);
    this.onRoom();
  }

  /** A stream may have become free. */
  onRoom(): void {
    for (const user of this.#waiting) {
      const connection = this.#withRoom();
      if (connection === null) break;
      this.#waiting.delete(user);
      user.onUpstreamLeg(connection.open());
    }
    this.#dialIfNeeded();
  }

  /** The connection takes no new streams. */
  onRetired(connection: H2UpstreamConnection): void {
    const at = this.#connections.indexOf(connection);
    if (at === -1) return;
    this.#connections.splice(at, 1);
    this.#dialIfNeeded();
  }

  // Time and end.

  sweep(nowMs: number): void {
    for (const connection of [...this.#connections]) connection.sweep(nowMs);
    if (this.#dial !== null && nowMs >= this.#dial.deadlineMs) this.#dial.socket.destroy();
  }

  /** No new connections; those that are open end with their last stream. */
  drain(): void {
    this.#draining = true;
    for (const connection of [...this.#connections]) connection.retire();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#dial?.socket.destroy();
    for (const user of waiting) user.onUpstreamFailure('connect');
  }
}
