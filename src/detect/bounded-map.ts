// A map of bounded size that forgets whoever was not seen for longest, in two halves: no list to keep in order at each look.

export class BoundedMap<V> {
  readonly #half: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** Keeps the latest `capacity` at least, twice as many at most. */
  constructor(capacity: number) {
    this.#half = Math.max(1, capacity);
  }

  get(key: string): V | undefined {
    const found = this.#young.get(key);
    if (found !== undefined) return found;
    const older = this.#old.get(key);
    if (older === undefined) return undefined;
    this.#old.delete(key);
    this.#put(key, older);
    return older;
  }

  /** Without counting as use. */
  peek(key: string): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: string, value: V): void {
    this.#old.delete(key);
    this.#put(key, value);
  }

  #put(key: string, value: V): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  *entries(): Generator<[string, V]> {
    yield* this.#old;
    yield* this.#young;
  }
}
