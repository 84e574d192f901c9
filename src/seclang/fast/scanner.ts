// HOT. One pass over a value finds out which operators it can satisfy at all. An operator tells literals of which one must
// occur (`factors`), or bytes of which one must (`requiredBytes`). All literals of all operators are one automaton
// (Aho, Corasick 1975) over letter-blind byte classes; the sets of bytes are bits that are collected on the way. Beside
// those are bits for the bytes that transformations change.
//
// INVARIANT: an operator that is not named as a candidate does not match the value.

import type { Operator, Transformation } from '../contract.ts';
import { writeLatin1 } from '../latin1.ts';
import { byteOdds } from '../patterns/index.ts';
import { type Automaton, compileAutomaton } from './automaton.ts';
import { changingBytes } from './changing-bytes.ts';

/** Each has a bit of a number. */
const MAX_BYTE_SETS = 32;

export class Scanner {
  /** Words of 32 rows. */
  readonly words: number;
  /** Rows that are candidates for every value, as `words` words. */
  readonly #alwaysRows: Uint32Array;
  readonly #operators: readonly (Operator | null)[];
  /** By byte: bits of the sets of bytes that it belongs to. */
  readonly #sets: Int32Array;
  /** The bits of the bytes that each transformation needs to change a text; 0 when none are known. */
  readonly #changes = new Map<Transformation, number>();
  /** All those bits. */
  readonly allKinds: number;
  /** Rows that may become candidates where blanks are new. */
  readonly blankRows: Uint32Array;
  /** What `keep` was told: rows that are candidates for any part of a text, and kinds of bytes that may be in it. */
  readonly kept: Uint32Array;
  keptKinds = 0;
  readonly #automaton: Automaton;
  /**
   * By ending state: where its entries of `#hits` begin. An entry is a word of rows and its place among the `words`; most literals
   * are of one operator.
   */
  readonly #hitsFrom: Uint32Array;
  readonly #hits: Uint32Array;
  /** By a byte of the number of sets that were met: for each of its four bytes 256 times `words` words of rows. */
  readonly #byteRows: Uint32Array;

  /** One row an operator; null for one that is a candidate always. */
  constructor(operators: readonly (Operator | null)[], transformations: Iterable<Transformation>) {
    this.#operators = operators;
    this.words = Math.max(1, Math.ceil(operators.length / 32));
    const sets = new ByteSets();
    let kinds = 0;
    for (const transformation of transformations) {
      const bytes = changingBytes(transformation);
      const bit = bytes === null ? null : sets.find(bytes);
      this.#changes.set(transformation, bit === null ? 0 : 1 << bit);
      if (bit !== null) kinds |= 1 << bit;
    }
    this.allKinds = kinds;
    const literalRows = new Map<string, number[]>();
    const always: number[] = [];
    operators.forEach((operator, row) => {
      const factors = operator?.factors ?? null;
      if (factors !== null && factors.length > 0 && !factors.includes('')) {
        for (const factor of new Set(factors.map(rarestPart))) {
          const rows = literalRows.get(factor);
          if (rows === undefined) literalRows.set(factor, [row]);
          else rows.push(row);
        }
        return;
      }
      const required = operator?.requiredBytes ?? null;
      // The scanner is blind to case in everything, so that it need not look twice where only that has changed.
      const bit = required === null ? null : sets.find(bothCases(required));
      if (bit === null) always.push(row);
      else sets.rows[bit]!.push(row);
    });
    this.#alwaysRows = new Uint32Array(this.words);
    for (const row of always) setBit(this.#alwaysRows, 0, row);
    this.#automaton = compileAutomaton([...literalRows.keys()]);
    this.#sets = sets.table();
    this.#byteRows = rowsBySets(sets.rows, this.words);
    this.kept = new Uint32Array(this.words);
    this.blankRows = new Uint32Array(this.words);
    for (const [literal, rows] of literalRows) {
      if (literal.includes(' ')) for (const row of rows) setBit(this.blankRows, 0, row);
    }
    for (const row of sets.rowsOf(0x20)) setBit(this.blankRows, 0, row);
    const rowsOf = [...literalRows.values()];
    const hits: number[] = [];
    const { ends } = this.#automaton;
    this.#hitsFrom = new Uint32Array(ends.length + 1);
    const rows = new Uint32Array(this.words);
    ends.forEach((literals, end) => {
      rows.fill(0);
      for (const literal of literals) for (const row of rowsOf[literal]!) setBit(rows, 0, row);
      rows.forEach((word, w) => {
        if (word !== 0) hits.push(w, word);
      });
      this.#hitsFrom[end + 1] = hits.length;
    });
    this.#hits = Uint32Array.from(hits);
  }

  isFor(operators: readonly (Operator | null)[], transformations: ReadonlySet<Transformation>): boolean {
    const own = this.#operators;
    return (
      own.length === operators.length &&
      own.every((operator, row) => operator === operators[row]) &&
      [...transformations].every((transformation) => this.#changes.has(transformation))
    );
  }

  /** Whether a transformation may change a text that holds `kinds`, as `scan` says. */
  mayChange(transformation: Transformation, kinds: number): boolean {
    const bits = this.#changes.get(transformation) ?? 0;
    return bits === 0 || (kinds & bits) !== 0;
  }

  /**
   * Sets the bits of all candidates for `value` in `into`, from `at`, and no others. Answers which kinds of bytes that
   * transformations change are in it.
   */
  scan(value: string, into: Uint32Array, at: number): number {
    const { words } = this;
    for (let w = 0; w < words; w++) into[at + w] = this.#alwaysRows[w]!;
    const seen =
      value.length < BYTES_PAY ? this.#scanText(value, into, at) : this.#scanBytes(value, into, at);
    const rows = this.#byteRows;
    const first = (seen & 0xff) * words;
    const second = (256 + ((seen >>> 8) & 0xff)) * words;
    const third = (512 + ((seen >>> 16) & 0xff)) * words;
    const fourth = (768 + (seen >>> 24)) * words;
    for (let w = 0; w < words; w++) {
      into[at + w]! |= rows[first + w]! | rows[second + w]! | rows[third + w]! | rows[fourth + w]!;
    }
    return value === '' ? this.allKinds : seen & this.allKinds;
  }

  /** Both answer the bits of all sets of bytes that were met. */
  #scanText(value: string, into: Uint32Array, at: number): number {
    const sets = this.#sets;
    const { classes, next, shift, firstEnd } = this.#automaton;
    const { length } = value;
    let seen = 0;
    let state = 0;
    let i = 0;
    for (;;) {
      // No call within: what the loop reads stays in registers.
      for (; i < length; i++) {
        const byte = value.charCodeAt(i) & 0xff;
        seen |= sets[byte]!;
        state = next[(state << shift) + classes[byte]!]!;
        if (state >= firstEnd) break;
      }
      if (i === length) return seen;
      this.#hit(state - firstEnd, into, at);
      i++;
    }
  }

  #scanBytes(value: string, into: Uint32Array, at: number): number {
    const sets = this.#sets;
    const { classes, next, shift, firstEnd } = this.#automaton;
    const { length } = value;
    const from = length <= copied.length ? copied : Buffer.allocUnsafe(length);
    writeLatin1(from, value, 0);
    let seen = 0;
    let state = 0;
    let i = 0;
    for (;;) {
      for (; i < length; i++) {
        const byte = from[i]!;
        seen |= sets[byte]!;
        state = next[(state << shift) + classes[byte]!]!;
        if (state >= firstEnd) break;
      }
      if (i === length) return seen;
      this.#hit(state - firstEnd, into, at);
      i++;
    }
  }

