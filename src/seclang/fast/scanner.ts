// HOT. One pass over a value finds out which operators it can satisfy at all. An operator tells literals of which one must
// occur (`factors`), or bytes of which one must (`requiredBytes`). All literals of all operators are one automaton
// (Aho, Corasick 1975) over letter-blind byte classes; the sets of bytes are bits that are collected on the way.
//
// INVARIANT: an operator that is not named as a candidate does not match the value.

import type { Operator } from '../contract.ts';

/** Beside the byte's class (8 bits) an entry of the byte table has room for this many sets of bytes. */
const MAX_BYTE_SETS = 24;
const CLASS_BITS = 8;
const CLASS_MASK = 0xff;

interface Node {
  readonly next: Map<number, number>;
  fail: number;
  rows: Set<number>;
}

export class Scanner {
  /** Words of 32 rows. */
  readonly words: number;
  /** Rows that are candidates for every value. */
  readonly always: readonly number[];
  readonly #operators: readonly (Operator | null)[];
  /** By byte: class, and bits of the byte sets that it belongs to. */
  readonly #bytes: Int32Array;
  readonly #classCount: number;
  /** By state × class: offset of the next state's row. */
  readonly #next: Int32Array;
  /** States from this offset on have an output. */
  readonly #firstOutput: number;
  /** By state, from the first with an output: `words` words of rows. */
  readonly #outputs: Uint32Array;
  /** By byte set: `words` words of rows. */
  readonly #byteRows: Uint32Array;
  readonly #byteSetCount: number;

