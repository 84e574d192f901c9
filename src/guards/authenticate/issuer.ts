// A token issuer as a data-plane thread knows it: the latest key set that the main thread has fetched, and a way to
// ask for a newer one. The thread itself fetches nothing.
import { compileKeySet, JwkError, type KeySet } from '../../jose/index.ts';
import type { IssuerConfig } from './contract.ts';
import { TokenCache } from './token-cache.ts';

export interface Issuer {
  readonly config: IssuerConfig;
  /** Changes with every new key set; cached verdicts of older versions are void. */
  readonly version: number;
  /** Null while no key set could be fetched. */
  readonly keys: KeySet | null;
  /** Asks for newer keys; resolves when they are here or none may be fetched now. Never rejects. */
  refresh(): Promise<void>;
  /** Asks the issuer about a token, through the main thread. Never rejects. */
  introspect(token: string): Promise<Introspection>;
  /** Verdicts about tokens under the rules called `rules`; a verdict for one audience says nothing about another. */
  cacheFor(rules: string): TokenCache;
}

/** What an issuer says about a token; the main thread has judged the answer. */
export type Introspection =
  | { readonly kind: 'active'; readonly claims: Readonly<Record<string, unknown>>; readonly untilMs: number }
  | { readonly kind: 'inactive' }
  | { readonly kind: 'unavailable' };

/** How long a request waits for newer keys, ms. */
const REFRESH_TIMEOUT_MS = 6000;
/** How long it waits for word about its token, ms. */
const INTROSPECT_TIMEOUT_MS = 7000;
/** Requests of one thread that wait for such word. */
const MAX_ASKED = 10_000;

export class IssuerReplica implements Issuer {
  readonly config: IssuerConfig;
  version = 0;
  keys: KeySet | null = null;
  readonly #ask: (issuer: string) => void;
  readonly #askAbout: (issuer: string, id: number, token: string) => void;
  readonly #asked = new Map<number, (answer: Introspection) => void>();
  #askedCount = 0;
  #waiting: (() => void)[] = [];
  #askedMs = Number.NEGATIVE_INFINITY;
  // INVARIANT: the caches go with the replica, and a replica is kept only while its configuration is the same; a
  // verdict never outlives the rules it was made under.
  readonly #caches = new Map<string, TokenCache>();

  constructor(
    config: IssuerConfig,
    ask: (issuer: string) => void,
    askAbout: (issuer: string, id: number, token: string) => void = () => {},
  ) {
    this.config = config;
    this.#ask = ask;
    this.#askAbout = askAbout;
  }

  /** Takes a key set, or that the last one is too old (null); one that can not be used leaves the old one. */
  update(document: string | null, version: number): void {
    if (version === this.version) return;
    if (document === null) {
      this.keys = null;
      this.version = version;
    } else {
      try {
        this.keys = compileKeySet(document);
        this.version = version;
      } catch (error) {
        if (!(error instanceof JwkError)) throw error;
      }
    }
  }

  introspect(token: string): Promise<Introspection> {
    if (this.#asked.size >= MAX_ASKED) return Promise.resolve({ kind: 'unavailable' });
    const id = ++this.#askedCount;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.introspected(id, { kind: 'unavailable' }), INTROSPECT_TIMEOUT_MS);
      this.#asked.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#askAbout(this.config.name, id, token);
    });
  }

  /** The main thread has an answer. */
  introspected(id: number, answer: Introspection): void {
    const resolve = this.#asked.get(id);
    this.#asked.delete(id);
    resolve?.(answer);
  }

  cacheFor(rules: string): TokenCache {
    let cache = this.#caches.get(rules);
    if (cache === undefined) {
      cache = new TokenCache();
      this.#caches.set(rules, cache);
    }
    return cache;
  }

  /** The main thread has done what it could. */
  refreshed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  refresh(): Promise<void> {
    const nowMs = performance.now();
    // Unknown key ids cost nothing to invent: between two fetches they are answered from what is known.
    if (this.#waiting.length === 0 && nowMs - this.#askedMs < this.config.refetchMinMs)
      return Promise.resolve();
    return new Promise((resolve) => {
      if (this.#waiting.length === 0) {
        this.#askedMs = nowMs;
        this.#ask(this.config.name);
        setTimeout(() => this.refreshed(), REFRESH_TIMEOUT_MS).unref();
      }
      this.#waiting.push(resolve);
    });
  }
}
