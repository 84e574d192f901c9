// HOT
// The phrases of one `@pm` in one pass (Aho, Corasick 1975): a dense table over classes of bytes. A state is the offset of
// its row, so a step is one addition and one load; states that end a phrase have the highest numbers, so noticing one is a
// comparison. Letter case (ASCII) is ignored: both cases of a letter share a class.

/** Most bytes of all phrases together: each may need a row of some hundred bytes, in each data-plane thread. */
export const MAX_PHRASE_BYTES = 400_000;

export class PhraseMatcher {
  readonly phrases: readonly string[];
  readonly #classes: Uint8Array;
  readonly #table: Int32Array;
  /** Rows from here on end at least one phrase. */
  readonly #firstEnd: number;
  readonly #width: number;
  /** By row from the first that ends one: the longest phrase that ends there. */
  readonly #ends: Int32Array;

  /** Phrases are latin1; a repeated one counts as its first, an empty one never matches. Mind `MAX_PHRASE_BYTES`. */
  constructor(phrases: readonly string[]) {
    this.phrases = phrases;
    const built = build(phrases);
    this.#classes = built.classes;
    this.#table = built.table;
    this.#firstEnd = built.firstEnd;
    this.#width = built.width;
    this.#ends = built.ends;
  }

  /** Size of the tables, bytes. */
  get tableBytes(): number {
    return this.#table.byteLength + this.#ends.byteLength;
  }

  /** Whether any phrase is in `value`. */
  test(value: string): boolean {
    const classes = this.#classes;
    const table = this.#table;
    const firstEnd = this.#firstEnd;
    const length = value.length;
    let state = 0;
    for (let i = 0; i < length; i++) {
      state = table[state + classes[value.charCodeAt(i) & 0xff]!]!;
      if (state >= firstEnd) return true;
    }
    return false;
  }

  /** Index of the longest of the phrases that end first in `value`, or -1. */
  find(value: string): number {
    const classes = this.#classes;
    const table = this.#table;
    const firstEnd = this.#firstEnd;
    const length = value.length;
    let state = 0;
    for (let i = 0; i < length; i++) {
      state = table[state + classes[value.charCodeAt(i) & 0xff]!]!;
      if (state >= firstEnd) return this.#ends[(state - firstEnd) / this.#width]!;
    }
    return -1;
  }
}

interface Tables {
  readonly classes: Uint8Array;
  readonly width: number;
  readonly table: Int32Array;
  readonly firstEnd: number;
  readonly ends: Int32Array;
}

/** Nodes of the trie while it is built; children are found by (node, class). */
interface Trie {
  readonly next: Int32Array;
  readonly fail: Int32Array;
  /** The longest phrase that ends at a node, or -1. */
  readonly ends: Int32Array;
  readonly order: readonly number[];
}

function build(phrases: readonly string[]): Tables {
  const lowered = phrases.map((phrase) => phrase.replace(/[A-Z]+/g, (run) => run.toLowerCase()));
  let total = 1;
  for (const phrase of lowered) total += phrase.length;
  const { classes, width } = classify(lowered);
  const trie = buildTrie(lowered, classes, width, total);
  return number(trie, classes, width);
}

/** Class 0 is for every byte that no phrase has. */
function classify(phrases: readonly string[]): { classes: Uint8Array; width: number } {
  const classes = new Uint8Array(256);
  const used = new Uint8Array(256);
  for (const phrase of phrases) for (let i = 0; i < phrase.length; i++) used[phrase.charCodeAt(i)] = 1;
  let width = 1;
  // With all 256 bytes in use there is no class for others, and none is needed.
  if (!used.includes(0)) width = 0;
  for (let byte = 0; byte < 256; byte++) if (used[byte] === 1) classes[byte] = width++;
  for (let upper = 65; upper <= 90; upper++) classes[upper] = classes[upper + 32]!;
  return { classes, width };
}

function buildTrie(phrases: readonly string[], classes: Uint8Array, width: number, most: number): Trie {
  let next = new Int32Array(Math.min(most, 1024) * width);
  let count = 1;
  const own: number[] = [];
  for (let id = 0; id < phrases.length; id++) {
    const phrase = phrases[id]!;
    let node = 0;
    for (let i = 0; i < phrase.length; i++) {
      const slot = node * width + classes[phrase.charCodeAt(i)]!;
      let child = next[slot]!;
      if (child === 0) {
        child = count++;
        if (count * width > next.length) {
          const larger = new Int32Array(Math.min(most, count * 2) * width);
          larger.set(next);
          next = larger;
        }
        next[slot] = child;
      }
      node = child;
    }
    if (node !== 0 && own[node] === undefined) own[node] = id;
  }
  const fail = new Int32Array(count);
  const ends = new Int32Array(count).fill(-1);
  const order: number[] = [0];
  // Breadth first: what a node falls back to is complete before it.
  for (let at = 0; at < order.length; at++) {
    const node = order[at]!;
    const back = fail[node]!;
    ends[node] = own[node] ?? (node === 0 ? -1 : ends[back]!);
    for (let c = 0; c < width; c++) {
      const slot = node * width + c;
      const child = next[slot]!;
      const other = node === 0 ? 0 : next[back * width + c]!;
      if (child === 0) next[slot] = other;
      else {
        fail[child] = other;
        order.push(child);
      }
    }
  }
  return { next, fail, ends, order };
}

/** Gives nodes their final numbers: near the root first, those that end a phrase last. */
function number(trie: Trie, classes: Uint8Array, width: number): Tables {
  const { next, ends, order } = trie;
  const count = order.length;
  const row = new Int32Array(count);
  const ending = order.filter((node) => ends[node]! >= 0);
  const sorted = [...order.filter((node) => ends[node]! < 0), ...ending];
  sorted.forEach((node, place) => {
    row[node] = place * width;
  });
  const table = new Int32Array(count * width);
  for (let node = 0; node < count; node++)
    for (let c = 0; c < width; c++) table[row[node]! + c] = row[next[node * width + c]!]!;
  return {
    classes,
    width,
    table,
    firstEnd: (count - ending.length) * width,
    ends: Int32Array.from(ending, (node) => ends[node]!),
  };
}
