// Asking an issuer about tokens that only it can read (RFC 7662). Answers are remembered under the hash of the token, for
// no longer than the token lives and never for long; what is asked is bounded, so that invented tokens cost the issuer
// and the gate little.
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../core/index.ts';
import { parseJsonObject } from '../../jose/index.ts';
import { type FetchConfig, type IssuerMetadata, issuerFetch, reachOf } from './discovery.ts';

export interface IntrospectionConfig {
  /** Exact value of `iss`, which an answer must not contradict. */
  readonly issuer: string;
  /** Empty: what the issuer's document names. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Longest time that a good answer is remembered, ms. */
  readonly cacheMs: number;
  /** How long it is remembered that a token is not good, ms. */
  readonly negativeCacheMs: number;
  readonly fetch: FetchConfig;
}

/** `active`: with the answer's members. `unavailable`: the issuer could not be asked. */
export type Introspection =
  | { readonly kind: 'active'; readonly claims: Readonly<Record<string, unknown>>; readonly untilMs: number }
  | { readonly kind: 'inactive' }
  | { readonly kind: 'unavailable' };

/** Answers of one generation of the memory. */
const GENERATION = 10_000;
/** Questions at once; beyond them tokens are refused for the moment. */
const MAX_IN_FLIGHT = 64;

interface Remembered {
  readonly result: Introspection;
  readonly untilMs: number;
}

export class Introspector {
  readonly #config: IntrospectionConfig;
  readonly #metadata: () => IssuerMetadata | null;
  readonly #clock: Clock;
  readonly #fetch: ReturnType<typeof issuerFetch>;
  #young = new Map<string, Remembered>();
  #old = new Map<string, Remembered>();
  readonly #asking = new Map<string, Promise<Introspection>>();

  constructor(config: IntrospectionConfig, metadata: () => IssuerMetadata | null, clock: Clock) {
    this.#config = config;
    this.#metadata = metadata;
    this.#clock = clock;
    this.#fetch = issuerFetch({ ...config.fetch, bearerFile: '' }, (path) => readFile(path, 'utf8'));
  }

  /** Never rejects. */
  introspect(token: string): Promise<Introspection> {
    const key = hash('sha256', token, 'base64url');
    const known = this.#young.get(key) ?? this.#old.get(key);
    if (known !== undefined && this.#clock.epochMs() < known.untilMs) return Promise.resolve(known.result);
    const running = this.#asking.get(key);
    if (running !== undefined) return running;
    if (this.#asking.size >= MAX_IN_FLIGHT) return Promise.resolve({ kind: 'unavailable' });
    const asked = this.#ask(token)
      .catch((): Introspection => ({ kind: 'unavailable' }))
      .then((result) => {
        this.#asking.delete(key);
        this.#remember(key, result);
        return result;
      });
    this.#asking.set(key, asked);
    return asked;
  }

  #remember(key: string, result: Introspection): void {
    if (result.kind === 'unavailable') return;
    const untilMs =
      result.kind === 'active' ? result.untilMs : this.#clock.epochMs() + this.#config.negativeCacheMs;
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, { result, untilMs });
  }

  async #ask(token: string): Promise<Introspection> {
    const { issuer, url, clientId, clientSecret, fetch } = this.#config;
    const endpoint = url === '' ? (this.#metadata()?.introspectionEndpoint ?? '') : url;
    if (endpoint === '') return { kind: 'unavailable' };
    const reach = url === '' ? reachOf(endpoint, new URL(issuer).origin, fetch.mayBePrivate) : 'anywhere';
    const credentials = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
    const answer = await this.#fetch(endpoint, reach, {
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
        accept: 'application/json',
      },
    });
    if (answer.status !== 200) return { kind: 'unavailable' };
    const claims = parseJsonObject(Buffer.from(answer.body));
    if (claims === null) return { kind: 'unavailable' };
    return judge(claims, issuer, this.#config.cacheMs, this.#clock.epochMs());
  }
}

const isDate = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 8.64e12;

/** What an answer of the issuer means at `nowMs`; whatever is not plainly good is not. */
export function judge(
  claims: Readonly<Record<string, unknown>>,
  issuer: string,
  cacheMs: number,
  nowMs: number,
): Introspection {
  if (claims['active'] !== true) return { kind: 'inactive' };
  const { exp, nbf, iat, iss } = claims;
  if ((exp !== undefined && !isDate(exp)) || (nbf !== undefined && !isDate(nbf))) return { kind: 'inactive' };
  if (iat !== undefined && !isDate(iat)) return { kind: 'inactive' };
  if (iss !== undefined && iss !== issuer) return { kind: 'inactive' };
  if (exp !== undefined && nowMs >= exp * 1000) return { kind: 'inactive' };
  if (nbf !== undefined && nowMs < nbf * 1000) return { kind: 'inactive' };
  const untilMs = Math.min(nowMs + cacheMs, exp === undefined ? Number.POSITIVE_INFINITY : exp * 1000);
  return { kind: 'active', claims, untilMs };
}