  #hit(end: number, into: Uint32Array, at: number): void {
    const to = this.#hitsFrom[end + 1]!;
    for (let h = this.#hitsFrom[end]!; h < to; h += 2) into[at + this.#hits[h]!]! |= this.#hits[h + 1]!;
  }

  /** What `scan` found in a text, for those that are parts of it. */
  keep(bits: Uint32Array, kinds: number): void {
    for (let w = 0; w < this.words; w++) this.kept[w] = bits[w]!;
    this.keptKinds = kinds;
  }
}

/** Reading a byte of a buffer takes a third of what reading one of a text does; copying takes as long as some 40 of them. */
const BYTES_PAY = 40;
const copied = Buffer.allocUnsafeSlow(65_536);

/**
 * What is looked for of longer literals. More says little more, but makes tables of megabytes: lists of file names have thousands of
 * literals.
 */
const MAX_LITERAL = 6;

/** The part of a literal that is least likely to occur otherwise. */
function rarestPart(literal: string): string {
  let best = '';
  let least = Number.POSITIVE_INFINITY;
  for (let from = 0; from + MAX_LITERAL <= literal.length; from++) {
    let odds = 1;
    for (let i = from; i < from + MAX_LITERAL; i++) odds *= byteOdds[literal.charCodeAt(i)]!;
    if (odds >= least) continue;
    least = odds;
    best = literal.slice(from, from + MAX_LITERAL);
  }
  return literal.length <= MAX_LITERAL ? literal : best;
}

function setBit(words: Uint32Array, at: number, row: number): void {
  words[at + (row >>> 5)]! |= 1 << (row & 31);
}

/** Rows of each set, for eight sets at once. */
function rowsBySets(sets: readonly (readonly number[])[], words: number): Uint32Array {
  const table = new Uint32Array(4 * 256 * words);
  sets.forEach((rows, set) => {
    const group = (set >>> 3) * 256;
    for (let some = 0; some < 256; some++) {
      if (((some >>> (set & 7)) & 1) === 1)
        for (const row of rows) setBit(table, (group + some) * words, row);
    }
  });
  return table;
}

/** More than half of all bytes: the set says next to nothing. */
const MAX_SET_BYTES = 128;

class ByteSets {
  readonly #sets: Uint8Array[] = [];
  /** By set: the rows whose operator needs one of its bytes. */
  readonly rows: number[][] = [];

  /** The number of the set; null when it says nothing, or there is no room for it. */
  find(bytes: Uint8Array): number | null {
    let size = 0;
    for (const byte of bytes) size += byte;
    if (size === 0 || size > MAX_SET_BYTES) return null;
    const known = this.#sets.findIndex((set) => set.every((member, byte) => member === bytes[byte]));
    if (known !== -1) return known;
    if (this.#sets.length === MAX_BYTE_SETS) return null;
    this.rows.push([]);
    return this.#sets.push(bytes) - 1;
  }

  /** Rows of the sets that a byte is in. */
  rowsOf(byte: number): readonly number[] {
    return this.rows.filter((_, i) => this.#sets[i]![byte] === 1).flat();
  }

  table(): Int32Array {
    const table = new Int32Array(256);
    this.#sets.forEach((set, bit) => {
      for (let byte = 0; byte < 256; byte++) if (set[byte] === 1) table[byte]! |= 1 << bit;
    });
    return table;
  }
}

function bothCases(bytes: Uint8Array): Uint8Array {
  const both = bytes.slice();
  for (let upper = 65; upper <= 90; upper++)
    both[upper] = both[upper + 32] = bytes[upper]! | bytes[upper + 32]!;
  return both;
}
