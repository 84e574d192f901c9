// What the authorization server is told by the configuration, and the port through which it keeps state: artifacts
// of the protocol, clients, credentials of people, and what was tried. `stores/` implements it; one test suite runs on
// every implementation.
import type { Revocation, SigningKeyConfig } from '../identity/index.ts';

/** Name of the built-in issuer in `jwt:` and `introspect:` methods, in revocations and in the ids of callers. */
export const BUILT_IN_ISSUER = 'authorization-server';
/** Purpose of its signing keys in the state. */
export const SIGNING_PURPOSE = 'authorization-server';
/** Purpose of the keys of its cookies and forms. */
export const COOKIE_PURPOSE = 'authorization-server-cookies';

/** Proof that a browser is known lasts half a year; its keys must open it to the end, ms. */
const COOKIE_KEEP_MS = 181 * 86_400_000;
/** Grants outlive everything that is issued under them, ms. */
export const GRANT_SLACK_MS = 86_400_000;
/** Clocks of verifiers differ, ms. */
const CLOCKS_MS = 300_000;

/** Keys of the server: the first signs tokens, the second seals cookies and forms. */
export function keysOfServer({
  algorithm,
  rotateMs,
  idTokenMs,
  resources,
  refreshMs,
  sessionMs,
}: AuthorizationServerConfig): readonly [SigningKeyConfig, SigningKeyConfig] {
  const longestMs = Math.max(idTokenMs, ...resources.map(({ lifetimeMs }) => lifetimeMs));
  // The same keys prove that artifacts are the server's own; grants live longest.
  const keepCookieMs = Math.max(COOKIE_KEEP_MS, refreshMs + sessionMs + GRANT_SLACK_MS + CLOCKS_MS);
  return [
    { purpose: SIGNING_PURPOSE, algorithm, rotateMs, keepMs: longestMs + CLOCKS_MS },
    { purpose: COOKIE_PURPOSE, algorithm: 'A256GCM', rotateMs, keepMs: keepCookieMs },
  ];
}

export interface ResourceConfig {
  /** Resource indicator (RFC 8707): an absolute URI without a fragment; the audience of its tokens. */
  readonly uri: string;
  readonly scopes: readonly string[];
  readonly format: 'jwt' | 'opaque';
  readonly lifetimeMs: number;
}

export interface FederationConfig {
  /** Name in paths and links. */
  readonly name: string;
  /** For people, on the button. */
  readonly label: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  /** `linked`: only people linked before; `create`: whoever the provider vouches for becomes a user. */
  readonly users: 'linked' | 'create';
  /** Scopes of users made this way. */
  readonly userScopes: readonly string[];
  readonly ca: string;
  readonly mayBePrivate: boolean;
}

export interface AuthorizationServerConfig {
  /** Exact `iss`: an origin, with a path if it shares its host. */
  readonly issuer: string;
  /** For people, on every page. */
  readonly title: string;
  readonly resources: readonly ResourceConfig[];
  /** Resource of requests that name none; empty for none. */
  readonly defaultResource: string;
  readonly algorithm: 'ES256' | 'EdDSA';
  readonly rotateMs: number;
  readonly codeMs: number;
  readonly idTokenMs: number;
  readonly refreshMs: number;
  readonly sessionMs: number;
  readonly deviceMs: number;
  /** Descriptions of scopes for people. */
  readonly scopeTexts: Readonly<Record<string, string>>;
  readonly federation: readonly FederationConfig[];
  readonly requirePar: boolean;
  /** Key sets and logout endpoints of clients may have private addresses. */
  readonly privateClients: boolean;
  /** Whether programs register themselves (RFC 7591), each with an initial access token that was given out for it. */
  readonly registration: 'off' | 'initial-access-token';
  /** Origin of a listener that asks clients for certificates, told as `mtls_endpoint_aliases`; empty for none. */
  readonly mtlsOrigin: string;
  /** Second factor: `offered`, or `required` of everybody who comes with a password. */
  readonly secondFactor: 'offered' | 'required';
  readonly passwords: PasswordLimits;
}

export interface PasswordLimits {
  /** Argon2id: KiB of memory, passes and lanes. */
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
  /** Hashes at once. */
  readonly concurrency: number;
  /** Hashes that may wait; beyond them logins are asked to come again. */
  readonly queue: number;
}

/** How clients authenticate at the server (RFC 7591, RFC 7523, RFC 8705). */
export const authMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'none',
] as const;
export type AuthMethod = (typeof authMethods)[number];

/** How a client (RFC 7591 words) may use the server; who it is and its scopes stand with its principal. */
export interface ClientSettings {
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  readonly authMethod: AuthMethod;
  /** Of tls_client_auth, the name in its certificate: `dns:…`, `uri:…` (SPIFFE ids as well), `email:…` or `subject:…`. */
  readonly certificateName: string;
  /** All its access tokens are bound to its certificate (RFC 8705 section 3). */
  readonly tlsBound: boolean;
  /** JWK Set of private_key_jwt, or of self_signed_tls_client_auth (with `x5c`), or where it is. */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] } | null;
  readonly jwksUri: string;
  /** Resources that it may ask tokens for; empty: all. */
  readonly resources: readonly string[];
  /** Token exchange: audiences of tokens that it may bring, and of those that it gets for them. */
  readonly exchange: { readonly from: readonly string[]; readonly to: readonly string[] };
  /** May ask about tokens of others (RFC 7662). */
  readonly introspects: boolean;
  readonly dpop: boolean;
  /** Whether people are asked; false only for programs of the house. */
  readonly consent: boolean;
  readonly backchannelLogoutUri: string;
  /** Newest first. */
  readonly secrets: readonly ClientSecret[];
}

