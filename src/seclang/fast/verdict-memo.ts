// HOT. Remembers what a source said about a value. A value is taken in when it comes a second time, so that those that differ in
// each request cost nothing and push nothing out. Two generations: when the younger is full it becomes the older, and
// what was not asked for in the meantime is forgotten.

const MAX_ENTRIES = 1024;
/** Longer values seldom come again. */
const MAX_KEY_BYTES = 256;
/** Values that came once are known by a hash alone; one that meets another's place takes it. */
const SEEN_ONCE = 1024;
/** Bytes of a value that go into its hash: two values with the same hash do no harm. */
const HASHED_BYTES = 16;

const copyBuffer = Buffer.alloc(MAX_KEY_BYTES);

export class VerdictMemo {
  #young = new Map<string, readonly number[]>();
  #old = new Map<string, readonly number[]>();
  readonly #seen = new Int32Array(SEEN_ONCE);

  find(value: string): readonly number[] | null {
    if (value.length > MAX_KEY_BYTES) return null;
    const young = this.#young.get(value);
    if (young !== undefined) return young;
    const old = this.#old.get(value);
    if (old === undefined) return null;
    this.#put(copyOf(value), old);
    return old;
  }

  add(value: string, verdict: readonly number[]): void {
    if (value.length > MAX_KEY_BYTES) return;
    const hash = hashOf(value);
    const at = hash & (SEEN_ONCE - 1);
    if (this.#seen[at] !== hash) this.#seen[at] = hash;
    else this.#put(copyOf(value), verdict);
  }

  #put(value: string, verdict: readonly number[]): void {
    if (this.#young.size >= MAX_ENTRIES) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(value, verdict);
  }
}

/** A part of a larger text keeps all of that in memory: what stays here must stand alone. */
function copyOf(value: string): string {
  return copyBuffer.toString('latin1', 0, copyBuffer.write(value, 'latin1'));
}

function hashOf(value: string): number {
  const { length } = value;
  const stride = Math.max(1, Math.ceil(length / HASHED_BYTES));
  let hash = length + 1;
  for (let i = 0; i < length; i += stride) hash = (Math.imul(hash, 31) + value.charCodeAt(i)) | 0;
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
}