  /** One row an operator; null for one that is a candidate always. */
  constructor(operators: readonly (Operator | null)[]) {
    this.#operators = operators;
    this.words = Math.max(1, Math.ceil(operators.length / 32));
    const literalRows = new Map<string, number[]>();
    const byteSets: { key: string; bytes: Uint8Array; rows: number[] }[] = [];
    const always: number[] = [];
    operators.forEach((operator, row) => {
      const factors = operator?.factors ?? null;
      if (factors !== null && factors.length > 0 && !factors.includes('')) {
        for (const factor of factors) {
          const rows = literalRows.get(factor);
          if (rows === undefined) literalRows.set(factor, [row]);
          else rows.push(row);
        }
      } else if (
        operator === null ||
        operator.requiredBytes === null ||
        !addByteSet(byteSets, operator.requiredBytes, row)
      ) {
        always.push(row);
      }
    });
    this.always = always;
    const nodes = buildTrie(literalRows);
    const classes = classesOf(literalRows.keys());
    this.#classCount = classes.count;
    this.#bytes = new Int32Array(256);
    for (let byte = 0; byte < 256; byte++) {
      let entry = classes.of[byte]!;
      byteSets.forEach(({ bytes }, i) => {
        if (bytes[byte] === 1) entry |= 1 << (CLASS_BITS + i);
      });
      this.#bytes[byte] = entry;
    }
    this.#byteSetCount = byteSets.length;
    this.#byteRows = new Uint32Array(byteSets.length * this.words);
    byteSets.forEach(({ rows }, i) => {
      for (const row of rows) setBit(this.#byteRows, i * this.words, row);
    });
    // States without output come first, so that one comparison tells.
    const order = [...nodes.keys()].sort((a, b) => outputRank(nodes[a]!) - outputRank(nodes[b]!) || a - b);
    const position = new Int32Array(nodes.length);
    order.forEach((node, at) => {
      position[node] = at;
    });
    const firstOutput = order.findIndex((node) => nodes[node]!.rows.size > 0);
    const silent = firstOutput === -1 ? nodes.length : firstOutput;
    this.#firstOutput = silent * this.#classCount;
    this.#next = transitions(nodes, classes, position);
    this.#outputs = new Uint32Array((nodes.length - silent) * this.words);
    for (let at = silent; at < order.length; at++) {
      for (const row of nodes[order[at]!]!.rows) setBit(this.#outputs, (at - silent) * this.words, row);
    }
  }

  isFor(operators: readonly (Operator | null)[]): boolean {
    const own = this.#operators;
    return own.length === operators.length && own.every((operator, row) => operator === operators[row]);
  }

  /** Sets the bits of all candidates for `value` in `into`, from `at`, beside those of `always`. True when there are any. */
  scan(value: string, into: Uint32Array, at: number): boolean {
    const bytes = this.#bytes;
    const next = this.#next;
    const firstOutput = this.#firstOutput;
    const { words } = this;
    let seen = 0;
    let state = 0;
    let hasHit = false;
    for (let i = 0; i < value.length; i++) {
      const entry = bytes[value.charCodeAt(i) & 0xff]!;
      seen |= entry;
      state = next[state + (entry & CLASS_MASK)]!;
      if (state >= firstOutput) {
        hasHit = true;
        const output = ((state - firstOutput) / this.#classCount) * words;
        for (let w = 0; w < words; w++) into[at + w]! |= this.#outputs[output + w]!;
      }
    }
    seen >>>= CLASS_BITS;
    if (seen === 0) return hasHit;
    for (let set = 0; set < this.#byteSetCount; set++) {
      if ((seen & (1 << set)) === 0) continue;
      for (let w = 0; w < words; w++) into[at + w]! |= this.#byteRows[set * words + w]!;
    }
    return true;
  }
}

const outputRank = (node: Node): number => (node.rows.size > 0 ? 1 : 0);

function setBit(words: Uint32Array, at: number, row: number): void {
  words[at + (row >>> 5)]! |= 1 << (row & 31);
}

/** More than half of all bytes: the set says next to nothing. */
const MAX_SET_BYTES = 128;

function addByteSet(
  sets: { key: string; bytes: Uint8Array; rows: number[] }[],
  bytes: Uint8Array,
  row: number,
): boolean {
  let size = 0;
  for (const byte of bytes) size += byte;
  if (size === 0 || size > MAX_SET_BYTES) return false;
  const key = bytes.join('');
  const known = sets.find((set) => set.key === key);
  if (known !== undefined) known.rows.push(row);
  else if (sets.length < MAX_BYTE_SETS) sets.push({ key, bytes, rows: [row] });
  else return false;
  return true;
}

interface Classes {
  /** By byte; upper-case letters share the class of the lower-case ones. Class 0 is of bytes in no literal. */
  readonly of: Uint8Array;
  readonly count: number;
}

function classesOf(literals: Iterable<string>): Classes {
  const of = new Uint8Array(256);
  let count = 1;
  for (const literal of literals) {
    for (let i = 0; i < literal.length; i++) {
      const byte = literal.charCodeAt(i);
      if (of[byte] !== 0) continue;
      of[byte] = count++;
      if (byte >= 97 && byte <= 122) of[byte - 32] = of[byte]!;
    }
  }
  return { of, count };
}

function buildTrie(literalRows: ReadonlyMap<string, readonly number[]>): Node[] {
  const nodes: Node[] = [{ next: new Map(), fail: 0, rows: new Set() }];
  for (const [literal, rows] of literalRows) {
    let at = 0;
    for (let i = 0; i < literal.length; i++) {
      const byte = literal.charCodeAt(i);
      let to = nodes[at]!.next.get(byte);
      if (to === undefined) {
        to = nodes.length;
        nodes.push({ next: new Map(), fail: 0, rows: new Set() });
        nodes[at]!.next.set(byte, to);
      }
      at = to;
    }
    for (const row of rows) nodes[at]!.rows.add(row);
  }
  const queue = [...nodes[0]!.next.values()];
  for (let q = 0; q < queue.length; q++) {
    const node = nodes[queue[q]!]!;
    for (const [byte, child] of node.next) {
      let fail = node.fail;
      while (fail !== 0 && !nodes[fail]!.next.has(byte)) fail = nodes[fail]!.fail;
      const target = nodes[fail]!.next.get(byte);
      nodes[child]!.fail = target ?? 0;
      for (const row of nodes[nodes[child]!.fail]!.rows) nodes[child]!.rows.add(row);
      queue.push(child);
    }
  }
  return nodes;
}

function transitions(nodes: readonly Node[], classes: Classes, position: Int32Array): Int32Array {
  const { count } = classes;
  const table = new Int32Array(nodes.length * count);
  const queue = [0];
  for (let q = 0; q < queue.length; q++) {
    const at = queue[q]!;
    const node = nodes[at]!;
    const row = position[at]! * count;
    // A state falls back to what its longest suffix would do, which has been filled in before.
    const fallback = at === 0 ? -1 : position[node.fail]! * count;
    for (let c = 0; c < count; c++)
      table[row + c] = fallback === -1 ? position[0]! * count : table[fallback + c]!;
    for (const [byte, child] of node.next) {
      table[row + classes.of[byte]!] = position[child]! * count;
      queue.push(child);
    }
  }
  return table;
}
