// HOT. Remembers what a source said about a value. Two generations: when the younger is full it becomes the older, and what was
// not asked for in the meantime is forgotten. So an attacker's values push out only what is not in use.

const MAX_ENTRIES = 1024;
/** Longer values seldom come again. */
const MAX_KEY_BYTES = 256;

export class VerdictMemo {
  #young = new Map<string, readonly number[]>();
  #old = new Map<string, readonly number[]>();

  find(value: string): readonly number[] | null {
    const young = this.#young.get(value);
    if (young !== undefined) return young;
    const old = this.#old.get(value);
    if (old === undefined) return null;
    this.#put(value, old);
    return old;
  }

  add(value: string, verdict: readonly number[]): void {
    if (value.length <= MAX_KEY_BYTES) this.#put(value, verdict);
  }

  #put(value: string, verdict: readonly number[]): void {
    if (this.#young.size >= MAX_ENTRIES) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(value, verdict);
  }
}
