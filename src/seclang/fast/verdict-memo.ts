// HOT. Remembers what a source said about a value. A value is taken in when it comes a second time, so that those that differ in
// each request cost nothing and push nothing out. A table of places that hold four values each, those last asked for first; what is
// taken in pushes out the last. Whoever sends values that meet in one place pushes out each other, and nothing else.
//
// Not a Map: V8 looks up every text that is asked for in its table of all texts first, and puts new ones there.

import { readLatin1, writeLatin1 } from '../latin1.ts';

const PLACES = 512;
const WAYS = 4;
/** Longer values seldom come again. */
const MAX_KEY_BYTES = 256;
/** Values that came once are known by a hash alone; one that meets another's place takes it. */
const SEEN_ONCE = 1024;
/** Bytes of a value that go into its hash: two values with the same hash do no harm. */
const HASHED_BYTES = 16;

const copyBuffer = Buffer.alloc(MAX_KEY_BYTES);

type Verdict = readonly number[];
const NOTHING: Verdict = [];

export class VerdictMemo {
  readonly #seen = new Int32Array(SEEN_ONCE);
  /** Of the value that was last asked for. */
  #lastHash = 0;
  // Made when the first value comes that is kept.
  #hashes = new Int32Array(0);
  #keys: (string | null)[] = [];
  #verdicts: Verdict[] = [];

  find(value: string): Verdict | null {
    if (value.length > MAX_KEY_BYTES) return null;
    const hash = hashOf(value);
    this.#lastHash = hash;
    if (this.#keys.length === 0) return null;
    const from = placeOf(hash);
    const hashes = this.#hashes;
    for (let at = from; at < from + WAYS; at++) {
      if (hashes[at] !== hash || this.#keys[at] !== value) continue;
      const verdict = this.#verdicts[at]!;
      if (at !== from) this.#put(from, at, hash, this.#keys[at]!, verdict);
      return verdict;
    }
    return null;
  }

  /** To be called right after `find` did not find `value`. */
  add(value: string, verdict: Verdict): void {
    if (value.length > MAX_KEY_BYTES) return;
    const hash = this.#lastHash;
    const once = hash & (SEEN_ONCE - 1);
    if (this.#seen[once] !== hash) {
      this.#seen[once] = hash;
      return;
    }
    if (this.#keys.length === 0) {
      this.#hashes = new Int32Array(PLACES * WAYS);
      this.#keys = new Array<string | null>(PLACES * WAYS).fill(null);
      this.#verdicts = new Array<Verdict>(PLACES * WAYS).fill(NOTHING);
    }
    const from = placeOf(hash);
    this.#put(from, from + WAYS - 1, hash, copyOf(value), verdict);
  }

  /** Puts the value first, and those before `at` one place further. */
  #put(from: number, at: number, hash: number, key: string, verdict: Verdict): void {
    for (let i = at; i > from; i--) {
      this.#hashes[i] = this.#hashes[i - 1]!;
      this.#keys[i] = this.#keys[i - 1]!;
      this.#verdicts[i] = this.#verdicts[i - 1]!;
    }
    this.#hashes[from] = hash;
    this.#keys[from] = key;
    this.#verdicts[from] = verdict;
  }
}

/** Other bits than those that say whether a value came before. */
const placeOf = (hash: number): number => (hash >>> 23) * WAYS;

/** A part of a larger text keeps all of that in memory: what stays here must stand alone. */
function copyOf(value: string): string {
  writeLatin1(copyBuffer, value, 0);
  return readLatin1(copyBuffer, 0, value.length);
}

function hashOf(value: string): number {
  const { length } = value;
  const stride = length <= HASHED_BYTES ? 1 : Math.ceil(length / HASHED_BYTES);
  let hash = length + 1;
  for (let i = 0; i < length; i += stride) hash = (Math.imul(hash, 31) + value.charCodeAt(i)) | 0;
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
}
