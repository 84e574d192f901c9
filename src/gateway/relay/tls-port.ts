// The TLS side of one listening port: contexts by server name, staples, tickets, clients' certificates and the answer to
// ACME's TLS challenge. Everything may be replaced while the port is open; connections that are there keep what they
// have, unless whom the listener trusts has changed.

import { hash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from 'node:tls';
import {
  type AlpnChallenge,
  type ClientCertificate,
  ClientCertificateReader,
  certificateFingerprint,
  failedHandshake,
  type HandshakeOutcome,
  type HelloReading,
  NameTable,
  parseCertificate,
  pemCertificates,
  readClientHello,
  type ServedCertificate,
  secureDefaults,
  type TlsMaterial,
  type TlsSettings,
} from '../../net/tls/index.ts';

/** A TLS handshake must come within this time, ms. */
export const HANDSHAKE_MS = 10_000;
/** How long a session may be resumed, s; the keys of tickets change as often. */
const SESSION_SECONDS = 3600;
const ACME_PROTOCOL = 'acme-tls/1';

/** Alert `unrecognized_name` (RFC 6066 section 3), fatal, in a record of TLS 1.2, as all versions send it. */
const unrecognizedName = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70]);

interface Staple {
  readonly response: Buffer | null;
  readonly required: boolean;
}

export type OnSecure = (socket: TLSSocket, certificate: ClientCertificate | null) => void;
export type OnHandshake = (outcome: HandshakeOutcome) => void;

/**
 * One server object for each certificate: Node can change the certificate of a handshake (SNICallback), but then the
 * default one stays beside it and is shown to clients that prefer its kind of key, and a name can not be refused.
 */
export class TlsPort {
  settings: TlsSettings;
  readonly #http2: boolean;
  readonly #onSecure: OnSecure;
  readonly #onHandshake: OnHandshake;
  #reader: ClientCertificateReader | null = null;
  #names = new NameTable<TlsServer>();
  #default: TlsServer | null = null;
  #servers: TlsServer[] = [];
  /** By fingerprint of the certificate. */
  #staples = new Map<string, Staple>();
  #ticketKeys = Buffer.alloc(0);
  #trustText = '';
  #contextText = '';
  /** Answers open ACME challenges; null while there are none. */
  #challenges: NameTable<TlsServer> | null = null;
  readonly #isWithdrawn: (fingerprint: string) => boolean;
  /** The rules that handshakes under way began with, by raw socket. */
  readonly #begunUnder = new WeakMap<object, string>();

  constructor(
    settings: TlsSettings,
    material: TlsMaterial,
    http2: boolean,
    onSecure: OnSecure,
    onHandshake: OnHandshake,
    isWithdrawn: (fingerprint: string) => boolean = () => false,
  ) {
    this.#isWithdrawn = isWithdrawn;
    this.settings = settings;
    this.#http2 = http2;
    this.#onSecure = onSecure;
    this.#onHandshake = onHandshake;
    this.update(settings, material);
  }

