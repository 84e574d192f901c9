// HOT. A source is a place in the request whose values the same rules look at: the value of any argument, the User-Agent field.
// Asked about a value, it names the conditions that it fulfils. Transformation chains of its rules are one tree, and
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
  /** Rows that are candidates always. */
  readonly always: number[] = [];
  hasRows = false;

  constructor(parent: number, transformation: Transformation | null, which: number, words: number) {
    this.parent = parent;
    this.transformation = transformation;
    this.which = which;
    this.mask = new Uint32Array(words);
  }
}

const NOTHING: readonly number[] = [];

export class Source {
  readonly #scanner: Scanner;
  readonly #nodes: TreeNode[] = [];
  readonly #checks: (Check | undefined)[] = [];
  readonly #transformations: Transformation[] = [];
  readonly #memo = new VerdictMemo();
  // Scratch, reused for each value: results of the stages, and what is distinct among them.
  readonly #stage: Int32Array;
  /** By distinct text × transformation: the distinct text that it makes of it, -1 before that is known. */
  readonly #results: Int32Array;
  readonly #texts: string[] = [];
  readonly #bits: Uint32Array;

  constructor(conditions: readonly SourceCondition[], scanner: Scanner) {
    this.#scanner = scanner;
    this.#nodes.push(new TreeNode(-1, null, 0, scanner.words));
    const isAlways = new Set(scanner.always);
    for (const condition of conditions) this.#add(condition, isAlways.has(condition.row));
    this.#stage = new Int32Array(this.#nodes.length);
    this.#results = new Int32Array(this.#nodes.length * this.#transformations.length);
    this.#bits = new Uint32Array(this.#nodes.length * scanner.words);
  }

  #add({ row, link, isolated }: SourceCondition, isAlways: boolean): void {
    const { operator, isNegated, transformations, isMultiMatch } = link;
    if (operator === null) return;
    this.#checks[row] = { operator, isNegated, isolated };
    let at = 0;
    if (isMultiMatch) this.#mark(at, row, isAlways);
    for (const transformation of transformations) {
      at = this.#child(at, transformation);
      if (isMultiMatch) this.#mark(at, row, isAlways);
    }
    if (!isMultiMatch) this.#mark(at, row, isAlways);
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

  #mark(at: number, row: number, isAlways: boolean): void {
    const node = this.#nodes[at]!;
    node.hasRows = true;
    if (isAlways) {
      if (!node.always.includes(row)) node.always.push(row);
    } else {
      node.mask[row >>> 5]! |= 1 << (row & 31);
    }
  }

  /** What `judge` said about this value before; null when it is not remembered. */
  recall(value: string): readonly number[] | null {
    return this.#memo.find(value);
  }

  /** Rows of the conditions that `value` fulfils; not to be changed. */
  judge(value: string): readonly number[] {
    const verdict = this.#judgeAnew(value);
    this.#memo.add(value, verdict);
    return verdict;
  }

  #judgeAnew(value: string): readonly number[] {
    const nodes = this.#nodes;
    const stage = this.#stage;
    const texts = this.#texts;
    texts.length = 0;
    let verdict: number[] | null = null;
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!;
      const at =
        node.transformation === null
          ? this.#distinct(value)
          : this.#transform(node.transformation, node.which, stage[node.parent]!);
      stage[i] = at;
      if (node.hasRows) verdict = this.#check(node, value, texts[at]!, at * this.#scanner.words, verdict);
    }
    texts.length = 0;
    return verdict ?? NOTHING;
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
      if (changed !== text) result = this.#distinct(changed);
    }
    this.#results[at] = result;
    return result;
  }

  /** Index of a text among the distinct ones; a new one is scanned. */
  #distinct(text: string): number {
    const texts = this.#texts;
    for (let i = 0; i < texts.length; i++) if (texts[i] === text) return i;
    const { words } = this.#scanner;
    const at = texts.length;
    texts.push(text);
    const count = this.#transformations.length;
    this.#results.fill(-1, at * count, (at + 1) * count);
    this.#bits.fill(0, at * words, (at + 1) * words);
    this.#scanner.scan(text, this.#bits, at * words);
    return at;
  }

  #check(
    node: TreeNode,
    value: string,
    text: string,
    bitsAt: number,
    verdict: number[] | null,
  ): number[] | null {
    const { always, mask } = node;
    for (let i = 0; i < always.length; i++) verdict = this.#checkRow(always[i]!, value, text, verdict);
    for (let w = 0; w < mask.length; w++) {
      let word = (this.#bits[bitsAt + w]! & mask[w]!) >>> 0;
      while (word !== 0) {
        const bit = 31 - Math.clz32(word);
        word = (word & ~(1 << bit)) >>> 0;
        verdict = this.#checkRow(w * 32 + bit, value, text, verdict);
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
