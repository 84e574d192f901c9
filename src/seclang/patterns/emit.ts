// Syntax tree to the source of a JavaScript expression that means the same on bytes.
//
// No flag is used: letter case is written out as classes, so that no byte above 0x7F folds, and so that V8's linear
// engine (which refuses the flag i) can take over where an expression backtracks too much. There are two forms, since
// `^` and `$` of PCRE care for newlines: the flat form holds for values without one and is what V8 knows to be anchored.
import { firstBytes, minLength } from './analyse.ts';
import {
  type Assertion,
  areDisjoint,
  countBytes,
  type ParsedPattern,
  PatternError,
  type PatternNode,
} from './syntax.ts';

export interface EmittedPattern {
  readonly flat: string;
  /** For values that hold a newline; the same text when that makes no difference. */
  readonly full: string;
  /** Index of each PCRE group in JavaScript, from group 0. */
  readonly groups: readonly number[];
}

const flatAssertions: Readonly<Record<Assertion, string>> = {
  'subject-start': '^',
  'line-start': '^',
  'subject-end': '$',
  'subject-end-or-last-newline': '$',
  'line-end': '$',
  'word-boundary': '\\b',
  'no-word-boundary': '\\B',
};

const fullAssertions: Readonly<Record<Assertion, string>> = {
  ...flatAssertions,
  // Not after a newline that ends the subject; see `lineStart`.
  'line-start': '(?:^|(?<=\\n)(?=[^]))',
  'subject-end-or-last-newline': '(?=\\n?$)',
  'line-end': '(?![^\\n])',
};

/**
 * A start where bytes were surely consumed before or that is repeated, and so hardly ever is one. V8 14.6 misjudges how long
 * a match with such a `^` must be: `[^]+?(?:b^){2}|\\b` finds nothing in `1B`.
 */
const lateStart = '(?<![^])';
/** The same where a byte must follow anyway: without a lookahead, which V8's linear engine does not take. */
const lineStart = '(?<![^\\n])';

/** @throws PatternError */
export function emitPattern(parsed: ParsedPattern): EmittedPattern {
  const emitter = new Emitter(flatAssertions, parsed.captures);
  const flat = emitter.emit(parsed.root);
  const full = emitter.caresForNewlines
    ? new Emitter(fullAssertions, parsed.captures).emit(parsed.root)
    : flat;
  return { flat, full, groups: emitter.groups };
}

class Emitter {
  readonly groups: number[];
  /** Whether an assertion was met that has another form for values with newlines. */
  caresForNewlines = false;
  readonly #assertions: Readonly<Record<Assertion, string>>;
  #opened = 0;
  /** Least bytes that what follows consumes. */
  #restMin = 0;
  /** Whether the place can not be, or is not always, where the match begins. */
  #isLate = false;
  #isBackward = false;
  /** Groups of PCRE that surely have a value where the emission stands. */
  #set = new Set<number>();

  constructor(assertions: Readonly<Record<Assertion, string>>, captures: number) {
    this.#assertions = assertions;
    this.groups = new Array<number>(captures + 1).fill(0);
  }

  /** One term, which a quantifier may follow. */
  #term(node: PatternNode): string {
    switch (node.kind) {
      case 'set':
        return emitSet(node.bytes);
      case 'sequence':
      case 'choice':
        return `(?:${this.emit(node)})`;
      case 'repeat':
        return this.#repeat(node.item, node.min, node.max, node.isLazy);
      case 'capture': {
        const index = ++this.#opened;
        this.groups[node.index] = index;
        const text = `(${this.emit(node.item)})`;
        this.#set.add(node.index);
        return text;
      }
      case 'atomic': {
        if (this.#isBackward) throw new PatternError('an atomic group in a lookbehind is not supported', 0);
        const index = ++this.#opened;
        return `(?:(?=(${this.emit(node.item)}))\\${index})`;
      }
      case 'look':
        return this.#look(node.isAhead, node.isNegative, node.item);
      case 'assertion':
        if (flatAssertions[node.assertion] !== fullAssertions[node.assertion]) this.caresForNewlines = true;
        return this.#assertion(node.assertion);
      case 'back-reference':
        return this.#reference(node.index, node.ignoresCase);
    }
  }

