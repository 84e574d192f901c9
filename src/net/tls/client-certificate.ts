// A client's certificate as the rest of the gate knows it: whether TLS verified it, which identities it gives under the
// listener's rule, and how it is shown to services. Made once a connection.
import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import {
  type CertificateDetails,
  certificateFingerprint,
  parseCertificate,
  pemCertificates,
} from './certificate.ts';
import type { ClientTrust, IdentityKind } from './contract.ts';
import { parseSpiffeId } from './spiffe.ts';

export type CertificateProblem =
  | ''
  | 'untrusted'
  | 'expired'
  | 'not-yet-valid'
  | 'revoked'
  | 'revocation-unknown'
  | 'purpose'
  | 'unreadable';

export interface ClientCertificate {
  /** Empty when the certificate was verified; else why not, and then it speaks for nobody. */
  readonly problem: CertificateProblem;
  /** `spiffe:spiffe://…`, `dns:…`, `uri:…`, `email:…`, `subject:…`; empty unless verified. */
  readonly identities: readonly string[];
  /** Lower-case hexadecimal SHA-256 of the certificate. */
  readonly fingerprint: string;
  /** Those of the certificates above it; empty unless verified. */
  readonly issuers: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Base64 of the certificate in DER, verified or not: the connection has proved its key. */
  readonly encoded: string;
  /** Values of Client-Cert, Client-Cert-Chain (RFC 9440; empty without intermediates) and X-Forwarded-Client-Cert. */
  readonly field: string;
  readonly chainField: string;
  readonly forwardedField: string;
}

/** Chains longer than this are nobody's. */
const MAX_CHAIN = 10;

const problems: Readonly<Record<string, CertificateProblem>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not-yet-valid',
  CERT_REVOKED: 'revoked',
  UNABLE_TO_GET_CRL: 'revocation-unknown',
  CRL_HAS_EXPIRED: 'revocation-unknown',
  CRL_NOT_YET_VALID: 'revocation-unknown',
  CRL_SIGNATURE_FAILURE: 'revocation-unknown',
  INVALID_PURPOSE: 'purpose',
};

/** What OpenSSL's code for a certificate that was not verified means. */
export const certificateProblem = (code: string): CertificateProblem => problems[code] ?? 'untrusted';

/** Reads clients' certificates under one listener's rules. */
export class ClientCertificateReader {
  readonly #kinds: readonly IdentityKind[];
  /** Trust domains by fingerprint of the authority that may speak for them. */
  readonly #domains = new Map<string, Set<string>>();
  readonly #isWithdrawn: (fingerprint: string) => boolean;

  /** `isWithdrawn` is asked about every certificate of a chain. */
  constructor(trust: ClientTrust, isWithdrawn: (fingerprint: string) => boolean = () => false) {
    this.#isWithdrawn = isWithdrawn;
    this.#kinds = trust.identity;
    for (const { pem, trustDomain } of trust.anchors) {
      if (trustDomain === '') continue;
      for (const der of pemCertificates(pem)) {
        const fingerprint = certificateFingerprint(der);
        const domains = this.#domains.get(fingerprint) ?? new Set();
        this.#domains.set(fingerprint, domains.add(trustDomain));
      }
    }
  }

