// The main thread's copy of an issuer's JWK Set: fetched at start and at intervals, refetched when a token names an
// unknown key, never more often than allowed. An old set goes on serving while the issuer can not be reached, but not
// for ever: a key that was withdrawn meanwhile would never be missed.
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../core/index.ts';
import { compileKeySet } from '../../jose/index.ts';
import type { GuardedAnswer, Reach } from '../../net/index.ts';
import { discover, type FetchConfig, type IssuerMetadata, issuerFetch, reachOf } from './discovery.ts';

export interface JwksSourceConfig {
  readonly name: string;
  /** Exact value of `iss`. */
  readonly issuer: string;
  readonly keys:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'discover' };
  readonly fetch: FetchConfig;
  readonly refreshMs: number;
  readonly refetchMinMs: number;
  /** How long a set serves that can not be fetched again, ms. */
  readonly maxStaleMs: number;
}

const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 60_000;

export class JwksSource {
  readonly config: JwksSourceConfig;
  /** JSON text of the last usable set; null before the first, and when the last is too old. */
  document: string | null = null;
  /** What the issuer says of itself; null unless it is discovered and was. */
  metadata: IssuerMetadata | null = null;
  /** Counts changes of the set. */
  version = 0;
  /** What went wrong last, empty when nothing did. */
  problem = '';
  readonly #clock: Clock;
  readonly #onChange: (source: JwksSource) => void;
  readonly #fetch: ReturnType<typeof issuerFetch>;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #fetchedMs = Number.NEGATIVE_INFINITY;
  #goodMs = Number.NEGATIVE_INFINITY;
  #discoveredMs = Number.NEGATIVE_INFINITY;
  #retryMs = RETRY_MIN_MS;
  #stopped = false;

  constructor(config: JwksSourceConfig, clock: Clock, onChange: (source: JwksSource) => void) {
    this.config = config;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#fetch = issuerFetch(config.fetch, (path) => readFile(path, 'utf8'));
  }

  /** Fetches for the first time. Never rejects: without keys the gate starts and refuses this issuer's tokens. */
  async start(): Promise<void> {
    await this.#load();
  }

  /** Asks for newer keys; resolves when they are here, or at once when it is too early to ask again. */
  requestRefresh(): Promise<void> {
    if (this.#running === null && this.#clock.monotonicMs() - this.#fetchedMs < this.config.refetchMinMs) {
      return Promise.resolve();
    }
    return this.#load();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #load(): Promise<void> {
    this.#running ??= this.#loadOnce().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #loadOnce(): Promise<void> {
    this.#fetchedMs = this.#clock.monotonicMs();
    if (this.#timer !== null) clearTimeout(this.#timer);
    let waitMs = this.config.refreshMs;
    try {
      const text = await this.#read();
      compileKeySet(text);
      this.problem = '';
      this.#retryMs = RETRY_MIN_MS;
      this.#goodMs = this.#clock.monotonicMs();
      this.#set(text);
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      waitMs = Math.min(this.#retryMs, waitMs);
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
      if (this.#clock.monotonicMs() - this.#goodMs > this.config.maxStaleMs) this.#set(null);
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#load(), waitMs);
    this.#timer.unref();
  }

  #set(document: string | null): void {
    if (document === this.document) return;
    this.document = document;
    this.version++;
    if (!this.#stopped) this.#onChange(this);
  }

  async #read(): Promise<string> {
    const { keys, issuer, fetch } = this.config;
    if (keys.kind === 'file') return readFile(keys.path, 'utf8');
    if (keys.kind === 'url') return textOf(await this.#fetch(keys.url, 'anywhere'));
    const nowMs = this.#clock.monotonicMs();
    if (this.metadata === null || nowMs - this.#discoveredMs >= this.config.refreshMs) {
      const get = (url: string, reach: Reach): Promise<GuardedAnswer> => this.#fetch(url, reach);
      this.metadata = await discover(issuer, get, fetch.mayBePrivate);
      this.#discoveredMs = nowMs;
    }
    const { jwksUri } = this.metadata;
    const reach = reachOf(jwksUri, new URL(issuer).origin, fetch.mayBePrivate);
    return textOf(await this.#fetch(jwksUri, reach));
  }
}

function textOf(answer: GuardedAnswer): string {
  if (answer.status !== 200) throw new Error(`the key set answered ${answer.status}`);
  return answer.body;
}
