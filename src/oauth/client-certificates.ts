// Client certificates at the server (RFC 8705): as a way to authenticate, and as what access tokens are bound to. What the
// connection has shown is the gate's word, which comes beside the request; no field of a request is looked at.
import { X509Certificate } from 'node:crypto';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { RevocationKind, type RevocationTable } from '../credentials/index.ts';
import type { ClientSettings } from './contract.ts';

/** A certificate whose key the client has proved in its handshake. */
export interface ShownCertificate {
  /** Base64 of DER. */
  readonly encoded: string;
  /** Lower-case hexadecimal SHA-256, of it and of those above it. */
  readonly fingerprint: string;
  readonly issuers: readonly string[];
  /** Empty when an authority of the listener vouches for it; else why not. */
  readonly problem: string;
  readonly notAfterMs: number;
  /** Names that count on the listener: `dns:…`, `spiffe:…`, `uri:…`, `email:…`, `subject:…`; none unless verified. */
  readonly identities: readonly string[];
}

/** Certificates are withdrawn whole, whenever they were issued. */
const UNDATED = Number.MAX_VALUE;
/** What may be wrong with a certificate that is known by itself: nobody has to vouch for it (RFC 8705 section 2.2). */
const withoutAuthority: ReadonlySet<string> = new Set(['', 'untrusted', 'revocation-unknown']);

/** The metadata that names of certificates are registered under (RFC 8705 section 2.1.2). */
const metadataOf = {
  dns: 'tls_client_auth_san_dns',
  uri: 'tls_client_auth_san_uri',
  email: 'tls_client_auth_san_email',
  subject: 'tls_client_auth_subject_dn',
} as const;

const split = (name: string): readonly [string, string] => {
  const at = name.indexOf(':');
  return [name.slice(0, Math.max(0, at)), name.slice(at + 1)];
};

/** Why settings for certificates can not be; null when they can. */
export function checkCertificateSettings(settings: ClientSettings): string | null {
  const { authMethod, certificateName, jwks, tlsBound, dpop } = settings;
  if ((authMethod === 'tls_client_auth') !== (certificateName !== ''))
    return 'tls_client_auth needs the name in the certificate, and only it has a use for one';
  const [kind, value] = split(certificateName);
  if (certificateName !== '' && (!Object.hasOwn(metadataOf, kind) || value === ''))
    return `"${certificateName}" is no name in a certificate: begin it with dns:, uri:, email: or subject:`;
  if (authMethod === 'self_signed_tls_client_auth' && jwks?.keys.some(({ x5c }) => !Array.isArray(x5c)))
    return 'keys of self_signed_tls_client_auth must hold their certificates (x5c)';
  if (tlsBound && dpop) return 'tokens are bound to a certificate or to a key, not to both';
  return null;
}

/** Key set of certificates (base64 of DER) that clients authenticate with by themselves; null for none. */
export function certificateKeys(certificates: readonly string[]): ClientSettings['jwks'] {
  if (certificates.length === 0) return null;
  const keys = certificates.map((encoded) => {
    const { publicKey } = new X509Certificate(Buffer.from(encoded, 'base64'));
    return { ...publicKey.export({ format: 'jwk' }), use: 'sig', x5c: [encoded] };
  });
  return { keys };
}

/** The part of a client's metadata (RFC 7591) that is about certificates. */
export function certificateMetadata({
  certificateName,
  tlsBound,
}: ClientSettings): Readonly<Record<string, unknown>> {
  const [kind, value] = split(certificateName);
  return {
    tls_client_certificate_bound_access_tokens: tlsBound,
    ...(certificateName === '' ? {} : { [metadataOf[kind as keyof typeof metadataOf]]: value }),
  };
}

/** Judges what connections have shown. */
export class ClientCertificates {
  readonly #revocations: RevocationTable;
  readonly #shownBy: (ctx: KoaContextWithOIDC) => ShownCertificate | null;
  readonly #nowMs: () => number;

  constructor(
    revocations: RevocationTable,
    shownBy: (ctx: KoaContextWithOIDC) => ShownCertificate | null,
    nowMs: () => number,
  ) {
    this.#revocations = revocations;
    this.#shownBy = shownBy;
    this.#nowMs = nowMs;
  }

  /** What tokens may be bound to: neither ended nor withdrawn. Undefined for none. */
  pemOf(ctx: KoaContextWithOIDC): string | undefined {
    const shown = this.#good(ctx);
    if (shown === null || !withoutAuthority.has(shown.problem)) return undefined;
    return `-----BEGIN CERTIFICATE-----\n${shown.encoded}\n-----END CERTIFICATE-----`;
  }

  /** Whether an authority of the listener vouches for it. */
  isVerified(ctx: KoaContextWithOIDC): boolean {
    return this.#good(ctx)?.problem === '';
  }

  /** Whether it has the name that a client is registered with. SPIFFE ids are URIs of their own kind. */
  hasName(ctx: KoaContextWithOIDC, metadata: string, value: string): boolean {
    const names = this.#good(ctx)?.identities ?? [];
    const kind = Object.entries(metadataOf).find(([, field]) => field === metadata)?.[0];
    if (kind === undefined) return false;
    if (kind === 'dns') return names.some((name) => name.toLowerCase() === `dns:${value.toLowerCase()}`);
    return names.includes(`${kind}:${value}`) || (kind === 'uri' && names.includes(`spiffe:${value}`));
  }

  /** A connection may live longer than its certificate, or than the trust in it. */
  #good(ctx: KoaContextWithOIDC): ShownCertificate | null {
    const shown = this.#shownBy(ctx);
    if (shown === null || this.#nowMs() >= shown.notAfterMs) return null;
    const isGone = [shown.fingerprint, ...shown.issuers].some((entry) =>
      this.#revocations.isRevoked(RevocationKind.key, entry, UNDATED),
    );
    return isGone ? null : shown;
  }
}
