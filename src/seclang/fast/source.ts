// HOT. A source is a place in the request whose values the same rules look at: the value of any argument, the User-Agent field.
// Asked about a value, it names the conditions that it fulfils. Transformation chains of its rules are one tree. Which of them
// can change a value at all follows from the bytes that are in it, so that most of the tree falls away before it is walked;
// equal results are scanned once, whichever way they came about.

import type { Operator, Transformation } from '../contract.ts';
import type { Link } from '../rules/rule.ts';
import type { Isolated } from './isolated.ts';
import type { Scanner } from './scanner.ts';
import { VerdictMemo } from './verdict-memo.ts';

/** A condition that a source may fulfil: its row in the scanner, and its link. */
export interface SourceCondition {
  readonly row: number;
  readonly link: Link;
  readonly isolated: Isolated | null;
}

interface Check {
  readonly operator: Operator;
  readonly isNegated: boolean;
  readonly isolated: Isolated | null;
}

class TreeNode {
  readonly parent: number;
  readonly transformation: Transformation | null;
  /** Its place among the transformations of the source. */
  readonly which: number;
  /** Rows of rules whose operator looks at this stage. */
  readonly mask: Uint32Array;
  /** The words of `mask` that are not 0: few. */
  words: readonly number[] = [];

  constructor(parent: number, transformation: Transformation | null, which: number, words: number) {
    this.parent = parent;
    this.transformation = transformation;
    this.which = which;
    this.mask = new Uint32Array(words);
  }
}

const wordsOf = (mask: Uint32Array): number[] => [...mask.keys()].filter((word) => mask[word] !== 0);

/** What is left of the tree for values that hold bytes of certain kinds. */
class Shape {
  /** Rows that look at the value as it is. */
  readonly mask: Uint32Array;
  readonly words: readonly number[];
  /** Nodes whose result may be another text, in order. */
  readonly nodes: readonly number[];

  constructor(mask: Uint32Array, nodes: readonly number[]) {
    this.mask = mask;
    this.words = wordsOf(mask);
    this.nodes = nodes;
  }
}

/** Clients choose the bytes: where there are more kinds of values than this, shapes are made anew. */
const MAX_SHAPES = 256;

const NOTHING: readonly number[] = [];

/** How a value stands to others, as far as that saves looking for literals in it: it has to be looked at; … */
export const ALONE = 0;
/** … and what is found in it counts for those that follow; */
export const WHOLE = 1;
/** it is a part of the last one of which that was said. */
export const PART = 2;
export type Standing = typeof ALONE | typeof WHOLE | typeof PART;

export class Source {
  readonly #scanner: Scanner;
  readonly #nodes: TreeNode[] = [];
  readonly #checks: (Check | undefined)[] = [];
  readonly #transformations: Transformation[] = [];
  readonly #memo = new VerdictMemo();
  readonly #shapes = new Map<number, Shape>();
  /** Nodes that the last value set in `#stage`. */
  #lastNodes: readonly number[] = NOTHING;
  // Scratch, reused for each value: results of the stages, and what is distinct among them.
  readonly #stage: Int32Array;
  /** By distinct text × transformation: the distinct text that it makes of it, -1 before that is known. */
  readonly #results: Int32Array;
  readonly #texts: string[] = [];
  #textCount = 0;
  /** By distinct text: the rows that are candidates for it … */
  readonly #bits: Uint32Array;
  /** … and those that were asked about it. */
  readonly #asked: Uint32Array;

  constructor(conditions: readonly SourceCondition[], scanner: Scanner) {
    this.#scanner = scanner;
    this.#nodes.push(new TreeNode(-1, null, 0, scanner.words));
    for (const condition of conditions) this.#add(condition);
    this.#stage = new Int32Array(this.#nodes.length);
    this.#results = new Int32Array(this.#nodes.length * this.#transformations.length);
    this.#bits = new Uint32Array(this.#nodes.length * scanner.words);
    this.#asked = new Uint32Array(this.#nodes.length * scanner.words);
  }

