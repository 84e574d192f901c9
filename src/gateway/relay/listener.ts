// One listening port of one thread: accepts, reads the PROXY protocol where configured, ends TLS, and keeps the
// list of connections for time-outs and draining.
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type ConcurrencyTable, FULL, NO_ROOM } from '../../limits/index.ts';
import {
  type AddressSet,
  type ByteReader,
  canonicalAddress,
  parseProxyHeader,
  readAccepted,
  readEvents,
  siteOf,
} from '../../net/index.ts';
import type { AlpnChallenge, ClientCertificate, TlsMaterial, TlsSettings } from '../../net/tls/index.ts';
import { H1Connection } from './h1-connection.ts';
import { H2Connection } from './h2-connection.ts';
import { ProtocolReader } from './protocol-reader.ts';
import type { Peer, RelayContext } from './route.ts';
import { HANDSHAKE_MS, rawSocketOf, TlsPort } from './tls-port.ts';

/** How often deadlines are looked at, ms; time-outs are late by at most this much. */
const SWEEP_MS = 250;
/** Connections that the kernel may queue before they are accepted. */
const BACKLOG = 4096;
/** Connections that are looked at for one to close when there is no room. */
const EVICTION_TRIES = 64;
/** Key of connections in the table. */
const CONNECTIONS = 1;

export interface ListenerTls {
  readonly settings: TlsSettings;
  readonly material: TlsMaterial;
}

export interface RelayListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: ListenerTls | null;
  /** HTTP/2: by ALPN where the listener speaks TLS, else by prior knowledge. */
  readonly http2: boolean;
  /** Peers that must send a PROXY header; null: nobody may. */
  readonly proxyProtocolFrom: AddressSet | null;
  readonly maxConnections: number;
  /** Connections of one address over all threads; 0 for any. */
  readonly maxPerAddress: number;
  readonly connectionsByAddress: ConcurrencyTable;
  /** Proxies of ours, which come with the connections of many; null for none. */
  readonly proxies: AddressSet | null;
  /** Whether an address is banned. */
  readonly isBanned: (address: string) => boolean;
  /** Whether a certificate, by its SHA-256 in lower-case hexadecimal, was withdrawn. */
  readonly isWithdrawn: (fingerprint: string) => boolean;
  /** Several threads and processes listen on one port (SO_REUSEPORT). */
  readonly reusePort: boolean;
}

/** A connection of a client, whichever protocol it speaks. */
export interface ClientConnection extends ByteReader {
  sweep(nowMs: number): void;
  drain(): void;
  destroy(): void;
  /** Nothing of a request has come that is not answered. */
  readonly idle: boolean;
}

export class RelayListener {
  readonly context: RelayContext;
  readonly #options: RelayListenerOptions;
  readonly #server: Server;
  readonly #tls: TlsPort | null;
  readonly #connections = new Set<ClientConnection>();
  readonly #pending = new Set<Socket>();
  /** Places of connections among those of their address. */
  readonly #places = new Map<ClientConnection, number>();
  /** Connections whose client showed a certificate. */
  readonly #certified = new WeakSet<ClientConnection>();
  /** Client addresses by raw socket, for connections whose TLS handshake is under way. */
  readonly #peers = new WeakMap<object, string>();
  readonly #sweeper: NodeJS.Timeout;
  #onDrained: (() => void) | null = null;

  constructor(context: RelayContext, options: RelayListenerOptions) {
    this.context = context;
    this.#options = options;
    this.#server = createTcpServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
    const { tls } = options;
    this.#tls =
      tls === null
        ? null
        : new TlsPort(
            tls.settings,
            tls.material,
            options.http2,
            (socket, certificate) => this.#secured(socket, certificate),
            (outcome) => this.context.telemetry.handshakeEnded(outcome),
            options.isWithdrawn,
          );
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  /**
   * Certificates and rules for connections from now on. When whom the listener trusts has changed, connections that
   * showed a certificate finish what they do and must come again.
   */
  updateTls({ settings, material }: ListenerTls, deadlineMs: number): void {
    if (this.#tls?.update(settings, material) !== true) return;
    const before = [...this.#connections].filter((connection) => this.#certified.has(connection));
    for (const connection of before) connection.drain();
    setTimeout(() => {
      for (const connection of before) if (this.#connections.has(connection)) connection.destroy();
    }, deadlineMs).unref();
  }

  updateMaterial(material: TlsMaterial, deadlineMs: number): void {
    if (this.#tls !== null) this.updateTls({ settings: this.#tls.settings, material }, deadlineMs);
  }

  updateChallenges(challenges: readonly AlpnChallenge[]): void {
    this.#tls?.updateChallenges(challenges);
  }

  /** Resolves with the port once connections are accepted. Rejects with the system's error (EADDRINUSE, EACCES). */
  listen(): Promise<number> {
    const { host, port, reusePort } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, reusePort, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', () => {});
        const address = this.#server.address();
        resolve(address !== null && typeof address === 'object' ? address.port : port);
      });
    });
  }

  #accept(socket: Socket): void {
    const peer = addressOf(socket);
    if (peer === '' || (this.#isFull && !this.#evict())) {
      socket.destroy();
      return;
    }
    if (this.#options.proxyProtocolFrom?.has(peer) === true) this.#readProxyHeader(socket, peer);
    else this.#serve(socket, peer);
  }

  get #isFull(): boolean {
    return this.#connections.size + this.#pending.size >= this.#options.maxConnections;
  }

  /** Who has been here longest and does nothing goes when there is no room. Answers whether there is some. */
  #evict(): boolean {
    let seen = 0;
    for (const connection of this.#connections) {
      if (connection.idle) {
        connection.destroy();
        return true;
      }
      if (++seen === EVICTION_TRIES) break;
    }
    return false;
  }

