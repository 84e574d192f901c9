// One listening port of one thread: accepts, reads the PROXY protocol where configured, ends TLS, and keeps the
// list of connections for time-outs and draining.
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import {
  type AddressSet,
  type ByteReader,
  canonicalAddress,
  parseProxyHeader,
  readAccepted,
  readEvents,
} from '../../net/index.ts';
import { H1Connection } from './h1-connection.ts';
import { H2Connection } from './h2-connection.ts';
import { ProtocolReader } from './protocol-reader.ts';
import type { RelayContext } from './route.ts';

/** How often deadlines are looked at, ms; time-outs are late by at most this much. */
const SWEEP_MS = 250;
/** A PROXY header or TLS handshake must come within this time, ms. */
const HANDSHAKE_MS = 10_000;
/** Connections that the kernel may queue before they are accepted. */
const BACKLOG = 4096;

export interface ListenerTls {
  /** PEM texts. */
  readonly certificate: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
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
  /** Several threads and processes listen on one port (SO_REUSEPORT). */
  readonly reusePort: boolean;
}

/** A connection of a client, whichever protocol it speaks. */
export interface ClientConnection extends ByteReader {
  sweep(nowMs: number): void;
  drain(): void;
  destroy(): void;
}

export class RelayListener {
  readonly context: RelayContext;
  readonly #options: RelayListenerOptions;
  readonly #server: Server;
  readonly #tls: TlsServer | null;
  readonly #connections = new Set<ClientConnection>();
  readonly #pending = new Set<Socket>();
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
    this.#tls = options.tls === null ? null : this.#createTls(options.tls);
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  #createTls(tls: ListenerTls): TlsServer {
    const server = createTlsServer(
      {
        ...secureOptions(tls),
        handshakeTimeout: HANDSHAKE_MS,
        ALPNProtocols: this.#options.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
        pauseOnConnect: true,
        allowHalfOpen: true,
      },
      (socket: TLSSocket) =>
        this.#serve(socket, this.#peers.get(parentOf(socket)) ?? addressOf(socket), true),
    );
    server.on('tlsClientError', (_cause, socket) => socket.destroy());
    return server;
  }

  /** Certificates for connections from now on. */
  updateTls(tls: ListenerTls): void {
    this.#tls?.setSecureContext(secureOptions(tls));
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
    if (peer === '' || this.#connections.size + this.#pending.size >= this.#options.maxConnections) {
      socket.destroy();
      return;
    }
    if (this.#options.proxyProtocolFrom?.has(peer) === true) this.#readProxyHeader(socket, peer);
    else this.#serve(socket, peer, false);
  }

  /** Serves HTTP, or the TLS handshake before it. */
  #serve(socket: Socket, peer: string, decrypted: boolean): void {
    if (this.#tls !== null && !decrypted) {
      this.#pending.add(socket);
      socket.once('close', () => this.#pending.delete(socket));
      socket.on('error', () => {});
      this.#peers.set(socket, peer);
      this.#tls.emit('connection', socket);
      return;
    }
    let opened: ClientConnection | null = null;
    const onClosed = (connection: ClientConnection): void => this.#closed(connection);
    const open = (ready: Socket): ClientConnection => {
      const h1 = () => new H1Connection(ready, peer, this.context, onClosed);
      const h2 = () => new H2Connection(ready, peer, this.context, onClosed);
      if (decrypted) opened = (socket as TLSSocket).alpnProtocol === 'h2' ? h2() : h1();
      else opened = this.#options.http2 ? new ProtocolReader(ready, this.context, h1, h2, onClosed) : h1();
      return opened;
    };
    if (decrypted || socket.readableLength > 0) readEvents(socket, open);
    else readAccepted(socket, open);
    this.#connections.add(opened!);
    this.context.telemetry.connectionOpened();
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
      this.#serve(socket, named ?? peer, false);
    };
    socket.on('error', () => {});
    socket.on('close', done);
    socket.on('data', onData);
    socket.resume();
  }

  #closed(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return;
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

function secureOptions(tls: ListenerTls) {
  return { cert: tls.certificate, key: tls.key, minVersion: tls.minVersion, honorCipherOrder: true };
}

function addressOf(socket: Socket): string {
  const address = socket.remoteAddress;
  return address === undefined ? '' : (canonicalAddress(address) ?? address);
}

/** The socket under a TLS socket that was made by emitting `connection`. */
function parentOf(socket: Socket): object {
  return (socket as unknown as { _parent?: object })._parent ?? socket;
}