  #add({ row, link, isolated }: SourceCondition): void {
    const { operator, isNegated, transformations, isMultiMatch } = link;
    if (operator === null) return;
    this.#checks[row] = { operator, isNegated, isolated };
    let at = 0;
    if (isMultiMatch) this.#mark(at, row);
    for (const transformation of transformations) {
      at = this.#child(at, transformation);
      if (isMultiMatch) this.#mark(at, row);
    }
    if (!isMultiMatch) this.#mark(at, row);
  }

  #child(parent: number, transformation: Transformation): number {
    const known = this.#nodes.findIndex(
      (node) => node.parent === parent && node.transformation === transformation,
    );
    if (known !== -1) return known;
    let which = this.#transformations.indexOf(transformation);
    if (which === -1) which = this.#transformations.push(transformation) - 1;
    return this.#nodes.push(new TreeNode(parent, transformation, which, this.#scanner.words)) - 1;
  }

  #mark(at: number, row: number): void {
    const node = this.#nodes[at]!;
    node.mask[row >>> 5]! |= 1 << (row & 31);
    node.words = wordsOf(node.mask);
  }

  /** What `judge` said about this value before; null when it is not remembered. */
  recall(value: string): readonly number[] | null {
    return this.#memo.find(value);
  }

  /** Rows of the conditions that `value` fulfils; not to be changed. */
  judge(value: string, place: Standing): readonly number[] {
    const verdict = this.#judgeAnew(value, place);
    this.#memo.add(value, verdict);
    return verdict;
  }

  #judgeAnew(value: string, place: Standing): readonly number[] {
    const nodes = this.#nodes;
    const stage = this.#stage;
    this.#textCount = 0;
    const kinds = place === PART ? this.#addPart(value) : this.#addText(value);
    if (place === WHOLE) this.#scanner.keep(this.#bits, kinds);
    const shape = this.#shapes.get(kinds) ?? this.#makeShape(kinds);
    // What the last value left behind, which may have been stopped on its way, must not be taken for this one's.
    for (let i = 0; i < this.#lastNodes.length; i++) stage[this.#lastNodes[i]!] = 0;
    this.#lastNodes = shape.nodes;
    let verdict = this.#check(shape.mask, shape.words, value, 0, null);
    for (let i = 0; i < shape.nodes.length; i++) {
      const index = shape.nodes[i]!;
      const node = nodes[index]!;
      const at = this.#transform(node.transformation!, node.which, stage[node.parent]!);
      stage[index] = at;
      if (node.words.length > 0) verdict = this.#check(node.mask, node.words, value, at, verdict);
    }
    return verdict ?? NOTHING;
  }

  /** INVARIANT: while a value is judged, `stage` is 0, the value itself, for all nodes that are not in its shape. */
  #makeShape(kinds: number): Shape {
    const mask = this.#nodes[0]!.mask.slice();
    const left: number[] = [];
    for (let i = 1; i < this.#nodes.length; i++) {
      const node = this.#nodes[i]!;
      if (left.includes(node.parent) || this.#scanner.mayChange(node.transformation!, kinds)) left.push(i);
      else for (let w = 0; w < mask.length; w++) mask[w]! |= node.mask[w]!;
    }
    const shape = new Shape(mask, left);
    if (this.#shapes.size >= MAX_SHAPES) this.#shapes.clear();
    this.#shapes.set(kinds, shape);
    return shape;
  }

  #transform(transformation: Transformation, which: number, from: number): number {
    const at = from * this.#transformations.length + which;
    const known = this.#results[at]!;
    if (known !== -1) return known;
    const text = this.#texts[from]!;
    const { changesOnly } = transformation;
    let result = from;
    if (changesOnly === null || changesOnly.test(text)) {
      const changed = transformation.run(text);
      if (changed !== text) result = this.#distinct(changed, transformation, from);
    }
    this.#results[at] = result;
    return result;
  }

  /** Index of a text, which `transformation` made of the one at `from`, among the distinct ones. */
  #distinct(text: string, transformation: Transformation, from: number): number {
    const texts = this.#texts;
    for (let i = 0; i < this.#textCount; i++) if (texts[i] === text) return i;
    if (transformation.changesCaseOnly) this.#addLike(text, from, false);
    else if (transformation.decodesPlus && !texts[from]!.includes('%')) this.#addLike(text, from, true);
    else this.#addText(text);
    return this.#textCount - 1;
  }

  /** Scans a new text. Answers the kinds of bytes in it. */
  #addText(text: string): number {
    const { words } = this.#scanner;
    const at = this.#begin(text);
    return this.#scanner.scan(text, this.#bits, at * words);
  }

  /** The scanner is blind to case; and where only blanks are new, nothing that has none in it can be. */
  #addLike(text: string, like: number, hasNewBlanks: boolean): void {
    const { words, blankRows } = this.#scanner;
    const from = this.#begin(text) * words;
    const bits = this.#bits;
    for (let w = 0; w < words; w++) {
      bits[from + w] = bits[like * words + w]! | (hasNewBlanks ? blankRows[w]! : 0);
    }
  }

  #addPart(text: string): number {
    const { words, kept } = this.#scanner;
    const from = this.#begin(text) * words;
    for (let w = 0; w < words; w++) this.#bits[from + w] = kept[w]!;
    return text === '' ? this.#scanner.allKinds : this.#scanner.keptKinds;
  }

  #begin(text: string): number {
    const at = this.#textCount++;
    this.#texts[at] = text;
    const { words } = this.#scanner;
    const { length } = this.#transformations;
    for (let i = at * length; i < (at + 1) * length; i++) this.#results[i] = -1;
    for (let w = at * words; w < (at + 1) * words; w++) this.#asked[w] = 0;
    return at;
  }

  #check(
    mask: Uint32Array,
    words: readonly number[],
    value: string,
    at: number,
    verdict: number[] | null,
  ): number[] | null {
    const bits = this.#bits;
    const asked = this.#asked;
    const from = at * mask.length;
    for (let i = 0; i < words.length; i++) {
      const w = words[i]!;
      // What was asked about this text is not asked again where another chain leads to it.
      let word = (bits[from + w]! & mask[w]! & ~asked[from + w]!) >>> 0;
      if (word === 0) continue;
      asked[from + w]! |= word;
      while (word !== 0) {
        const bit = 31 - Math.clz32(word);
        word = (word & ~(1 << bit)) >>> 0;
        verdict = this.#checkRow(w * 32 + bit, value, this.#texts[at]!, verdict);
      }
    }
    return verdict;
  }

  #checkRow(row: number, value: string, text: string, verdict: number[] | null): number[] | null {
    const check = this.#checks[row]!;
    if (check.operator.match(text, '', null) === check.isNegated) return verdict;
    if (check.isolated !== null && !check.isolated.mayAct(value)) return verdict;
    if (verdict === null) return [row];
    if (!verdict.includes(row)) verdict.push(row);
    return verdict;
  }
}
