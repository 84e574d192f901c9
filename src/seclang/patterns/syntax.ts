// The syntax tree of a PCRE expression on bytes. Letter case and classes are resolved to sets of bytes when parsing, so
// that what follows knows no flags.

/** Membership of the 256 bytes, 0 or 1. Never changed once it is in a tree. */
export type ByteSet = Uint8Array;

export type Assertion =
  | 'subject-start'
  | 'line-start'
  | 'subject-end'
  | 'subject-end-or-last-newline'
  | 'line-end'
  | 'word-boundary'
  | 'no-word-boundary';

export type PatternNode =
  | { readonly kind: 'set'; readonly bytes: ByteSet }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly options: readonly PatternNode[] }
  | {
      readonly kind: 'repeat';
      readonly item: PatternNode;
      readonly min: number;
      /** Infinity when unbounded. */
      readonly max: number;
      readonly isLazy: boolean;
    }
  | { readonly kind: 'capture'; readonly index: number; readonly item: PatternNode }
  /** `(?>…)`: once left, never tried another way. Possessive quantifiers are atomic repeats. */
  | { readonly kind: 'atomic'; readonly item: PatternNode }
  | {
      readonly kind: 'look';
      readonly isAhead: boolean;
      readonly isNegative: boolean;
      readonly item: PatternNode;
    }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'back-reference'; readonly index: number; readonly ignoresCase: boolean };

export interface ParsedPattern {
  readonly root: PatternNode;
  /** How many groups capture. */
  readonly captures: number;
}

/** What is wrong with an expression, and where in it (bytes from its start). */
export class PatternError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

export const sequence = (items: readonly PatternNode[]): PatternNode =>
  items.length === 1 ? items[0]! : { kind: 'sequence', items };

export const choice = (options: readonly PatternNode[]): PatternNode =>
  options.length === 1 ? options[0]! : { kind: 'choice', options };

/** Set of the bytes of `text` and of the ranges `low`-`high` in `ranges`. */
export function makeSet(text: string, ...ranges: readonly (readonly [number, number])[]): ByteSet {
  const set = new Uint8Array(256);
  for (let i = 0; i < text.length; i++) set[text.charCodeAt(i)] = 1;
  for (const [low, high] of ranges) set.fill(1, low, high + 1);
  return set;
}

export const complement = (set: ByteSet): ByteSet => set.map((member) => 1 - member);

export function addAll(to: Uint8Array, set: ByteSet): void {
  for (let i = 0; i < 256; i++) to[i]! |= set[i]!;
}

/** Both cases of every ASCII letter that is in the set; the C locale of PCRE folds no byte above 0x7F. */
export function foldCase(set: ByteSet): ByteSet {
  const folded = set.slice();
  for (let upper = 65; upper <= 90; upper++)
    folded[upper] = folded[upper + 32] = set[upper]! | set[upper + 32]!;
  return folded;
}

export function countBytes(set: ByteSet): number {
  let count = 0;
  for (let i = 0; i < 256; i++) count += set[i]!;
  return count;
}

export const areDisjoint = (a: ByteSet, b: ByteSet): boolean =>
  a.every((member, i) => (member & b[i]!) === 0);
