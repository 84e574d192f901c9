import type { Consumer } from '../../exchange/index.ts';
import type { SignatureAlgorithm, WebhookScheme } from '../../httpsig/index.ts';

/** One way to authenticate on an operation; the first whose credential is present decides. */
export type AuthenticationMethod = SingleMethod | AllOfMethod;

export type SingleMethod =
  | JwtMethod
  | IntrospectMethod
  | ApiKeyMethod
  | MtlsMethod
  | SessionMethod
  | SignatureMethod
  | WebhookMethod;

/** A person with a browser, logged in at the issuer of a login. */
export interface SessionMethod {
  readonly kind: 'session';
  /** Name under `identity.logins`. */
  readonly login: string;
}

/** How people log in with a browser (OpenID Connect). */
export interface LoginConfig {
  readonly name: string;
  /** Name of the issuer. */
  readonly issuer: string;
  readonly clientId: string;
  /** Empty for a client without a secret. */
  readonly clientSecret: string;
  /** Scheme, host and port that people see. */
  readonly origin: string;
  /** Path that the login's own places are under. */
  readonly path: string;
  readonly redirectUri: string;
  readonly cookie: string;
  readonly scopes: readonly string[];
  /** Claims of the ID token that the session keeps. */
  readonly claims: readonly string[];
  readonly lifetimeMs: number;
  readonly rotateMs: number;
}

/** A place of a login. */
export type LoginStep = 'callback' | 'logout' | 'back-channel';

/** What threads must know of a login. */
export interface LoginData {
  readonly name: string;
  readonly keys: readonly { readonly id: string; readonly key: string }[];
  readonly currentId: string;
  /** `iss`; it and the endpoints are empty while the issuer could not be asked. */
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly endSessionEndpoint: string;
}

/** What a thread asks the main thread. */
export type LoginRequest =
  | {
      readonly kind: 'code';
      readonly code: string;
      readonly verifier: string;
      readonly nonce: string;
      readonly stepUp: string;
    }
  | { readonly kind: 'back-channel'; readonly token: string }
  | { readonly kind: 'logout'; readonly session: string };

