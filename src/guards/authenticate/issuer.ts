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
  /** Verdicts about tokens for these audiences; a verdict for one audience says nothing about another. */
  cacheFor(audiences: readonly string[]): TokenCache;
}

/** How long a request waits for newer keys, ms. */
const REFRESH_TIMEOUT_MS = 6000;

export class IssuerReplica implements Issuer {
  readonly config: IssuerConfig;
  version = 0;
  keys: KeySet | null = null;
  readonly #ask: (issuer: string) => void;
  #waiting: (() => void)[] = [];
  #askedMs = Number.NEGATIVE_INFINITY;
  // INVARIANT: the caches go with the replica, and a replica is kept only while its configuration is the same; a
  // verdict never outlives the rules it was made under.
  readonly #caches = new Map<string, TokenCache>();

  constructor(config: IssuerConfig, ask: (issuer: string) => void) {
    this.config = config;
    this.#ask = ask;
  }

  /** Takes a key set; one that can not be used leaves the old one. */
  update(document: string | null, version: number): void {
    if (document !== null && version !== this.version) {
      try {
        this.keys = compileKeySet(document);
        this.version = version;
      } catch (error) {
        if (!(error instanceof JwkError)) throw error;
      }
    }
  }

  cacheFor(audiences: readonly string[]): TokenCache {
    const key = JSON.stringify([...audiences].sort());
    let cache = this.#caches.get(key);
    if (cache === undefined) {
      cache = new TokenCache();
      this.#caches.set(key, cache);
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
