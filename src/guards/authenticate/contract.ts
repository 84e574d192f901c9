/** One way to authenticate on an operation; the first whose credential is present decides. */
export type AuthenticationMethod = JwtMethod | ApiKeyMethod | MtlsMethod;

export interface JwtMethod {
  readonly kind: 'jwt';
  /** Name of an issuer under `identity.issuers`. */
  readonly issuer: string;
  /** Accepted `aud` values; one of them must be in the token. Never empty. */
  readonly audiences: readonly string[];
}

export interface ApiKeyMethod {
  readonly kind: 'api-key';
  /** Lower-case name of the header field that carries the key; `x-api-key` by default. */
  readonly header: string;
}

/** The verified certificate of the connection. */
export interface MtlsMethod {
  readonly kind: 'mtls';
  /** Patterns of SPIFFE ids that may call although no consumer is bound to them. */
  readonly spiffe: readonly string[];
  /** Scopes of such callers. */
  readonly scopes: readonly string[];
}

/** A token issuer that the gate trusts. */
export interface IssuerConfig {
  readonly name: string;
  /** Exact value of `iss`. */
  readonly issuer: string;
  readonly keys:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string };
  /** Accepted `alg` values; never `none`, never symmetric and asymmetric together. */
  readonly algorithms: readonly string[];
  /** Accepted `typ` header values in lower case (RFC 8725 section 3.11); empty accepts any but ID-token-like ones. */
  readonly types: readonly string[];
  /** Allowed difference of clocks, ms. */
  readonly clockSkewMs: number;
  /** How long a fetched key set is used before it is fetched again, ms. */
  readonly refreshMs: number;
  /** Least time between two fetches that unknown key ids caused, ms. */
  readonly refetchMinMs: number;
}

/** A program that calls with API keys or client certificates. */
export interface ConsumerConfig {
  readonly id: string;
  readonly keys: readonly ApiKeyConfig[];
  /** Identities of its certificates: `spiffe:…`, `dns:…`, `uri:…`, `email:…`, `subject:…`. */
  readonly identities: readonly string[];
  readonly scopes: readonly string[];
}

export interface ApiKeyConfig {
  /** Public id of the key, for logs and revocation. */
  readonly id: string;
  /** Lower-case hexadecimal SHA-256 of the whole key; keys have 256 bits of entropy, so no slow hash is needed. */
  readonly sha256: string;
  /** ms since the epoch, null for a key that does not expire. */
  readonly expiresMs: number | null;
  /** Scopes of this key; null for those of its consumer. */
  readonly scopes: readonly string[] | null;
  /** CIDR blocks it may be used from; empty: any. */
  readonly addresses: readonly string[];
}
