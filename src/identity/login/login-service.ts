// The main thread's half of a login: turns the issuer's code into a session, and the issuer's word that somebody has
// logged out into a withdrawal that all threads see.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../core/index.ts';
import { type SealKey, STEP_UP_CLAIM, TextSeal } from '../../credentials/index.ts';
import {
  compileKeySet,
  type JwtExpectations,
  parseJsonObject,
  parseJwt,
  type VerifiedJwt,
  verifyJwt,
} from '../../jose/index.ts';
import type { IdentityStore } from '../contract.ts';
import { type FetchConfig, issuerFetch, reachOf } from '../issuers/discovery.ts';
import type { JwksSource } from '../issuers/jwks-source.ts';

export interface LoginServiceConfig {
  readonly name: string;
  /** Name of the issuer, and its exact `iss`. */
  readonly issuer: string;
  readonly issuerUrl: string;
  readonly algorithms: readonly string[];
  readonly clockSkewMs: number;
  readonly fetch: FetchConfig;
  readonly clientId: string;
  /** Empty for a client without a secret. */
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** Claims of the ID token that the session keeps. */
  readonly claims: readonly string[];
  readonly lifetimeMs: number;
}

export type LoginOutcome =
  | { readonly kind: 'session'; readonly cookie: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unavailable' };

const BACK_CHANNEL_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

export class LoginService {
  readonly #config: LoginServiceConfig;
  readonly #source: () => JwksSource | null;
  readonly #store: IdentityStore;
  readonly #clock: Clock;
  readonly #fetch: ReturnType<typeof issuerFetch>;

  constructor(
    config: LoginServiceConfig,
    source: () => JwksSource | null,
    store: IdentityStore,
    clock: Clock,
  ) {
    this.#config = config;
    this.#source = source;
    this.#store = store;
    this.#clock = clock;
    this.#fetch = issuerFetch({ ...config.fetch, bearerFile: '' }, (path) => readFile(path, 'utf8'));
  }

  /** `stepUp`: what a better login was asked for, which the session remembers; empty for none. Never rejects. */
  async exchangeCode(
    code: string,
    verifier: string,
    nonce: string,
    stepUp: string,
    keys: { readonly keys: readonly SealKey[]; readonly currentId: string },
  ): Promise<LoginOutcome> {
    try {
      const tokens = await this.#redeem(code, verifier);
      if (tokens === null) return { kind: 'refused' };
      const idToken = tokens['id_token'];
      if (typeof idToken !== 'string') return { kind: 'refused' };
      const verified = await this.#verify(idToken, ['', 'jwt'], ['sub', 'iat', 'nonce']);
      if (verified === null || verified.claims['nonce'] !== nonce) return { kind: 'refused' };
      const { claims } = verified;
      const audience = claims['aud'];
      if (Array.isArray(audience) && audience.length > 1 && claims['azp'] !== this.#config.clientId)
        return { kind: 'refused' };
      const cookie = this.#sealSession(claims, tokens['scope'], stepUp, keys);
      return cookie === null ? { kind: 'refused' } : { kind: 'session', cookie };
    } catch {
      return { kind: 'unavailable' };
    }
  }

  #sealSession(
    claims: Readonly<Record<string, unknown>>,
    granted: unknown,
    stepUp: string,
    { keys, currentId }: { readonly keys: readonly SealKey[]; readonly currentId: string },
  ): string | null {
    const { name, lifetimeMs, scopes, claims: names } = this.#config;
    const kept: Record<string, unknown> = {};
    for (const claim of ['sub', 'sid', 'auth_time', 'acr', 'amr', ...names])
      if (claims[claim] !== undefined) kept[claim] = claims[claim];
    const now = Math.floor(this.#clock.epochMs() / 1000);
    kept['iat'] = now;
    if (stepUp !== '') kept[STEP_UP_CLAIM] = stepUp;
    // RFC 6749 section 5.1: what is not said is what was asked for.
    kept['scope'] = typeof granted === 'string' ? granted : scopes.join(' ');
    return new TextSeal(keys, currentId).close(`session|${name}`, {
      id: randomBytes(16).toString('base64url'),
      claims: kept,
      issued: now,
      expires: now + Math.floor(lifetimeMs / 1000),
    });
  }

  /** The token answer; null when the issuer refuses the code. */
  async #redeem(code: string, verifier: string): Promise<Readonly<Record<string, unknown>> | null> {
    const { clientId, clientSecret, redirectUri, issuerUrl, fetch } = this.#config;
    const endpoint = this.#source()?.metadata?.tokenEndpoint ?? '';
    if (endpoint === '') throw new Error('the issuer names no token endpoint');
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    });
    const headers: Record<string, string> = {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    };
    if (clientSecret === '') form.set('client_id', clientId);
    else {
      const text = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
      headers['authorization'] = `Basic ${Buffer.from(text).toString('base64')}`;
    }
    const reach = reachOf(endpoint, new URL(issuerUrl).origin, fetch.mayBePrivate);
    const answer = await this.#fetch(endpoint, reach, { body: form.toString(), headers });
    if (answer.status >= 500) throw new Error(`the token endpoint answered ${answer.status}`);
    return answer.status === 200 ? parseJsonObject(Buffer.from(answer.body)) : null;
  }

  async #verify(
    token: string,
    types: readonly string[],
    requiredClaims: readonly string[],
  ): Promise<VerifiedJwt | null> {
    const { issuerUrl, clientId, algorithms, clockSkewMs } = this.#config;
    const jws = parseJwt(token);
    if (typeof jws === 'string') return null;
    const expected: JwtExpectations = {
      issuer: issuerUrl,
      audiences: [clientId],
      algorithms: new Set(algorithms),
      types,
      requiredClaims,
      clockSkewMs,
    };
    const verify = (): VerifiedJwt | string => {
      const document = this.#source()?.document ?? null;
      if (document === null) return 'unknown-key';
      return verifyJwt(jws, compileKeySet(document), expected, this.#clock.epochMs());
    };
    let verified = verify();
    if (verified === 'unknown-key') {
      await this.#source()?.requestRefresh();
      verified = verify();
    }
    return typeof verified === 'string' ? null : verified;
  }

  /** Ends one session of the gate's own. Never rejects. */
  async endSession(session: string): Promise<LoginOutcome> {
    return this.#withdraw('session', `login:${this.#config.name}|${session}`, null, 'logged out');
  }

  /** Back-Channel Logout 1.0 section 2.6. Never rejects. */
  async backChannel(token: string): Promise<LoginOutcome> {
    const { issuer } = this.#config;
    let verified: VerifiedJwt | null;
    try {
      verified = await this.#verify(token, ['logout+jwt', 'jwt', ''], ['iat', 'jti', 'events']);
    } catch {
      return { kind: 'unavailable' };
    }
    if (verified === null) return { kind: 'refused' };
    const { claims } = verified;
    const { events, sid, sub, nonce } = claims;
    // A nonce would make an ID token of it (section 2.4).
    if (nonce !== undefined || typeof events !== 'object' || events === null) return { kind: 'refused' };
    const event = (events as Record<string, unknown>)[BACK_CHANNEL_EVENT];
    if (typeof event !== 'object' || event === null) return { kind: 'refused' };
    if (typeof sid === 'string' && sid !== '')
      return this.#withdraw('session', `${issuer}|${sid}`, null, 'logged out at the issuer');
    if (typeof sub !== 'string' || sub === '') return { kind: 'refused' };
    // Sessions that begin later in the same second are of a later login, and end with it at worst.
    const nowMs = Math.ceil(this.#clock.epochMs() / 1000) * 1000;
    return this.#withdraw('subject', `${issuer}|${sub}`, nowMs, 'logged out at the issuer');
  }

  async #withdraw(
    kind: 'session' | 'subject',
    value: string,
    issuedBeforeMs: number | null,
    reason: string,
  ): Promise<LoginOutcome> {
    const nowMs = this.#clock.epochMs();
    try {
      await this.#store.addRevocation({
        kind,
        value,
        issuedBeforeMs,
        untilMs: nowMs + this.#config.lifetimeMs + this.#config.clockSkewMs,
        createdMs: nowMs,
        reason,
      });
      return { kind: 'done' };
    } catch {
      return { kind: 'unavailable' };
    }
  }
}
