// Literals that a prefilter can look for: of those chosen for an expression, one is in every value that matches. Each part
// of an expression is known by all it can be (`exact`), or by how it begins and ends; neighbours are joined while that
// stays few, and of all sets met on the way the one that ordinary values are least likely to hold is kept.
import { byteOdds } from './byte-odds.ts';
import { countBytes, type PatternNode } from './syntax.ts';

/** More literals than this in one expression cost more than they save. */
const MAX_FACTORS = 800;
/** Strings that a part may stand for while they are still joined with their neighbours. */
const MAX_JOINED = 800;
/** Longest literal; more does not make it rarer in practice. */
const MAX_LENGTH = 16;
/** A class with more bytes (after lower-casing) is not spelled out. */
const MAX_SET_SPELLED = 12;
/** A single byte is a literal only when it is as rare as this. */
const RARE = 0.0025;
/** Lengths tried when there are too many. */
const shorterLengths = [12, 8, 6, 5, 4, 3, 2, 1] as const;

type Texts = readonly string[];

/** Texts of which one must be there, and how likely ordinary values are to hold one. */
interface Candidate {
  readonly texts: Texts;
  readonly odds: number;
}

interface Literals {
  /** All strings that the part can match, lower-cased; null when they are too many or unknown. */
  readonly exact: Texts | null;
  /** Whatever the part matches begins with one of them; '' says that nothing is known. */
  readonly starts: Texts;
  readonly ends: Texts;
  /** The best that is known to be somewhere in the part. */
  readonly best: Candidate | null;
}

const anything: Texts = [''];
const unknown: Literals = { exact: null, starts: anything, ends: anything, best: null };
const empty: Literals = { exact: anything, starts: anything, ends: anything, best: null };

const whole = (exact: Texts, best: Candidate | null): Literals => ({
  exact,
  starts: exact,
  ends: exact,
  best,
});

/** The literals for a whole expression, lower-cased; null when nothing useful is known. */
export function findFactors(root: PatternNode): Texts | null {
  const { exact, best } = literalsOf(root);
  const found = better(candidate(exact), best);
  return found === null ? null : withoutLonger(found.texts);
}

function literalsOf(node: PatternNode): Literals {
  switch (node.kind) {
    case 'set': {
      const letters = spelled(node.bytes);
      return letters === null ? unknown : whole(letters, null);
    }
    case 'sequence':
      return ofSequence(node.items);
    case 'choice':
      return ofChoice(node.options);
    case 'repeat':
      return ofRepeat(node.item, node.min, node.max);
    case 'capture':
    case 'atomic':
      return literalsOf(node.item);
    case 'look': {
      // What a lookahead sees is in the value too, though it is not consumed.
      if (node.isNegative) return empty;
      const seen = literalsOf(node.item);
      return whole(anything, better(candidate(seen.exact), seen.best));
    }
    case 'assertion':
      return empty;
    case 'back-reference':
      return unknown;
  }
}

function spelled(bytes: Uint8Array): Texts | null {
  if (countBytes(bytes) > 2 * MAX_SET_SPELLED) return null;
  const letters = new Set<string>();
  for (let i = 0; i < 256; i++)
    if (bytes[i] === 1) letters.add(String.fromCharCode(i >= 65 && i <= 90 ? i + 32 : i));
  return letters.size > MAX_SET_SPELLED ? null : [...letters];
}

function ofSequence(items: readonly PatternNode[]): Literals {
  let best: Candidate | null = null;
  let starts: Texts | null = null;
  /** What has been matched so far ends with one of them; while `starts` is null, it is one of them. */
  let run: Texts = anything;
  for (const item of items) {
    const part = literalsOf(item);
    best = better(part.best, best);
    const joined = part.exact === null ? null : product(run, part.exact);
    if (joined !== null) {
      run = joined;
      continue;
    }
    const closed =
      product(run, part.starts) ??
      product(run, shorten(part.starts, 'start', MAX_JOINED / run.length)) ??
      run;
    best = better(candidate(closed), better(candidate(run), best));
    starts ??= closed;
    run = part.ends;
  }
  if (starts === null) return whole(run, best);
  return { exact: null, starts, ends: run, best: better(candidate(run), best) };
}

