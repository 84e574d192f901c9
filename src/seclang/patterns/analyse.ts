// What must be in a value for an expression to match it: literals and bytes that a prefilter can look for, and the least
// length. Everything here errs on the safe side: what is promised holds for every match (a property test says so over
// the whole of the CRS), what is not known is null.
import { byteOdds } from './byte-odds.ts';
import { addAll, countBytes, type PatternNode } from './syntax.ts';

/** More literals than this in one expression cost more than they save. */
const MAX_FACTORS = 400;
/** Strings that a part may stand for while they are still joined with their neighbours. */
const MAX_EXACT = 800;
/** Longest literal; more does not make it rarer in practice. */
const MAX_FACTOR_LENGTH = 16;
/** A class with more bytes (after lower-casing) is not spelled out. */
const MAX_SET_SPELLED = 12;
/** Shorter literals are what `requiredBytes` is for. */
const MIN_FACTOR_LENGTH = 2;

export interface Requirements {
  readonly factors: readonly string[] | null;
  readonly requiredBytes: Uint8Array | null;
  readonly minLength: number;
}

export function analysePattern(root: PatternNode): Requirements {
  const { exact, factors } = literalsOf(root);
  const best = better(asFactors(exact), factors);
  const literals = best === null ? null : withoutLonger(best.texts);
  return {
    factors: literals === null || literals.length > MAX_FACTORS ? null : literals,
    requiredBytes: requiredBytes(root),
    minLength: minLength(root),
  };
}

/** Literals of which one must be there, and how likely ordinary values are to hold one. */
interface Factors {
  readonly texts: readonly string[];
  readonly odds: number;
}

interface Literals {
  /** All strings that the part can match, lower-cased; null when they are too many or unknown. */
  readonly exact: readonly string[] | null;
  /** Strings of which at least one is in whatever the part matches, lower-cased; null when unknown. */
  readonly factors: Factors | null;
  /** Strings of which one begins and one ends whatever the part matches, though more may be between. */
  readonly edge: readonly string[] | null;
}

const unknown: Literals = { exact: null, factors: null, edge: null };
const empty: Literals = { exact: [''], factors: null, edge: null };

function literalsOf(node: PatternNode): Literals {
  switch (node.kind) {
    case 'set':
      return { exact: spelled(node.bytes), factors: null, edge: null };
    case 'sequence':
      return literalsOfSequence(node.items);
    case 'choice':
      return literalsOfChoice(node.options);
    case 'repeat':
      return literalsOfRepeat(node.item, node.min, node.max);
    case 'capture':
    case 'atomic':
      return literalsOf(node.item);
    case 'look': {
      // What a lookahead sees is in the value too, though it is not consumed.
      if (node.isNegative) return empty;
      const seen = literalsOf(node.item);
      return { exact: [''], factors: better(asFactors(seen.exact), seen.factors), edge: null };
    }
    case 'assertion':
      return empty;
    case 'back-reference':
      return unknown;
  }
}

function spelled(bytes: Uint8Array): readonly string[] | null {
  if (countBytes(bytes) > 2 * MAX_SET_SPELLED) return null;
  const letters = new Set<string>();
  for (let i = 0; i < 256; i++) if (bytes[i] === 1) letters.add(lowered(i));
  return letters.size > MAX_SET_SPELLED ? null : [...letters];
}

const lowered = (byte: number): string => String.fromCharCode(byte >= 65 && byte <= 90 ? byte + 32 : byte);

function literalsOfSequence(items: readonly PatternNode[]): Literals {
  let factors: Factors | null = null;
  let isExact = true;
  let run: readonly string[] = [''];
  const endRun = (): void => {
    factors = better(asFactors(run), factors);
    isExact = false;
  };
  for (const item of items) {
    const part = literalsOf(item);
    factors = better(part.factors, factors);
    if (part.exact !== null) {
      const joined = product(run, part.exact);
      if (joined === null) endRun();
      run = joined ?? part.exact;
      continue;
    }
    if (part.edge !== null) run = product(run, part.edge) ?? run;
    endRun();
    run = part.edge ?? [''];
  }
  if (isExact) return { exact: run, factors, edge: null };
  endRun();
  return { exact: null, factors, edge: null };
}

function product(left: readonly string[], right: readonly string[]): readonly string[] | null {
  if (left.length * right.length > MAX_EXACT) return null;
  if (right.length === 1) return appended(left, right[0]!);
  const all = new Set<string>();
  for (const a of left)
    for (const b of right) {
      if (a.length + b.length > MAX_FACTOR_LENGTH) return null;
      all.add(a + b);
    }
  return [...all];
}

/** The common case of `product`: no two of them can become the same. */
function appended(texts: readonly string[], end: string): readonly string[] | null {
  const longer: string[] = [];
  for (const text of texts) {
    if (text.length + end.length > MAX_FACTOR_LENGTH) return null;
    longer.push(text + end);
  }
  return longer;
}