/** A secret as it is kept. */
export interface ClientSecret {
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
  /** When it ends; null while nothing has taken its place. */
  readonly untilMs: number | null;
  readonly createdMs: number;
}

export const defaultSettings: ClientSettings = {
  redirectUris: [],
  postLogoutRedirectUris: [],
  grantTypes: ['client_credentials'],
  authMethod: 'client_secret_basic',
  certificateName: '',
  tlsBound: false,
  jwks: null,
  jwksUri: '',
  resources: [],
  exchange: { from: [], to: [] },
  introspects: false,
  dpop: false,
  consent: true,
  backchannelLogoutUri: '',
  secrets: [],
};

export interface OAuthClient {
  readonly id: string;
  /** For people; may be empty. */
  readonly note: string;
  readonly scopes: readonly string[];
  readonly disabledMs: number | null;
  readonly settings: ClientSettings;
}

export interface OAuthUser {
  readonly id: string;
  readonly note: string;
  readonly scopes: readonly string[];
  readonly disabledMs: number | null;
}

export type CredentialKind = 'password' | 'totp' | 'passkey' | 'recovery';

export interface UserCredential {
  readonly id: string;
  readonly user: string;
  readonly kind: CredentialKind;
  /** For people. */
  readonly label: string;
  /** Argon2id in PHC form, base32 of TOTP, JSON of a passkey, SHA-256 of a recovery code; sealed by the store. */
  readonly value: string;
  /** Passkeys: signature counter. TOTP: last time step that was used. Never goes back. */
  readonly counter: number;
  readonly createdMs: number;
  readonly usedMs: number | null;
}

/**
 * One artifact of the protocol: a code, a token, a grant, a session. What finds it is a secret in somebody's hands: `id`,
 * `uid` and `userCode` are SHA-256 in hexadecimal (empty for none), so that whoever reads the store can use none of it.
 */
export interface Artifact {
  readonly model: string;
  readonly id: string;
  /** JSON, without the secret. */
  readonly payload: string;
  readonly grantId: string;
  readonly uid: string;
  readonly userCode: string;
  readonly clientId: string;
  readonly user: string;
  readonly expiresMs: number;
}

export interface StoredArtifact {
  readonly id: string;
  readonly payload: string;
  readonly consumedMs: number | null;
  readonly expiresMs: number;
}

export type ArtifactChange =
  | { readonly kind: 'put'; readonly artifact: Artifact }
  /** As `put`, for what may exist once: a conflict when it is there already. */
  | { readonly kind: 'create'; readonly artifact: Artifact }
  /** A conflict when it was used before, or is gone. */
  | { readonly kind: 'consume'; readonly model: string; readonly id: string; readonly atMs: number }
  | { readonly kind: 'remove'; readonly model: string; readonly id: string }
  | { readonly kind: 'remove-grant'; readonly model: string; readonly grantId: string }
  /** Everything of a user: sessions, grants, tokens. */
  | { readonly kind: 'remove-user'; readonly user: string }
  /** A program that registers itself: principal and settings; a conflict when the name is taken. */
  | { readonly kind: 'client'; readonly client: Omit<OAuthClient, 'disabledMs'>; readonly atMs: number }
  | { readonly kind: 'revoke'; readonly revocation: Revocation };

/** Something else has used what this change uses. */
export class ArtifactConflict extends Error {
  override readonly name = 'ArtifactConflict';
}

export type ArtifactKey = 'id' | 'uid' | 'user-code';

/** Every change is durable when its promise resolves, and whole or not there at all if the process dies before. */
export interface OAuthStore {
  artifact(model: string, key: ArtifactKey, value: string): Promise<StoredArtifact | null>;
  /** All of the changes or none. Rejects with ArtifactConflict. */
  commit(changes: readonly ArtifactChange[]): Promise<void>;
  /** Removes what has ended before; tells how many. */
  pruneArtifacts(nowMs: number): Promise<number>;

  client(id: string): Promise<OAuthClient | null>;
  /** By id, from the one after `after`. */
  clients(after: string, limit: number): Promise<readonly OAuthClient[]>;
  /** Of a principal that is there. */
  setClient(id: string, settings: ClientSettings): Promise<void>;
  user(id: string): Promise<OAuthUser | null>;

  credentials(user: string): Promise<readonly UserCredential[]>;
  credential(id: string): Promise<UserCredential | null>;
  /** Adds it; of a password, in the place of the one before. */
  setCredential(credential: UserCredential): Promise<void>;
  removeCredential(user: string, id: string): Promise<boolean>;
  /** Recovery codes of a user in the place of those before; all of them or none. */
  replaceRecovery(user: string, codes: readonly UserCredential[]): Promise<void>;
  /** Notes a use; false when `counter` is not above the one noted, unless `mayRepeat`. */
  useCredential(id: string, counter: number, mayRepeat: boolean, nowMs: number): Promise<boolean>;
  /** Uses it up; false when it was used before. */
  spendCredential(id: string): Promise<boolean>;

  federatedUser(provider: string, subject: string): Promise<string | null>;
  /** Links somebody of a provider to a user, which is made with `newScopes` in the same step where that is not null. */
  link(
    provider: string,
    subject: string,
    user: string,
    nowMs: number,
    newScopes: readonly string[] | null,
  ): Promise<void>;

  /** Counts one attempt in each bucket and answers how many there are since the first, which `windowMs` forgets. */
  countAttempt(
    buckets: readonly string[],
    nowMs: number,
    windowMs: number,
  ): Promise<readonly { readonly count: number; readonly sinceMs: number }[]>;
  /** Takes one attempt back, or all of them. */
  forgiveAttempt(buckets: readonly string[], all: boolean): Promise<void>;
}
