// Callers by client certificate: the connection's verified identities against those that consumers are bound to, and
// against patterns of SPIFFE ids. A certificate that was shown and is not good is refused, never passed over. HOT
import type { Clock } from '../../core/index.ts';
import { RevocationKind, type RevocationTable } from '../../credentials/index.ts';
import { type Consumer, type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import {
  type ClientCertificate,
  parseSpiffeId,
  parseSpiffePattern,
  type SpiffePattern,
} from '../../net/tls/index.ts';
import type { ConsumerConfig, MtlsMethod } from './contract.ts';

/** A caller of the state with a name in certificates that stands for it. */
export interface StoredCaller {
  /** `spiffe:…`, `dns:…`, `uri:…`, `email:…`, `subject:…`, or `sha256:…` of the certificate itself. */
  readonly identity: string;
  readonly id: string;
  readonly scopes: readonly string[];
}

type Owner = Pick<ConsumerConfig, 'id' | 'scopes'>;

/** Callers of the state as one thread knows them; outlasts snapshots. */
export class StoredCallers {
  /** Moves with each change: verdicts of before are made anew. */
  version = 0;
  #owners = new Map<string, Owner>();

  update(callers: readonly StoredCaller[]): void {
    this.#owners = new Map(callers.map(({ identity, id, scopes }) => [identity, { id, scopes }]));
    this.version++;
  }

  find(identity: string): Owner | null {
    return this.#owners.get(identity) ?? null;
  }
}

/** Callers by the identities of their certificates. */
export class CertificateTable {
  readonly #owners = new Map<string, ConsumerConfig>();
  readonly stored: StoredCallers;

  constructor(consumers: readonly ConsumerConfig[], stored: StoredCallers = new StoredCallers()) {
    this.stored = stored;
    for (const consumer of consumers)
      for (const identity of consumer.identities) this.#owners.set(identity, consumer);
  }

  /** The one consumer that the certificate stands for; 'ambiguous' when it names several, null for none. */
  find(certificate: ClientCertificate): Owner | 'ambiguous' | null {
    let found: Owner | null = this.stored.find(`sha256:${certificate.fingerprint}`);
    for (const identity of certificate.identities) {
      for (const owner of [this.#owners.get(identity) ?? null, this.stored.find(identity)]) {
        if (owner === null || owner.id === found?.id) continue;
        if (found !== null) return 'ambiguous';
        found = owner;
      }
    }
    return found;
  }
}

type Verdict = Consumer | Refusal;
/** Certificates are withdrawn whole, whenever they were issued. */
const UNDATED = Number.MAX_VALUE;

/** One operation's way to authenticate by certificate. */
export class CertificateMethod {
  readonly #table: CertificateTable;
  readonly #patterns: readonly SpiffePattern[];
  readonly #scopes: ReadonlySet<string>;
  readonly #clock: Clock;
  /** A connection has one certificate and many requests. Only the certificate's time is looked at again. */
  #verdicts = new WeakMap<ClientCertificate, Verdict>();
  /** Version of the state's callers that the verdicts were made under. */
  #madeAt = 0;
  readonly #revocations: RevocationTable | null;
  /** Version of the withdrawals at which a chain was last found good. */
  readonly #standing = new WeakMap<ClientCertificate, number>();

  /** `revocations` may be null where nothing can be withdrawn (tests). */
  constructor(
    method: MtlsMethod,
    table: CertificateTable,
    clock: Clock,
    revocations: RevocationTable | null = null,
  ) {
    this.#revocations = revocations;
    this.#table = table;
    this.#patterns = method.spiffe.map((text) => parseSpiffePattern(text)!);
    this.#scopes = new Set(method.scopes);
    this.#clock = clock;
  }

  run(exchange: Exchange, certificate: ClientCertificate): Decision {
    const { version } = this.#table.stored;
    if (version !== this.#madeAt) {
      this.#madeAt = version;
      this.#verdicts = new WeakMap();
    }
    let verdict = this.#verdicts.get(certificate);
    if (verdict === undefined) {
      verdict = this.#judge(certificate);
      this.#verdicts.set(certificate, verdict);
    }
    if (verdict instanceof Refusal) return verdict;
    // A connection may live longer than the certificate it began with.
    if (this.#clock.epochMs() >= certificate.notAfterMs) return expired;
    if (this.#isWithdrawn(certificate)) return withdrawn;
    exchange.consumer = verdict;
    return null;
  }

  /** Whether it or one that signed it is withdrawn; looked up only when something was since the last time. */
  #isWithdrawn(certificate: ClientCertificate): boolean {
    const table = this.#revocations;
    if (table === null) return false;
    const { version } = table;
    if (this.#standing.get(certificate) === version) return false;
    const { fingerprint, issuers } = certificate;
    const isGone = [fingerprint, ...issuers].some((entry) =>
      table.isRevoked(RevocationKind.key, entry, UNDATED),
    );
    if (!isGone) this.#standing.set(certificate, version);
    return isGone;
  }

  #judge(certificate: ClientCertificate): Verdict {
    if (certificate.problem === 'expired') return expired;
    if (certificate.problem !== '') return refuse(`certificate-${certificate.problem}`);
    const owner = this.#table.find(certificate);
    if (owner === 'ambiguous') return refuse('certificate-of-several-consumers');
    if (owner !== null) return consumerOf(owner.id, new Set(owner.scopes), certificate);
    for (const identity of certificate.identities) {
      if (!identity.startsWith('spiffe:')) continue;
      const text = identity.slice('spiffe:'.length);
      const id = parseSpiffeId(text);
      if (id !== null && this.#patterns.some((pattern) => pattern.matches(id)))
        return consumerOf(text, this.#scopes, certificate);
    }
    return refuse(
      certificate.identities.length === 0 ? 'certificate-without-identity' : 'certificate-unknown',
    );
  }
}

const consumerOf = (id: string, scopes: ReadonlySet<string>, certificate: ClientCertificate): Consumer => ({
  id,
  method: 'mtls',
  scopes,
  claims: {},
  credentialId: certificate.fingerprint,
  issuedMs: certificate.notBeforeMs,
});

const withdrawn = new Refusal('credentials-invalid', 'authenticate', 'certificate-revoked');
const expired = new Refusal('credentials-expired', 'authenticate', 'certificate-expired');

const refuse = (reason: string): Refusal => new Refusal('credentials-invalid', 'authenticate', reason);