function literalsOfChoice(options: readonly PatternNode[]): Literals {
  const exact = new Set<string>();
  const texts = new Set<string>();
  let isExact = true;
  let isKnown = true;
  for (const option of options) {
    const part = literalsOf(option);
    if (part.exact === null) isExact = false;
    else for (const text of part.exact) exact.add(text);
    const best = better(asFactors(part.exact), part.factors);
    if (best === null) isKnown = false;
    else for (const text of best.texts) texts.add(text);
  }
  return {
    exact: isExact && exact.size <= MAX_EXACT ? [...exact] : null,
    factors: isKnown ? asFactors([...texts]) : null,
    edge: null,
  };
}

function literalsOfRepeat(item: PatternNode, min: number, max: number): Literals {
  const part = literalsOf(item);
  if (min === 0) {
    if (max === 0) return empty;
    const isOptional = max === 1 && part.exact !== null;
    return isOptional ? { exact: [...new Set(['', ...part.exact])], factors: null, edge: null } : unknown;
  }
  let exact: readonly string[] | null = part.exact === null ? null : [''];
  for (let i = 0; i < min && exact !== null; i++) exact = product(exact, part.exact!);
  if (min === max && exact !== null) return { exact, factors: part.factors, edge: null };
  const factors = better(asFactors(exact), better(asFactors(part.exact), part.factors));
  return { exact: null, factors, edge: part.exact };
}

/** Those which ordinary values are less likely to hold. */
function better(a: Factors | null, b: Factors | null): Factors | null {
  if (a === null) return b;
  return b === null || a.odds <= b.odds ? a : b;
}

/** Null when the texts are no use to a prefilter: too many, or one of them too short. */
function asFactors(texts: readonly string[] | null): Factors | null {
  if (texts === null || texts.length === 0 || texts.length > MAX_EXACT) return null;
  let odds = 0;
  for (const text of texts) {
    if (text.length < MIN_FACTOR_LENGTH) return null;
    let odd = 1;
    for (let i = 0; i < text.length; i++) odd *= byteOdds[text.charCodeAt(i)]!;
    odds += odd;
  }
  return { texts, odds };
}

/** A literal that holds another one of the set says nothing new. */
function withoutLonger(literals: readonly string[]): readonly string[] {
  const known = new Set(literals);
  return literals.filter((literal) => {
    for (let start = 0; start < literal.length; start++)
      for (let end = start + MIN_FACTOR_LENGTH; end <= literal.length; end++)
        if (end - start < literal.length && known.has(literal.slice(start, end))) return false;
    return true;
  });
}

/** Bytes of which at least one is in every match, chosen to be rare; null when a match may hold any or none. */
function requiredBytes(node: PatternNode): Uint8Array | null {
  switch (node.kind) {
    case 'set':
      return countBytes(node.bytes) === 256 ? null : node.bytes;
    case 'sequence': {
      let best: Uint8Array | null = null;
      for (const item of node.items) {
        const bytes = requiredBytes(item);
        if (bytes !== null && (best === null || setOdds(bytes) < setOdds(best))) best = bytes;
      }
      return best;
    }
    case 'choice': {
      const union = new Uint8Array(256);
      for (const option of node.options) {
        const bytes = requiredBytes(option);
        if (bytes === null) return null;
        addAll(union, bytes);
      }
      return countBytes(union) === 256 ? null : union;
    }
    case 'repeat':
      return node.min === 0 ? null : requiredBytes(node.item);
    case 'capture':
    case 'atomic':
      return requiredBytes(node.item);
    case 'look':
      return node.isNegative ? null : requiredBytes(node.item);
    case 'assertion':
    case 'back-reference':
      return null;
  }
}

function setOdds(set: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < 256; i++) if (set[i] === 1) sum += byteOdds[i]!;
  return sum;
}

/** Least bytes that a match consumes. */
export function minLength(node: PatternNode): number {
  switch (node.kind) {
    case 'set':
      return 1;
    case 'sequence':
      return node.items.reduce((sum, item) => sum + minLength(item), 0);
    case 'choice':
      return Math.min(...node.options.map(minLength));
    case 'repeat':
      return node.min === 0 ? 0 : node.min * minLength(node.item);
    case 'capture':
    case 'atomic':
      return minLength(node.item);
    case 'look':
    case 'assertion':
    case 'back-reference':
      return 0;
  }
}

/** Bytes that a match can begin with; null when it may be empty or the bytes are unknown. */
export function firstBytes(node: PatternNode): Uint8Array | null {
  switch (node.kind) {
    case 'set':
      return node.bytes;
    case 'sequence': {
      const union = new Uint8Array(256);
      for (const item of node.items) {
        const isOptional = item.kind === 'repeat' && item.min === 0;
        const first = firstBytes(isOptional ? item.item : item);
        if (first === null) return null;
        addAll(union, first);
        if (!isOptional) return union;
      }
      return null;
    }
    case 'choice': {
      const union = new Uint8Array(256);
      for (const option of node.options) {
        const first = firstBytes(option);
        if (first === null) return null;
        addAll(union, first);
      }
      return union;
    }
    case 'repeat':
      return node.min === 0 ? null : firstBytes(node.item);
    case 'capture':
    case 'atomic':
      return firstBytes(node.item);
    case 'look':
    case 'assertion':
    case 'back-reference':
      return null;
  }
}
