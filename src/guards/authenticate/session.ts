// People with a browser: a sealed cookie says who they are, and whoever has none and asks for a page is sent to the issuer
// (OpenID Connect, authorization code with PKCE). What a browser sends by itself counts for nothing when another site
// has made it.
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { RevocationKind, type RevocationTable, STEP_UP_CLAIM } from '../../credentials/index.ts';
import {
  Answer,
  type Consumer,
  type Decision,
  type Exchange,
  type Guard,
  noHooks,
  Refusal,
} from '../../exchange/index.ts';
import { consumerOf } from './bearer.ts';
import { type CompiledMethod, NOT_THERE } from './compiled-method.ts';
import { dropCookies, type LoginReplica, readCookie } from './login.ts';
import { TokenCache } from './token-cache.ts';

/** How long a person may take to log in, seconds. */
export const STATE_SECONDS = 600;
/** Longest place to come back to, characters: it travels in a cookie. */
const MAX_RETURN = 1500;

/** A login that was no better is not asked for again within this time, ms. */
const STEP_UP_AGAIN_MS = 60_000;
const noWish = { acrValues: '', maxAge: '', wish: '' };

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);
const refuse = (code: 'credentials-invalid' | 'credentials-expired', reason: string): Refusal =>
  new Refusal(code, 'authenticate', reason);
const expired = refuse('credentials-expired', 'session-expired');
const foreign = new Refusal('origin-denied', 'authenticate', 'cross-site');
const unavailable = new Refusal('key-source-unavailable', 'authenticate', 'login');

export function compileSession(
  login: LoginReplica,
  revocations: RevocationTable | null,
  clock: Clock,
): CompiledMethod {
  const session = new Session(login, revocations, clock);
  return {
    challenge: '',
    run: (exchange) => session.run(exchange),
    runBody: null,
    invite: (exchange) => session.invite(exchange),
    strips: [],
  };
}

class Session {
  readonly #login: LoginReplica;
  readonly #revocations: RevocationTable | null;
  readonly #clock: Clock;
  readonly #cache = new TokenCache();

  constructor(login: LoginReplica, revocations: RevocationTable | null, clock: Clock) {
    this.#login = login;
    this.#revocations = revocations;
    this.#clock = clock;
  }

  run(exchange: Exchange): Decision | typeof NOT_THERE {
    const login = this.#login;
    const value = readCookie(exchange.fields, login.cookieName);
    if (value === null) return NOT_THERE;
    if (!safeMethods.has(exchange.method) && !isSameOrigin(exchange, login.config.origin)) return foreign;
    const nowMs = this.#clock.epochMs();
    let entry = this.#cache.get(value);
    if (entry === undefined || entry.version !== login.version) {
      const opened = this.#open(value);
      // An old cookie is no attack: whoever asks for a page may log in again.
      if (opened === null) return this.invite(exchange) ?? refuse('credentials-invalid', 'session-invalid');
      entry = { ...opened, notBeforeMs: 0, confirmation: null, version: login.version, checkedVersion: -1 };
      this.#cache.set(Buffer.from(value, 'latin1').toString('latin1'), entry);
    }
    if (nowMs >= entry.expiresMs) return this.invite(exchange) ?? expired;
    const revocations = this.#revocations;
    if (revocations !== null && entry.checkedVersion !== revocations.version) {
      const { version } = revocations;
      if (isRevoked(entry.consumer, entry.issuedMs, login, revocations))
        return this.invite(exchange) ?? refuse('credentials-invalid', 'session-revoked');
      entry.checkedVersion = version;
    }
    exchange.consumer = entry.consumer;
    exchange.reauthenticate = this.#stepUp;
    return null;
  }

