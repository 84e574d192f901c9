// Persistent collections in the memory of one thread: for tests, for the command line, and where one thread is all there is.

import type { PersistentCollections } from '../contract.ts';
import { toInteger } from './apply.ts';

interface StoredValue {
  value: string;
  expiresAtMs: number;
}

/** Collections and values in each that are kept; the oldest go first. An attacker chooses the keys. */
const MAX_COLLECTIONS = 50_000;
const MAX_VALUES = 200;

export class MemoryCollections implements PersistentCollections {
  readonly #timeoutMs: number;
  readonly #collections = new Map<string, Map<string, StoredValue>>();

  /** `timeoutSeconds` without `expirevar`: SecCollectionTimeout. */
  constructor(timeoutSeconds: number) {
    this.#timeoutMs = timeoutSeconds * 1000;
  }

  load(collection: string, key: string, nowMs: number): ReadonlyMap<string, string> {
    const values = new Map<string, string>();
    for (const [name, stored] of this.#collections.get(`${collection}:${key}`) ?? []) {
      if (stored.expiresAtMs > nowMs) values.set(name, stored.value);
    }
    return values;
  }

  store(
    collection: string,
    key: string,
    name: string,
    value: string | null,
    expiresAtMs: number,
    nowMs: number,
  ): void {
    const values = this.#open(`${collection}:${key}`);
    if (value === null) values.delete(name);
    else if (values.size < MAX_VALUES || values.has(name)) {
      values.set(name, { value, expiresAtMs: expiresAtMs === 0 ? nowMs + this.#timeoutMs : expiresAtMs });
    }
  }

  add(collection: string, key: string, name: string, delta: number, nowMs: number): number {
    const values = this.#open(`${collection}:${key}`);
    const stored = values.get(name);
    const isLive = stored !== undefined && stored.expiresAtMs > nowMs;
    const sum = (isLive ? toInteger(stored.value) : 0) + delta;
    // A counter keeps the end it was given.
    this.store(collection, key, name, String(sum), isLive ? stored.expiresAtMs : 0, nowMs);
    return sum;
  }

  #open(id: string): Map<string, StoredValue> {
    let values = this.#collections.get(id);
    if (values === undefined) {
      if (this.#collections.size >= MAX_COLLECTIONS) {
        const [oldest] = this.#collections.keys();
        if (oldest !== undefined) this.#collections.delete(oldest);
      }
      values = new Map();
      this.#collections.set(id, values);
    }
    return values;
  }
}