export type LoginResult =
  | { readonly kind: 'session'; readonly cookie: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unavailable' };

/** The request is signed by a consumer (RFC 9421). */
export interface SignatureMethod {
  readonly kind: 'signature';
  /** Components that must be covered. */
  readonly cover: readonly string[];
  readonly tag: string;
  readonly maxAgeMs: number;
  readonly clockSkewMs: number;
  readonly refusesReplays: boolean;
}

/** The body is signed with a secret that the sender shares. */
export interface WebhookMethod {
  readonly kind: 'webhook';
  readonly scheme: WebhookScheme;
  /** Base64; any of them may have been used. */
  readonly secrets: readonly string[];
  /** Who calls, for limits and logs. */
  readonly caller: string;
  readonly scopes: readonly string[];
  readonly toleranceMs: number;
  readonly refusesReplays: boolean;
}

/** All of these must be fulfilled; the first names the caller. */
export interface AllOfMethod {
  readonly kind: 'all-of';
  readonly methods: readonly SingleMethod[];
}

/** All methods, those within others too. */
export const singleMethods = (methods: readonly AuthenticationMethod[]): readonly SingleMethod[] =>
  methods.flatMap((method) => (method.kind === 'all-of' ? method.methods : [method]));

/** What a caller's `method` is when he came in by a method of this kind. */
export const callerMethod = (kind: SingleMethod['kind']): Consumer['method'] =>
  kind === 'introspect' || kind === 'session' ? 'jwt' : kind === 'webhook' ? 'signature' : kind;

/** What a token must be bound to: nothing, a key (RFC 9449), a certificate (RFC 8705), or one of the two. */
export type TokenBinding = 'none' | 'dpop' | 'mtls' | 'any';

export interface JwtMethod {
  readonly kind: 'jwt';
  /** Name of an issuer under `identity.issuers`. */
  readonly issuer: string;
  /** Accepted `aud` values; one of them must be in the token. Never empty. */
  readonly audiences: readonly string[];
  readonly bound: TokenBinding;
  /** Subjects whose tokens are taken, or beginnings of them before `*`; empty: all. */
  readonly subjects: readonly string[];
}

/** An opaque token, about which its issuer is asked (RFC 7662). */
export interface IntrospectMethod {
  readonly kind: 'introspect';
  readonly issuer: string;
  /** One of these must be in the answer's `aud`; empty: whatever it says. */
  readonly audiences: readonly string[];
  readonly bound: TokenBinding;
  /** Subjects whose tokens are taken, or beginnings of them before `*`; empty: all. */
  readonly subjects: readonly string[];
}

/** How proofs of possession are judged (RFC 9449). */
export interface DpopConfig {
  readonly algorithms: readonly string[];
  /** How old a proof may be, ms. */
  readonly maxAgeMs: number;
  readonly clockSkewMs: number;
  /** Proofs must carry a nonce of the gate's. */
  readonly nonce: boolean;
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

/** How services are told who calls. */
export interface ForwardConfig {
  /** Lower-case name of the header field that carries the token. */
  readonly header: string;
  readonly issuer: string;
  readonly algorithm: 'ES256' | 'EdDSA';
  readonly lifetimeMs: number;
  /** Claims of the caller's own token that are passed on. */
  readonly claims: readonly string[];
  /** The service gets the caller's Authorization too. */
  readonly keepAuthorization: boolean;
  /** How long a key signs, ms. */
  readonly rotateMs: number;
  /** How long a key is published after its last signature, ms. */
  readonly keepMs: number;
}

/** A private key for a thread. */
export interface SigningKeyData {
  readonly algorithm: string;
  /** JWK, JSON text. */
  readonly jwk: string;
}

/** A token issuer that the gate trusts. */
export interface IssuerConfig {
  readonly name: string;
  /** Exact value of `iss`. */
  readonly issuer: string;
  readonly keys:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'discover' }
    /** Those of the gate's own authorization server, which the main thread has. */
    | { readonly kind: 'built-in' }
    | { readonly kind: 'none' };
  readonly introspection: {
    /** Empty: what the issuer's document names. */
    readonly url: string;
    readonly clientId: string;
    readonly clientSecret: string;
    readonly cacheMs: number;
    readonly negativeCacheMs: number;
  } | null;
  readonly fetch: {
    readonly ca: string;
    readonly bearerFile: string;
    readonly mayBePrivate: boolean;
  };
  /** Accepted `alg` values; never `none`, never symmetric and asymmetric together. */
  readonly algorithms: readonly string[];
  /** Accepted `typ` header values in lower case (RFC 8725 section 3.11); empty accepts any but ID-token-like ones. */
  readonly types: readonly string[];
  /** Claims that a token must have besides issuer, audience and expiry. */
  readonly requiredClaims: readonly string[];
  /** Allowed difference of clocks, ms. */
  readonly clockSkewMs: number;
  /** How long keys serve that can not be fetched again, ms. */
  readonly maxStaleMs: number;
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
  readonly signatureKeys: readonly SignatureKeyConfig[];
  readonly scopes: readonly string[];
}

/** A key that a consumer signs requests with. */
export interface SignatureKeyConfig {
  /** `keyid` of its signatures. */
  readonly id: string;
  readonly algorithm: SignatureAlgorithm;
  /** PEM of the public key, or the shared secret. */
  readonly material: string;
}

export interface ApiKeyConfig {
  /** Public id of the key, for logs and revocation. */
  readonly id: string;
  /** Lower-case hexadecimal SHA-256 of the whole key; keys have 256 bits of entropy, so no slow hash is needed. */
  readonly sha256: string;
  /** When it was made, ms since the epoch; null where nobody says. */
  readonly createdMs: number | null;
  /** ms since the epoch, null for a key that does not expire. */
  readonly expiresMs: number | null;
  /** Scopes of this key; null for those of its consumer. */
  readonly scopes: readonly string[] | null;
  /** CIDR blocks it may be used from; empty: any. */
  readonly addresses: readonly string[];
}
