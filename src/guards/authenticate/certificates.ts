// Callers by client certificate: the connection's verified identities against those that consumers are bound to, and
// against patterns of SPIFFE ids. A certificate that was shown and is not good is refused, never passed over. HOT
import type { Clock } from '../../core/index.ts';
import { type Consumer, type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import {
  type ClientCertificate,
  parseSpiffeId,
  parseSpiffePattern,
  type SpiffePattern,
} from '../../net/tls/index.ts';
import type { ConsumerConfig, MtlsMethod } from './contract.ts';

/** Consumers by the identities of their certificates. */
export class CertificateTable {
  readonly #owners = new Map<string, ConsumerConfig>();

  constructor(consumers: readonly ConsumerConfig[]) {
    for (const consumer of consumers)
      for (const identity of consumer.identities) this.#owners.set(identity, consumer);
  }

  /** The one consumer that the certificate stands for; 'ambiguous' when it names several, null for none. */
  find(certificate: ClientCertificate): ConsumerConfig | 'ambiguous' | null {
    let found: ConsumerConfig | null = null;
    for (const identity of certificate.identities) {
      const owner = this.#owners.get(identity);
      if (owner === undefined || owner === found) continue;
      if (found !== null) return 'ambiguous';
      found = owner;
    }
    return found;
  }
}

type Verdict = Consumer | Refusal;

/** One operation's way to authenticate by certificate. */
export class CertificateMethod {
  readonly #table: CertificateTable;
  readonly #patterns: readonly SpiffePattern[];
  readonly #scopes: ReadonlySet<string>;
  readonly #clock: Clock;
  /** A connection has one certificate and many requests. Only the certificate's time is looked at again. */
  readonly #verdicts = new WeakMap<ClientCertificate, Verdict>();

  constructor(method: MtlsMethod, table: CertificateTable, clock: Clock) {
    this.#table = table;
    this.#patterns = method.spiffe.map((text) => parseSpiffePattern(text)!);
    this.#scopes = new Set(method.scopes);
    this.#clock = clock;
  }

  run(exchange: Exchange, certificate: ClientCertificate): Decision {
    let verdict = this.#verdicts.get(certificate);
    if (verdict === undefined) {
      verdict = this.#judge(certificate);
      this.#verdicts.set(certificate, verdict);
    }
    if (verdict instanceof Refusal) return verdict;
    // A connection may live longer than the certificate it began with.
    if (this.#clock.epochMs() >= certificate.notAfterMs) return expired;
    exchange.consumer = verdict;
    return null;
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
});

const expired = new Refusal('credentials-expired', 'authenticate', 'certificate-expired');

const refuse = (reason: string): Refusal => new Refusal('credentials-invalid', 'authenticate', reason);