  /** Without brackets around a sequence or a choice. */
  emit(node: PatternNode): string {
    if (node.kind === 'choice') return this.#options(node.options);
    if (node.kind !== 'sequence') return this.#term(node);
    const outerMin = this.#restMin;
    const wasLate = this.#isLate;
    this.#restMin += minLength(node);
    let text = '';
    for (let i = 0; i < node.items.length; i++) {
      const item = node.items[i]!;
      const least = minLength(item);
      this.#restMin -= least;
      text += this.#term(
        item.kind === 'atomic' && isNeverGivenBack(item.item, node.items, i + 1) ? item.item : item,
      );
      if (least > 0) this.#isLate = true;
    }
    this.#restMin = outerMin;
    this.#isLate = wasLate;
    return text;
  }

  #assertion(assertion: Assertion): string {
    const isFull = this.#assertions === fullAssertions;
    if (isFull && assertion === 'line-start' && this.#restMin > 0) return lineStart;
    const text = this.#assertions[assertion];
    return text === '^' && this.#isLate ? lateStart : text;
  }

  #repeat(item: PatternNode, min: number, max: number, isLazy: boolean): string {
    const before = new Set(this.#set);
    const wasLate = this.#isLate;
    if (max > 1) this.#isLate = true;
    const text = this.#term(item);
    this.#isLate = wasLate;
    if (min === 0) this.#set = before;
    const needsBrackets = item.kind === 'repeat' || item.kind === 'assertion' || item.kind === 'look';
    return (needsBrackets ? `(?:${text})` : text) + quantifier(min, max, isLazy);
  }

  #options(options: readonly PatternNode[]): string {
    const before = this.#set;
    let after: Set<number> | null = null;
    const texts: string[] = [];
    for (const option of options) {
      this.#set = new Set(before);
      texts.push(this.emit(option));
      after = after === null ? this.#set : after.intersection(this.#set);
    }
    this.#set = after ?? before;
    return texts.join('|');
  }

  #look(isAhead: boolean, isNegative: boolean, item: PatternNode): string {
    const wasBackward = this.#isBackward;
    const outerMin = this.#restMin;
    const wasLate = this.#isLate;
    this.#restMin = 0;
    this.#isLate = true;
    const before = new Set(this.#set);
    this.#isBackward = !isAhead;
    const text = `(?${isAhead ? '' : '<'}${isNegative ? '!' : '='}${this.emit(item)})`;
    this.#isBackward = wasBackward;
    this.#restMin = outerMin;
    this.#isLate = wasLate;
    if (isNegative) this.#set = before;
    return text;
  }

  #reference(index: number, ignoresCase: boolean): string {
    if (this.#isBackward) throw new PatternError('a back reference in a lookbehind is not supported', 0);
    // PCRE fails where the group has no value, JavaScript goes on.
    if (!this.#set.has(index))
      throw new PatternError(`group ${index} may have no value where it is referred to`, 0);
    const text = `\\${this.groups[index]}`;
    return ignoresCase ? `(?i:${text})` : `(?:${text})`;
  }
}

/**
 * Whether the atomic repeat of one byte class could give nothing back anyway, since what follows must begin with a byte
 * outside of the class.
 */
function isNeverGivenBack(item: PatternNode, items: readonly PatternNode[], next: number): boolean {
  if (item.kind !== 'repeat' || item.item.kind !== 'set' || item.isLazy) return false;
  if (item.max !== Number.POSITIVE_INFINITY) return false;
  const follow = firstBytes({ kind: 'sequence', items: items.slice(next) });
  return follow !== null && areDisjoint(follow, item.item.bytes);
}

function quantifier(min: number, max: number, isLazy: boolean): string {
  const lazy = isLazy ? '?' : '';
  if (min === 0 && max === Number.POSITIVE_INFINITY) return `*${lazy}`;
  if (min === 1 && max === Number.POSITIVE_INFINITY) return `+${lazy}`;
  if (min === 0 && max === 1) return `?${lazy}`;
  if (max === Number.POSITIVE_INFINITY) return `{${min},}${lazy}`;
  return min === max ? `{${min}}${lazy}` : `{${min},${max}}${lazy}`;
}

function emitByte(byte: number): string {
  const letter = String.fromCharCode(byte);
  if (/[0-9A-Za-z_ !"#%&',:;<=>@`~]/.test(letter)) return letter;
  return byte > 32 && byte < 127 ? `\\${letter}` : `\\x${byte.toString(16).padStart(2, '0')}`;
}

const emittedSets = new WeakMap<Uint8Array, string>();

function emitSet(set: Uint8Array): string {
  const known = emittedSets.get(set);
  if (known !== undefined) return known;
  const text = spellSet(set);
  emittedSets.set(set, text);
  return text;
}

function spellSet(set: Uint8Array): string {
  const count = countBytes(set);
  if (count === 256) return '[^]';
  if (count === 1) return emitByte(set.indexOf(1));
  return count > 128 ? `[^${emitRanges(set, 0)}]` : `[${emitRanges(set, 1)}]`;
}

function emitRanges(set: Uint8Array, member: number): string {
  let text = '';
  for (let low = 0; low < 256; low++) {
    if (set[low] !== member) continue;
    let high = low;
    while (high < 255 && set[high + 1] === member) high++;
    text += emitByte(low);
    if (high > low + 1) text += '-';
    if (high > low) text += emitByte(high);
    low = high;
  }
  return text;
}