  /** Place of a connection of `peer` among those of its address; FULL for one too many or of somebody banned, NO_ROOM uncounted. */
  #placeOf(peer: string): number {
    const { maxPerAddress, connectionsByAddress, proxies, isBanned } = this.#options;
    if (isBanned(peer)) return FULL;
    // More addresses than can be counted are not: a bound for all is left.
    if (maxPerAddress === 0 || proxies?.has(peer) === true) return NO_ROOM;
    return connectionsByAddress.acquire(CONNECTIONS, siteOf(peer), maxPerAddress);
  }

  /** Serves HTTP, or the TLS handshake before it. */
  #serve(socket: Socket, peer: string): void {
    const place = this.#placeOf(peer);
    if (place === FULL) {
      socket.destroy();
      return;
    }
    if (this.#tls !== null) {
      this.#pending.add(socket);
      socket.once('close', () => {
        this.#pending.delete(socket);
        if (place !== NO_ROOM) this.#options.connectionsByAddress.release(place);
      });
      socket.on('error', () => {});
      this.#peers.set(socket, peer);
      this.#tls.handshake(socket);
      return;
    }
    // Its socket is given up for another: the place goes with the connection.
    const connection = this.#open(socket, { address: peer, certificate: null, tls: null }, false);
    if (place !== NO_ROOM) this.#places.set(connection, place);
  }

  #secured(socket: TLSSocket, certificate: ClientCertificate | null): void {
    const raw = rawSocketOf(socket);
    this.#pending.delete(raw);
    const address = this.#peers.get(raw) ?? addressOf(socket);
    const tls = { version: socket.getProtocol() ?? '', cipher: socket.getCipher().standardName };
    this.#open(socket, { address, certificate, tls }, true);
  }

  #open(socket: Socket, peer: Peer, decrypted: boolean): ClientConnection {
    let opened: ClientConnection | null = null;
    const onClosed = (connection: ClientConnection): void => this.#closed(connection);
    const open = (ready: Socket): ClientConnection => {
      const h1 = (closed = onClosed) => new H1Connection(ready, peer, this.context, closed);
      const h2 = (closed = onClosed) => new H2Connection(ready, peer, this.context, closed);
      if (decrypted) opened = (socket as TLSSocket).alpnProtocol === 'h2' ? h2() : h1();
      else opened = this.#options.http2 ? new ProtocolReader(ready, this.context, h1, h2, onClosed) : h1();
      return opened;
    };
    if (decrypted || socket.readableLength > 0) readEvents(socket, open);
    else readAccepted(socket, open);
    this.#connections.add(opened!);
    if (peer.certificate !== null) this.#certified.add(opened!);
    this.context.telemetry.connectionOpened();
    return opened!;
  }

  #readProxyHeader(socket: Socket, peer: string): void {
    this.#pending.add(socket);
    let received: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
    const done = (): void => {
      clearTimeout(timer);
      this.#pending.delete(socket);
      socket.off('data', onData);
      socket.off('close', done);
    };
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const result = parseProxyHeader(received);
      if (result.kind === 'need-more') return;
      done();
      if (result.kind === 'invalid') {
        socket.destroy();
        return;
      }
      socket.pause();
      const rest = received.subarray(result.length);
      if (rest.length > 0) socket.unshift(rest);
      const named = result.source === null ? null : canonicalAddress(result.source);
      this.#serve(socket, named ?? peer);
    };
    socket.on('error', () => {});
    socket.on('close', done);
    socket.on('data', onData);
    socket.resume();
  }

  #closed(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return;
    const place = this.#places.get(connection);
    if (place !== undefined) {
      this.#places.delete(connection);
      this.#options.connectionsByAddress.release(place);
    }
    this.context.telemetry.connectionClosed();
    if (this.#connections.size === 0) this.#onDrained?.();
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const connection of this.#connections) connection.sweep(nowMs);
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Stops accepting, lets requests finish until `deadlineMs` from now, then closes what is left. */
  async drain(deadlineMs: number): Promise<void> {
    this.context.draining = true;
    this.#server.close();
    for (const socket of this.#pending) socket.destroy();
    for (const connection of [...this.#connections]) connection.drain();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadlineMs);
        this.#onDrained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const connection of [...this.#connections]) connection.destroy();
    clearInterval(this.#sweeper);
  }
}

function addressOf(socket: Socket): string {
  const address = socket.remoteAddress;
  return address === undefined ? '' : (canonicalAddress(address) ?? address);
}