  /** Takes new certificates and rules; true when clients' certificates that were accepted may not be any more. */
  update(configured: TlsSettings, material: TlsMaterial): boolean {
    const settings = withAnchors(configured, material);
    const trustText = JSON.stringify(settings.clients);
    const trustChanged = this.#trustText !== '' && this.#trustText !== trustText;
    const contextText = JSON.stringify([
      settings,
      material.certificates.map(({ chain, key }) => [chain, key]),
    ]);
    const ticketKeys = Buffer.from(material.ticketKeys);
    if (contextText !== this.#contextText) this.#replaceServers(settings, material, trustText);
    else if (!ticketKeys.equals(this.#ticketKeys))
      for (const server of this.#servers) server.setTicketKeys(ticketKeys);
    this.settings = configured;
    this.#trustText = trustText;
    this.#contextText = contextText;
    this.#ticketKeys = ticketKeys;
    this.#staples = new Map(material.certificates.flatMap(stapleRow));
    this.updateChallenges(material.challenges);
    return trustChanged;
  }

  #replaceServers(settings: TlsSettings, material: TlsMaterial, trustText: string): void {
    const { clients } = settings;
    const shared: TlsOptions = {
      ...secureDefaults(settings.minVersion, clients === null),
      requestCert: clients !== null,
      rejectUnauthorized: clients?.mode === 'require',
      ALPNProtocols: this.#http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      // A session belongs to these rules alone; one that was made under others is not resumed.
      sessionIdContext: hash('sha256', `${material.listener}\n${trustText}`).slice(0, 32),
      sessionTimeout: SESSION_SECONDS,
      ticketKeys: Buffer.from(material.ticketKeys),
      ...(clients === null ? {} : { ca: clients.anchors.map(({ pem }) => pem) }),
      ...(clients === null || clients.revocations.length === 0 ? {} : { crl: [...clients.revocations] }),
    };
    const names = new NameTable<TlsServer>();
    const servers: TlsServer[] = [];
    for (const { chain, key } of material.certificates) {
      const server = this.#createServer({ ...shared, cert: chain, key });
      servers.push(server);
      names.add(namesOf(chain), server);
    }
    this.#names = names;
    this.#servers = servers;
    this.#default = servers[0] ?? null;
    this.#reader = clients === null ? null : new ClientCertificateReader(clients, this.#isWithdrawn);
  }

  #createServer(options: TlsOptions): TlsServer {
    const server = createServer(
      { ...options, handshakeTimeout: HANDSHAKE_MS, pauseOnConnect: true, allowHalfOpen: true },
      (socket: TLSSocket) => this.#accepted(socket),
    );
    server.on('OCSPRequest', (certificate: Buffer, _issuer: Buffer, answer) =>
      this.#answerStatus(certificate, answer),
    );
    server.on('tlsClientError', (cause: Error, socket) => {
      this.#onHandshake(failedHandshake(cause, socket));
      socket.destroy();
    });
    return server;
  }

  #answerStatus(certificate: Buffer, answer: (error: Error | null, response: Buffer) => void): void {
    const staple = this.#staples.get(certificateFingerprint(certificate));
    if (staple?.required === true && staple.response === null)
      return answer(new Error('no staple'), Buffer.alloc(0));
    // Node takes null for "no staple", which its types do not say.
    answer(null, (staple?.response ?? null) as Buffer);
  }

  /** Starts the handshake on a raw socket. */
  handshake(socket: Socket): void {
    this.#begunUnder.set(socket, this.#trustText);
    const needsName = this.#servers.length !== 1 || this.settings.unknownName === 'refuse';
    if (needsName || this.#challenges !== null) this.#sort(socket);
    else this.#default!.emit('connection', socket);
  }

  /** Reads the ClientHello, gives it back, and hands the socket to whoever it asks for. */
  #sort(socket: Socket): void {
    let received: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', stop);
      socket.off('end', onEnd);
    };
    const onEnd = (): void => void socket.destroy();
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const hello = readClientHello(received);
      if (hello.kind === 'need-more') return;
      stop();
      const server = this.#serverFor(hello);
      if (server === null) {
        this.#onHandshake(hello.kind === 'hello' ? 'name-unknown' : 'other');
        socket.end(unrecognizedName);
        socket.destroySoon();
        return;
      }
      socket.pause();
      socket.unshift(received);
      server.emit('connection', socket);
    };
    socket.on('close', stop);
    socket.on('end', onEnd);
    socket.on('data', onData);
    socket.resume();
  }

  /** Null: refused. A client that asks for no name, or that speaks no TLS at all, gets the default. */
  #serverFor(hello: HelloReading): TlsServer | null {
    if (hello.kind !== 'hello') return this.#default;
    const { serverName, protocols } = hello;
    // Only authorities offer this protocol, and they offer no other.
    if (this.#challenges !== null && protocols.length === 1 && protocols[0] === ACME_PROTOCOL)
      return this.#challenges.find(serverName);
    if (serverName === '') return this.#default;
    return this.#names.find(serverName) ?? (this.settings.unknownName === 'refuse' ? null : this.#default);
  }

  /** Answers these TLS-ALPN-01 challenges from now on. */
  updateChallenges(challenges: readonly AlpnChallenge[]): void {
    if (challenges.length === 0) {
      this.#challenges = null;
      return;
    }
    const names = new NameTable<TlsServer>();
    for (const { name, certificate, key } of challenges) {
      const server = createServer(
        {
          ...secureDefaults('TLSv1.2', false),
          cert: certificate,
          key,
          handshakeTimeout: HANDSHAKE_MS,
          ALPNProtocols: [ACME_PROTOCOL],
        },
        // The handshake was the answer.
        (socket) => socket.end(),
      );
      server.on('tlsClientError', (_cause, socket) => socket.destroy());
      names.add([name], server);
    }
    this.#challenges = names;
  }

  #accepted(socket: TLSSocket): void {
    const reader = this.#reader;
    // INVARIANT: where clients show certificates no session is resumed, so that every certificate has been verified
    // against the trust and the revocations of today.
    const isStale = this.#begunUnder.get(rawSocketOf(socket)) !== this.#trustText;
    const isReused = socket.isSessionReused();
    if (reader !== null && (isStale || isReused)) return this.#refuse(socket, 'other');
    const certificate = reader === null ? null : reader.read(socket);
    if (this.settings.clients?.mode === 'require') {
      if (certificate === null) return this.#refuse(socket, 'certificate-missing');
      if (certificate.problem !== '') return this.#refuse(socket, `certificate-${certificate.problem}`);
    }
    this.#onHandshake(isReused ? 'resumed' : 'full');
    this.#onSecure(socket, certificate);
  }

  #refuse(socket: TLSSocket, outcome: HandshakeOutcome): void {
    this.#onHandshake(outcome);
    socket.destroy();
  }
}

/** The socket under a TLS socket that was made by emitting `connection`. */
export function rawSocketOf(socket: Socket): Socket {
  return (socket as unknown as { _parent?: Socket })._parent ?? socket;
}

/** Settings whose clients are those of the files and of the trust domains, as they are known now. */
function withAnchors(settings: TlsSettings, { anchors }: TlsMaterial): TlsSettings {
  const { clients } = settings;
  if (clients === null || anchors.length === 0) return settings;
  return { ...settings, clients: { ...clients, anchors: [...clients.anchors, ...anchors] } };
}

function namesOf(chain: string): readonly string[] {
  const [der] = pemCertificates(chain);
  return der === undefined ? [] : parseCertificate(der).names.dns;
}

function stapleRow({ chain, staple, mustStaple }: ServedCertificate): [string, Staple][] {
  const [der] = pemCertificates(chain);
  if (der === undefined) return [];
  return [
    [
      certificateFingerprint(der),
      { response: staple === null ? null : Buffer.from(staple), required: mustStaple },
    ],
  ];
}