  /** The certificate of a connection whose handshake is over; null when the client showed none. */
  read(socket: TLSSocket): ClientCertificate | null {
    const chain = chainOf(socket.getPeerCertificate(true));
    const [leaf] = chain;
    if (leaf === undefined) return null;
    const problem = socket.authorized ? '' : certificateProblem(String(socket.authorizationError ?? ''));
    let details: CertificateDetails;
    try {
      details = parseCertificate(leaf);
    } catch {
      return { ...unverified(leaf), problem: 'unreadable' };
    }
    if (problem !== '') return { ...unverified(leaf), problem, notAfterMs: details.notAfterMs };
    const fingerprint = certificateFingerprint(leaf);
    const issuers = chain.slice(1).map(certificateFingerprint);
    if (this.#isWithdrawn(fingerprint) || issuers.some(this.#isWithdrawn))
      return { ...unverified(leaf), problem: 'revoked', notAfterMs: details.notAfterMs };
    const intermediates = chain.slice(1).filter((der) => !isSelfIssued(der));
    return {
      problem: '',
      identities: this.#identitiesOf(details, chain),
      fingerprint,
      issuers,
      notBeforeMs: details.notBeforeMs,
      notAfterMs: details.notAfterMs,
      encoded: leaf.toString('base64'),
      field: byteSequence(leaf),
      chainField: intermediates.map(byteSequence).join(', '),
      forwardedField: forwardedField(leaf, details, fingerprint),
    };
  }

  #identitiesOf(details: CertificateDetails, chain: readonly Buffer[]): string[] {
    const { names } = details;
    const out: string[] = [];
    for (const kind of this.#kinds) {
      if (kind === 'spiffe') out.push(...this.#spiffeOf(details, chain).map((id) => `spiffe:${id}`));
      else if (kind === 'dns')
        out.push(...names.dns.filter((name) => !name.includes('*')).map((name) => `dns:${name}`));
      else if (kind === 'uri')
        out.push(...names.uris.filter((uri) => !/^spiffe:/i.test(uri)).map((uri) => `uri:${uri}`));
      else if (kind === 'email') out.push(...names.emails.map((email) => `email:${email}`));
      else if (names.subject !== '') out.push(`subject:${names.subject}`);
    }
    return out;
  }

  /**
   * X509-SVID (sections 2 and 4.3): exactly one URI name, a workload's id, a certificate that signs no others. The id
   * counts when the chain ends in an authority that may speak for its trust domain, whoever else is trusted here.
   */
  #spiffeOf(details: CertificateDetails, chain: readonly Buffer[]): string[] {
    const { uris } = details.names;
    const id = uris.length === 1 ? parseSpiffeId(uris[0]!) : null;
    if (id === null || id.path === '' || details.isCa) return [];
    if (details.keyUsage === null || !details.keyUsage.digitalSignature || details.keyUsage.signsCertificates)
      return [];
    const anchor = anchorOf(chain);
    const domains = anchor === null ? undefined : this.#domains.get(certificateFingerprint(anchor));
    return domains?.has(id.trustDomain) === true ? [uris[0]!] : [];
  }
}

const unverified = (leaf: Buffer): Omit<ClientCertificate, 'problem'> => ({
  identities: [],
  fingerprint: certificateFingerprint(leaf),
  issuers: [],
  notBeforeMs: Number.POSITIVE_INFINITY,
  notAfterMs: Number.NEGATIVE_INFINITY,
  encoded: leaf.toString('base64'),
  field: '',
  chainField: '',
  forwardedField: '',
});

/** Certificates from the client's own to the last that Node found, in DER. */
export function chainOf(peer: DetailedPeerCertificate): Buffer[] {
  const out: Buffer[] = [];
  let next: DetailedPeerCertificate | undefined = peer;
  while (next?.raw !== undefined && out.length < MAX_CHAIN) {
    out.push(next.raw);
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return out;
}

/**
 * The last certificate when each one is signed by the next, else null. Node links certificates by name, and names can be
 * claimed by anybody who sends a chain.
 */
export function anchorOf(chain: readonly Buffer[]): Buffer | null {
  for (let i = 0; i + 1 < chain.length; i++) {
    const [child, parent] = [new X509Certificate(chain[i]!), new X509Certificate(chain[i + 1]!)];
    if (!child.checkIssued(parent) || !child.verify(parent.publicKey)) return null;
  }
  return chain.at(-1) ?? null;
}

function isSelfIssued(der: Buffer): boolean {
  const certificate = new X509Certificate(der);
  return certificate.checkIssued(certificate);
}

/** Structured field byte sequence (RFC 8941 section 3.3.5). */
const byteSequence = (der: Buffer): string => `:${der.toString('base64')}:`;

/** One element as Envoy writes it: hash, certificate, subject and names, all values quoted that could be misread. */
function forwardedField(leaf: Buffer, details: CertificateDetails, fingerprint: string): string {
  const pem = new X509Certificate(leaf).toString();
  const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;
  const parts = [`Hash=${fingerprint}`, `Cert="${encodeURIComponent(pem)}"`];
  for (const uri of details.names.uris) parts.push(`URI=${quote(uri)}`);
  for (const name of details.names.dns) parts.push(`DNS=${quote(name)}`);
  return parts.join(';');
}
