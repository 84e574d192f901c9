// The TLS side of one listening port: contexts by server name, staples, tickets, clients' certificates and the answer to
// ACME's TLS challenge. Everything may be replaced while the port is open; connections that are there keep what they
// have, unless whom the listener trusts has changed.

import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls';
import {
  type AlpnChallenge,
  type ClientCertificate,
  ClientCertificateReader,
  certificateFingerprint,
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
/** Least time for which tickets are good, s; their keys change about as often. */
const SESSION_SECONDS = 3600;
const ACME_PROTOCOL = 'acme-tls/1';

interface Staple {
  readonly response: Buffer | null;
  readonly required: boolean;
}

export type OnSecure = (socket: TLSSocket, certificate: ClientCertificate | null) => void;

export class TlsPort {
  readonly #server: TlsServer;
  readonly #onSecure: OnSecure;
  settings: TlsSettings;
  #reader: ClientCertificateReader | null = null;
  #names = new NameTable<SecureContext>();
  /** Answers a name that is not served when such names are refused: it has no certificate. */
  #nobody: SecureContext | null = null;
  /** By fingerprint of the certificate. */
  #staples = new Map<string, Staple>();
  #ticketKeys = Buffer.alloc(0);
  #trustText = '';
  #contextText = '';
  #challengeServer: TlsServer | null = null;
  /** The rules that handshakes under way began with, by raw socket. */
  readonly #begunUnder = new WeakMap<object, string>();

  constructor(settings: TlsSettings, material: TlsMaterial, http2: boolean, onSecure: OnSecure) {
    this.settings = settings;
    this.#onSecure = onSecure;
    this.#server = createServer(
      {
        requestCert: settings.clients !== null,
        rejectUnauthorized: settings.clients?.mode === 'require',
        handshakeTimeout: HANDSHAKE_MS,
        ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
        pauseOnConnect: true,
        allowHalfOpen: true,
        SNICallback: (name, answer) => answer(null, this.#contextFor(name)),
      },
      (socket: TLSSocket) => this.#accepted(socket),
    );
    this.#server.on('OCSPRequest', (certificate: Buffer, _issuer: Buffer, answer) =>
      this.#answerStatus(certificate, answer),
    );
    this.#server.on('tlsClientError', (_cause, socket) => socket.destroy());
    this.update(settings, material);
  }

  /** Takes new certificates and rules; true when clients' certificates that were accepted may not be any more. */
  update(settings: TlsSettings, material: TlsMaterial): boolean {
    const trustText = JSON.stringify(settings.clients);
    const trustChanged = this.#trustText !== '' && this.#trustText !== trustText;
    const contextText = JSON.stringify([
      settings,
      material.certificates.map(({ chain, key }) => [chain, key]),
    ]);
    if (contextText !== this.#contextText) this.#replaceContexts(settings, material, trustText);
    this.settings = settings;
    this.#trustText = trustText;
    this.#contextText = contextText;
    this.#staples = new Map(material.certificates.flatMap(stapleRow));
    const ticketKeys = Buffer.from(material.ticketKeys);
    if (!ticketKeys.equals(this.#ticketKeys)) {
      this.#ticketKeys = ticketKeys;
      this.#server.setTicketKeys(ticketKeys);
    }
    this.updateChallenges(material.challenges);
    return trustChanged;
  }

  #replaceContexts(settings: TlsSettings, material: TlsMaterial, trustText: string): void {
    const { clients } = settings;
    const shared: SecureContextOptions = {
      ...secureDefaults(settings.minVersion, clients === null),
      // A session belongs to these rules alone; one that was made under others is not resumed.
      sessionIdContext: createHash('sha256')
        .update(`${material.listener}\n${trustText}`)
        .digest('hex')
        .slice(0, 32),
      sessionTimeout: SESSION_SECONDS,
      ticketKeys: Buffer.from(material.ticketKeys),
      ...(clients === null ? {} : { ca: clients.anchors.map(({ pem }) => pem) }),
      ...(clients === null || clients.revocations.length === 0 ? {} : { crl: [...clients.revocations] }),
    };
    const names = new NameTable<SecureContext>();
    const [first] = material.certificates;
    for (const { chain, key } of material.certificates) {
      names.add(namesOf(chain), createSecureContext({ ...shared, cert: chain, key }));
    }
    this.#names = names;
    this.#nobody = settings.unknownName === 'refuse' ? createSecureContext(shared) : null;
    this.#server.setSecureContext(
      first === undefined ? shared : { ...shared, cert: first.chain, key: first.key },
    );
    this.#ticketKeys = Buffer.from(material.ticketKeys);
    this.#reader = clients === null ? null : new ClientCertificateReader(clients);
  }

  /** Undefined is the default certificate. */
  #contextFor(name: string): SecureContext | undefined {
    return this.#names.find(name) ?? this.#nobody ?? undefined;
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
    if (this.#challengeServer === null) this.#server.emit('connection', socket);
    else this.#sort(socket, this.#challengeServer);
  }

  /** While a challenge is open: its connections offer one protocol, and nobody else does. */
  #sort(socket: Socket, challenges: TlsServer): void {
    let received: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', stop);
    };
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const hello = readClientHello(received);
      if (hello.kind === 'need-more') return;
      stop();
      socket.pause();
      socket.unshift(received);
      const isChallenge =
        hello.kind === 'hello' && hello.protocols.length === 1 && hello.protocols[0] === ACME_PROTOCOL;
      (isChallenge ? challenges : this.#server).emit('connection', socket);
    };
    socket.on('close', stop);
    socket.on('data', onData);
    socket.resume();
  }

  /** Answers these TLS-ALPN-01 challenges from now on. */
  updateChallenges(challenges: readonly AlpnChallenge[]): void {
    if (challenges.length === 0) {
      this.#challengeServer = null;
      return;
    }
    const names = new NameTable<SecureContext>();
    for (const { name, certificate, key } of challenges)
      names.add([name], createSecureContext({ ...secureDefaults('TLSv1.2', false), cert: certificate, key }));
    const nobody = createSecureContext(secureDefaults('TLSv1.2', false));
    const server = createServer(
      {
        ...secureDefaults('TLSv1.2', false),
        handshakeTimeout: HANDSHAKE_MS,
        ALPNProtocols: [ACME_PROTOCOL],
        SNICallback: (name, answer) => answer(null, names.find(name) ?? nobody),
      },
      // The handshake was the answer.
      (socket) => socket.end(),
    );
    server.on('tlsClientError', (_cause, socket) => socket.destroy());
    this.#challengeServer = server;
  }

  #accepted(socket: TLSSocket): void {
    const reader = this.#reader;
    // INVARIANT: where clients show certificates no session is resumed, so that every certificate has been verified
    // against the trust and the revocations of today.
    const isStale = this.#begunUnder.get(rawSocketOf(socket)) !== this.#trustText;
    if (reader !== null && (isStale || socket.isSessionReused())) {
      socket.destroy();
      return;
    }
    const certificate = reader === null ? null : reader.read(socket);
    if (this.settings.clients?.mode === 'require' && (certificate === null || certificate.problem !== '')) {
      socket.destroy();
      return;
    }
    this.#onSecure(socket, certificate);
  }
}

/** The socket under a TLS socket that was made by emitting `connection`. */
export function rawSocketOf(socket: Socket): Socket {
  return (socket as unknown as { _parent?: Socket })._parent ?? socket;
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
