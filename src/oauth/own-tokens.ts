// The server's own access tokens, read back: JWTs are kept nowhere, so their signature, the withdrawals and their grant
// say whether they are good; opaque ones are looked up.
import { hash } from 'node:crypto';
import type Provider from 'oidc-provider';
import type { Clock } from '../core/index.ts';
import { RevocationKind, type RevocationMemory, RevocationTable } from '../credentials/index.ts';
import type { SigningKeyRing } from '../identity/index.ts';
import { compileKeySet, type KeySet, parseJwt, rfc9068Claims, verifyJwt } from '../jose/index.ts';
import { type AuthorizationServerConfig, BUILT_IN_ISSUER } from './contract.ts';

export interface OwnToken {
  /** Claims as in a JWT access token (RFC 9068), whatever the form. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly form: 'jwt' | 'opaque';
}

export class OwnTokens {
  readonly #config: AuthorizationServerConfig;
  readonly #ring: SigningKeyRing;
  readonly #revocations: RevocationTable;
  readonly #clock: Clock;
  #compiled: { readonly text: string; readonly set: KeySet } | null = null;

  constructor(
    config: AuthorizationServerConfig,
    ring: SigningKeyRing,
    revocations: RevocationMemory,
    clock: Clock,
  ) {
    this.#config = config;
    this.#ring = ring;
    this.#revocations = new RevocationTable(revocations);
    this.#clock = clock;
  }

  /** Null for what was not issued here, has ended, or was withdrawn. */
  async read(provider: Provider, token: string): Promise<OwnToken | null> {
    const jwt = this.#readJwt(token);
    const found: OwnToken | null =
      jwt !== null ? { claims: jwt, form: 'jwt' } : await this.#readOpaque(provider, token);
    if (found === null || this.#isRevoked(found.claims)) return null;
    const { sid } = found.claims;
    if (typeof sid === 'string' && (await provider.Grant.find(sid)) === undefined) return null;
    return found;
  }

  #readJwt(token: string): Readonly<Record<string, unknown>> | null {
    const jws = parseJwt(token);
    if (typeof jws === 'string') return null;
    const verified = verifyJwt(
      jws,
      this.#keys(),
      {
        issuer: this.#config.issuer,
        audiences: this.#config.resources.map(({ uri }) => uri),
        algorithms: new Set(['ES256', 'EdDSA']),
        types: ['at+jwt'],
        requiredClaims: rfc9068Claims,
        clockSkewMs: 0,
      },
      this.#clock.epochMs(),
    );
    return typeof verified === 'string' ? null : verified.claims;
  }

  #keys(): KeySet {
    const text = this.#ring.jwks();
    if (this.#compiled?.text !== text) this.#compiled = { text, set: compileKeySet(text) };
    return this.#compiled.set;
  }

  async #readOpaque(provider: Provider, token: string): Promise<OwnToken | null> {
    const found = (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
    if (found === undefined || found.isExpired) return null;
    const user = 'accountId' in found ? found.accountId : undefined;
    const grantId = 'grantId' in found ? found.grantId : undefined;
    return {
      form: 'opaque',
      claims: {
        ...found.extra,
        iss: this.#config.issuer,
        sub: user ?? found.clientId,
        client_id: found.clientId,
        aud: found.aud,
        scope: found.scope,
        iat: found.iat,
        exp: found.exp,
        jti: hash('sha256', token, 'hex'),
        ...(typeof grantId === 'string' ? { sid: grantId } : {}),
        ...confirmationOf(found),
      },
    };
  }

  #isRevoked({ jti, sub, sid, iat }: Readonly<Record<string, unknown>>): boolean {
    const issuedMs = typeof iat === 'number' ? iat * 1000 : 0;
    const is = (kind: number, value: unknown): boolean =>
      typeof value === 'string' && this.#revocations.isRevoked(kind, `${BUILT_IN_ISSUER}|${value}`, issuedMs);
    return (
      is(RevocationKind.token, jti) ||
      is(RevocationKind.subject, sub) ||
      is(RevocationKind.session, sid) ||
      this.#revocations.isRevoked(RevocationKind.issuer, BUILT_IN_ISSUER, issuedMs)
    );
  }
}

/** What an opaque token is bound to (RFC 7800), as a JWT would say it. */
function confirmationOf(token: {
  readonly jkt?: string | undefined;
  readonly 'x5t#S256'?: string | undefined;
}): object {
  const { jkt, 'x5t#S256': certificate } = token;
  if (typeof jkt === 'string') return { cnf: { jkt } };
  return typeof certificate === 'string' ? { cnf: { 'x5t#S256': certificate } } : {};
}
