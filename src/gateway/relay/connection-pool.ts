// Connections of one thread to the endpoints of one upstream: idle HTTP/1 connections wait for the next exchange, HTTP/2
// connections are shared by many. HOT
import type { ConnectionOptions } from 'node:tls';
import type { Endpoint } from '../upstream/index.ts';
import { H2EndpointPool } from './h2-endpoint-pool.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamLeg, UpstreamUser } from './upstream-leg.ts';

/** `auto` asks by ALPN over TLS; in clear text it is HTTP/1.1. */
export type UpstreamProtocol = 'http1' | 'http2' | 'auto';

export class ConnectionPool {
  readonly #idle = new Map<Endpoint, UpstreamConnection[]>();
  readonly #shared = new Map<Endpoint, H2EndpointPool>();
  readonly #maxIdle: number;
  readonly #protocol: UpstreamProtocol;
  /** How connections of https endpoints are secured. */
  tls: ConnectionOptions;

  constructor(maxIdle: number, protocol: UpstreamProtocol, tls: ConnectionOptions) {
    this.#maxIdle = maxIdle;
    this.#protocol = protocol;
    this.tls = tls;
  }

  /** Secures connections so from now on; those that are idle are closed. */
  secure(tls: ConnectionOptions): void {
    this.tls = tls;
    this.closeIdle();
  }

  /**
   * A leg for one exchange; for HTTP/1 it may still be connecting. Null: `user.onUpstreamLeg` follows, or
   * `onUpstreamFailure('connect')`, unless `cancel` is called. `upgrades`: the request asks to switch protocols, which
   * HTTP/1 alone can.
   */
  take(endpoint: Endpoint, user: UpstreamUser, upgrades: boolean): UpstreamLeg | null {
    if (this.#protocol === 'http1' || upgrades) return this.takeHttp1(endpoint);
    if (this.#protocol === 'auto' && !endpoint.tls) return this.takeHttp1(endpoint);
    let shared = this.#shared.get(endpoint);
    if (shared === undefined) {
      shared = new H2EndpointPool(endpoint, this, this.#protocol === 'auto');
      this.#shared.set(endpoint, shared);
    }
    return shared.take(user);
  }

  /** The HTTP/1 connection used last, or a new one that is about to connect. */
  takeHttp1(endpoint: Endpoint): UpstreamConnection {
    return this.#idle.get(endpoint)?.pop() ?? new UpstreamConnection(endpoint, this, null);
  }

  /** The user does not wait any longer. */
  cancel(endpoint: Endpoint, user: UpstreamUser): void {
    this.#shared.get(endpoint)?.cancel(user);
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
    const list = this.#idle.get(connection.endpoint);
    if (list === undefined) return;
    const at = list.indexOf(connection);
    if (at !== -1) list.splice(at, 1);
    if (list.length === 0) this.#idle.delete(connection.endpoint);
  }

  /** Closes connections that have been idle for too long, and looks after those that are shared. */
  sweep(nowMs: number): void {
    for (const list of this.#idle.values()) {
      // Oldest first: connections are taken and put at the end.
      while (list.length > 0 && list[0]!.keptUntilMs <= nowMs) list[0]!.destroy();
    }
    for (const shared of this.#shared.values()) shared.sweep(nowMs);
  }

  /** Closes the connections of an endpoint that is no longer used, as soon as they are idle. */
  drop(endpoint: Endpoint): void {
    const list = this.#idle.get(endpoint);
    if (list !== undefined) for (const connection of [...list]) connection.destroy();
    const shared = this.#shared.get(endpoint);
    if (shared !== undefined) {
      this.#shared.delete(endpoint);
      shared.drain();
    }
  }

  closeIdle(): void {
    for (const list of [...this.#idle.values()]) for (const connection of [...list]) connection.destroy();
    for (const shared of this.#shared.values()) shared.drain();
  }
}