function product(left: Texts, right: Texts): Texts | null {
  if (left.length * right.length > MAX_JOINED) return null;
  if (right.length === 1) return right[0] === '' ? left : appended(left, right[0]!);
  const all = new Set<string>();
  for (const a of left)
    for (const b of right) {
      if (a.length + b.length > MAX_LENGTH) return null;
      all.add(a + b);
    }
  return [...all];
}

/** The common case of `product`: no two of them can become the same. */
function appended(texts: Texts, end: string): Texts | null {
  const longer: string[] = [];
  for (const text of texts) {
    if (text.length + end.length > MAX_LENGTH) return null;
    longer.push(text + end);
  }
  return longer;
}

/** At most `most` of the texts' beginnings or ends; '' alone when nothing fits. */
function shorten(texts: Texts, keep: 'start' | 'end', most: number): Texts {
  if (texts.length <= most) return texts;
  for (const length of shorterLengths) {
    const cut = new Set<string>();
    for (const text of texts) cut.add(keep === 'start' ? text.slice(0, length) : text.slice(-length));
    if (cut.size <= most) return [...cut];
  }
  return anything;
}

function ofChoice(options: readonly PatternNode[]): Literals {
  const exact = new Set<string>();
  const starts = new Set<string>();
  const ends = new Set<string>();
  const somewhere = new Set<string>();
  let isExact = true;
  let isKnown = true;
  for (const option of options) {
    const part = literalsOf(option);
    if (part.exact === null) isExact = false;
    else for (const text of part.exact) exact.add(text);
    for (const text of part.starts) starts.add(text);
    for (const text of part.ends) ends.add(text);
    const best = better(candidate(part.exact), part.best);
    if (best === null) isKnown = false;
    else for (const text of best.texts) somewhere.add(text);
  }
  return {
    exact: isExact && exact.size <= MAX_JOINED ? [...exact] : null,
    starts: shorten([...starts], 'start', MAX_JOINED),
    ends: shorten([...ends], 'end', MAX_JOINED),
    best: isKnown ? candidate([...somewhere]) : null,
  };
}

function ofRepeat(item: PatternNode, min: number, max: number): Literals {
  const part = literalsOf(item);
  if (min === 0) {
    if (max === 0) return empty;
    if (max !== 1 || part.exact === null) return unknown;
    return whole([...new Set(['', ...part.exact])], null);
  }
  const once = better(candidate(part.exact), part.best);
  let exact: Texts | null = part.exact === null ? null : anything;
  for (let i = 0; i < min && exact !== null; i++) exact = product(exact, part.exact!);
  if (min === max && exact !== null) return whole(exact, once);
  return { exact: null, starts: part.starts, ends: part.ends, best: better(candidate(exact), once) };
}

function better(a: Candidate | null, b: Candidate | null): Candidate | null {
  if (a === null) return b;
  return b === null || a.odds <= b.odds ? a : b;
}

/** Null when the texts are no use to a prefilter: one of them is too common. */
function candidate(texts: Texts | null): Candidate | null {
  if (texts === null) return null;
  const few = shorten(texts, 'start', MAX_FACTORS);
  let odds = 0;
  for (const text of few) {
    if (text === '') return null;
    let odd = 1;
    for (let i = 0; i < text.length; i++) odd *= byteOdds[text.charCodeAt(i)]!;
    if (text.length === 1 && odd > RARE) return null;
    odds += odd;
  }
  return few.length === 0 ? null : { texts: few, odds };
}

/** A literal that holds another one of the set says nothing new. */
function withoutLonger(literals: Texts): Texts {
  const known = new Set(literals);
  return literals.filter((literal) => {
    for (let start = 0; start < literal.length; start++)
      for (let end = start + 1; end <= literal.length; end++)
        if (end - start < literal.length && known.has(literal.slice(start, end))) return false;
    return true;
  });
}