  /** An issuer that can not do what is asked must not be asked again at once, or the browser goes in circles. */
  readonly #stepUp = (exchange: Exchange, acrValues: string, maxAge: string): Answer | null => {
    const wish = `${acrValues}|${maxAge}`;
    const { iat, [STEP_UP_CLAIM]: before } = exchange.consumer?.claims ?? {};
    if (before === wish && exchange.receivedMs - Number(iat) * 1000 < STEP_UP_AGAIN_MS) return null;
    const answer = this.invite(exchange, { acrValues, maxAge, wish });
    return answer instanceof Answer ? answer : null;
  };

  #open(value: string): { consumer: Consumer; expiresMs: number; issuedMs: number } | null {
    const { config, seal } = this.#login;
    const found = seal?.open(`session|${config.name}`, value) ?? null;
    if (found === null) return null;
    const { id, claims, issued, expires } = found as {
      id: string;
      claims: Record<string, unknown>;
      issued: number;
      expires: number;
    };
    const consumer = consumerOf({ ...claims, jti: id }, config.issuer);
    return consumer === null ? null : { consumer, expiresMs: expires * 1000, issuedMs: issued * 1000 };
  }

  /** Sends whoever asks for a page to the issuer; null where a program asks, or under another host. */
  invite(exchange: Exchange, { acrValues, maxAge, wish } = noWish): Decision {
    const login = this.#login;
    if (!isNavigation(exchange) || exchange.authority.toLowerCase() !== login.authority) return null;
    if (login.authorizationEndpoint === '' || login.seal === null) return unavailable;
    const { config } = login;
    const [state, nonce, verifier] = [randomText(16), randomText(16), randomText(32)];
    const target = exchange.query === '' ? exchange.path : `${exchange.path}?${exchange.query}`;
    const sealed = login.seal.close(`state|${config.name}`, {
      state,
      nonce,
      verifier,
      to: target.length <= MAX_RETURN ? target : '/',
      ...(wish === '' ? {} : { up: wish }),
      expires: Math.floor(this.#clock.epochMs() / 1000) + STATE_SECONDS,
    });
    if (sealed === null) return unavailable;
    const url = new URL(login.authorizationEndpoint);
    for (const [name, value] of [
      ['response_type', 'code'],
      ['client_id', config.clientId],
      ['redirect_uri', config.redirectUri],
      ['scope', config.scopes.join(' ')],
      ['state', state],
      ['nonce', nonce],
      ['code_challenge', createHash('sha256').update(verifier).digest('base64url')],
      ['code_challenge_method', 'S256'],
    ] as const)
      url.searchParams.set(name, value);
    if (acrValues !== '') url.searchParams.set('acr_values', acrValues);
    if (maxAge !== '') url.searchParams.set('max_age', maxAge);
    return new Answer(302, 'authenticate', [
      'location',
      url.href,
      'set-cookie',
      login.cookie(login.stateCookieName(state), sealed, STATE_SECONDS),
      'cache-control',
      'no-store',
    ]);
  }
}

const randomText = (bytes: number): string => randomBytes(bytes).toString('base64url');

/** A person waits for a page, as far as a browser says. */
function isNavigation({ method, fields }: Exchange): boolean {
  if (method !== 'GET' || !(fields.get('accept') ?? '').includes('text/html')) return false;
  const mode = fields.get('sec-fetch-mode');
  return mode === null || mode === 'navigate';
}

/** Whether a page of the login's own origin has made the request. Browsers say so; who says nothing is not let in. */
function isSameOrigin({ fields }: Exchange, origin: string): boolean {
  const site = fields.get('sec-fetch-site');
  if (site !== null) return site === 'same-origin';
  return fields.get('origin') === origin;
}

function isRevoked(
  consumer: Consumer,
  issuedMs: number,
  login: LoginReplica,
  revocations: RevocationTable,
): boolean {
  const { issuer, name } = login.config;
  const session = consumer.claims['sid'];
  return (
    revocations.isRevoked(RevocationKind.session, `login:${name}|${consumer.credentialId}`, issuedMs) ||
    (typeof session === 'string' &&
      revocations.isRevoked(RevocationKind.session, `${issuer}|${session}`, issuedMs)) ||
    revocations.isRevoked(RevocationKind.subject, consumer.id, issuedMs) ||
    revocations.isRevoked(RevocationKind.issuer, issuer, issuedMs)
  );
}

/** Guard that keeps cookies of logins from services, which could use them here; null without any login. */
export function compileKeepCookies(logins: Iterable<LoginReplica>): Guard | null {
  const names = [...logins].map((login) => login.cookieName);
  if (names.length === 0) return null;
  return {
    ...noHooks,
    name: 'authenticate',
    onRequest: (exchange) => {
      dropCookies(exchange.fields, names);
      return null;
    },
  };
}
