// The main thread's copy of an issuer's JWK Set: fetched at start and at intervals, refetched when a token names an
// unknown key, never more often than allowed. An old set goes on serving while the issuer can not be reached.
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../core/index.ts';
import { compileKeySet } from '../../jose/index.ts';

export interface JwksSourceConfig {
  readonly name: string;
  readonly keys:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string };
  readonly refreshMs: number;
  readonly refetchMinMs: number;
}

const FETCH_TIMEOUT_MS = 5000;
const MAX_DOCUMENT_BYTES = 1_048_576;
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 60_000;

export class JwksSource {
  readonly config: JwksSourceConfig;
  /** JSON text of the last usable set; null before the first. */
  document: string | null = null;
  /** Counts usable sets that differ from the one before. */
  version = 0;
  /** What went wrong last, empty when nothing did. */
  problem = '';
  readonly #clock: Clock;
  readonly #onChange: (source: JwksSource) => void;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #fetchedMs = Number.NEGATIVE_INFINITY;
  #retryMs = RETRY_MIN_MS;
  #stopped = false;

  constructor(config: JwksSourceConfig, clock: Clock, onChange: (source: JwksSource) => void) {
    this.config = config;
    this.#clock = clock;
    this.#onChange = onChange;
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
      const { keys } = this.config;
      const text = keys.kind === 'file' ? await readFile(keys.path, 'utf8') : await fetchJwks(keys.url);
      compileKeySet(text);
      this.problem = '';
      this.#retryMs = RETRY_MIN_MS;
      if (text !== this.document) {
        this.document = text;
        this.version++;
        if (!this.#stopped) this.#onChange(this);
      }
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      waitMs = Math.min(this.#retryMs, waitMs);
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#load(), waitMs);
    this.#timer.unref();
  }
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/** Text of the document at `url`. Throws Error: plain HTTP beyond loopback, redirects, other statuses, too large, late. */
export async function fetchJwks(url: string): Promise<string> {
  const target = new URL(url);
  if (target.protocol !== 'https:' && !(target.protocol === 'http:' && loopback.test(target.hostname))) {
    throw new Error('key sets are fetched over https only');
  }
  const response = await fetch(target, {
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    headers: { accept: 'application/jwk-set+json, application/json' },
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the key set answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_DOCUMENT_BYTES) throw new Error('the key set is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
