// HOT. Remembers what the names of a whole list said, each of them and how often they stand there: clients of an API send the same
// fields and parameters in the same order again and again. A list is taken in when it comes a second time.

import { readLatin1, writeLatin1 } from '../latin1.ts';

const PLACES = 64;
/** Longer lists, and longer names, seldom come again. */
const MAX_NAMES = 48;
const MAX_NAME_BYTES = 64;

const copyBuffer = Buffer.alloc(MAX_NAME_BYTES);

export class NamesMemo {
  readonly #seen = new Int32Array(PLACES);
  readonly #lists: (readonly string[] | null)[] = new Array<null>(PLACES).fill(null);
  readonly #verdicts: (readonly number[])[] = new Array<readonly number[]>(PLACES).fill([]);

  /** The conditions that the names fulfil; null when they are not remembered. */
  find(names: readonly string[]): readonly number[] | null {
    const { length } = names;
    if (length > MAX_NAMES) return null;
    const at = placeOf(hashOf(names));
    const list = this.#lists[at]!;
    if (list === null || list.length !== length) return null;
    for (let i = 0; i < length; i++) if (list[i] !== names[i]) return null;
    return this.#verdicts[at]!;
  }

  add(names: readonly string[], verdict: readonly number[]): void {
    if (names.length > MAX_NAMES) return;
    const hash = hashOf(names);
    const at = placeOf(hash);
    if (this.#seen[at] !== hash) {
      this.#seen[at] = hash;
      return;
    }
    for (let i = 0; i < names.length; i++) if (names[i]!.length > MAX_NAME_BYTES) return;
    this.#lists[at] = names.map(copyOf);
    this.#verdicts[at] = verdict;
  }
}

const placeOf = (hash: number): number => hash & (PLACES - 1);

function hashOf(names: readonly string[]): number {
  let hash = names.length + 1;
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const { length } = name;
    hash = (Math.imul(hash, 31) + length) | 0;
    if (length > 0) hash = (Math.imul(hash, 31) + name.charCodeAt(0) + name.charCodeAt(length - 1)) | 0;
  }
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 3;
}

/** A part of a larger text keeps all of that in memory. */
function copyOf(name: string): string {
  writeLatin1(copyBuffer, name, 0);
  return readLatin1(copyBuffer, 0, name.length);
}
