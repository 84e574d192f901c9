// PCRE source to a syntax tree. What JavaScript can not do (recursion, conditions, callouts, verbs, \K, branch reset) is
// an error here, not a different meaning later.
import { anyByte, escapedClasses, notNewline } from './byte-classes.ts';
import { parseClass } from './parse-class.ts';
import { Reader } from './reader.ts';
import { choice, foldCase, makeSet, type ParsedPattern, type PatternNode, sequence } from './syntax.ts';

/** Deepest nesting of parentheses; PCRE2's own limit. */
const MAX_DEPTH = 250;
/** Largest count in a quantifier; PCRE's own limit. */
const MAX_REPEAT = 65_535;

export interface PatternFlags {
  readonly ignoresCase: boolean;
  readonly isMultiline: boolean;
  readonly dotMatchesAll: boolean;
  readonly isExtended: boolean;
  readonly isExtendedMore: boolean;
  readonly isUngreedy: boolean;
  readonly hasNoAutoCapture: boolean;
  readonly dollarIsEndOnly: boolean;
}

/** ModSecurity v3 compiles `@rx` with PCRE_DOTALL and PCRE_MULTILINE. */
export const modSecurityFlags: PatternFlags = {
  ignoresCase: false,
  isMultiline: true,
  dotMatchesAll: true,
  isExtended: false,
  isExtendedMore: false,
  isUngreedy: false,
  hasNoAutoCapture: false,
  dollarIsEndOnly: false,
};

/** @throws PatternError */
export function parsePattern(source: string, flags: PatternFlags = modSecurityFlags): ParsedPattern {
  const first = new Parser(source, null);
  const parsed = first.parse(flags);
  // References may point forward, and whether \12 is one depends on how many groups there are.
  return first.hasReferences ? new Parser(source, first).parse(flags) : parsed;
}

const set = (bytes: Uint8Array): PatternNode => ({ kind: 'set', bytes });
/** One node for each byte, and one that ignores its case: most of an expression is literals. */
const exactBytes = Array.from({ length: 256 }, (_, byte) => set(makeSet(String.fromCharCode(byte))));
const foldedBytes = Array.from({ length: 256 }, (_, byte) =>
  set(foldCase(makeSet(String.fromCharCode(byte)))),
);
const byteNode = (byte: number, flags: PatternFlags): PatternNode =>
  (flags.ignoresCase ? foldedBytes : exactBytes)[byte]!;
const look = (isAhead: boolean, isNegative: boolean, item: PatternNode): PatternNode => ({
  kind: 'look',
  isAhead,
  isNegative,
  item,
});

const newlineSequence: PatternNode = {
  kind: 'atomic',
  item: choice([sequence([set(makeSet('\r')), set(makeSet('\n'))]), set(makeSet('\x85', [10, 13]))]),
};

const quantifierPattern = /\{(\d+)(?:(,)(\d*))?\}/y;

class Parser {
  readonly #reader: Reader;
  /** A parse of the same source, which knows all groups; null in that first parse. */
  readonly #known: Parser | null;
  readonly #names = new Map<string, number>();
  #opened = 0;
  #depth = 0;
  hasReferences = false;

  constructor(source: string, known: Parser | null) {
    this.#reader = new Reader(source);
    this.#known = known;
  }

  parse(flags: PatternFlags): ParsedPattern {
    const reader = this.#reader;
    if (/^\(\*[A-Z]/.test(reader.source)) throw reader.error('verbs (*…) are not supported');
    const root = this.#alternatives(flags);
    if (!reader.isDone) throw reader.error('a closing parenthesis has no opening one');
    return { root, captures: this.#opened };
  }

  /** Up to the end or an unmatched `)`. Flags set inside, `(?i)`, reach to there, over later alternatives too. */
  #alternatives(flags: PatternFlags): PatternNode {
    const reader = this.#reader;
    const options: PatternNode[] = [];
    let items: PatternNode[] = [];
    for (;;) {
      if (reader.isDone || reader.peek() === ')') {
        options.push(sequence(items));
        return choice(options);
      }
      if (reader.skip('|')) {
        options.push(sequence(items));
        items = [];
        continue;
      }
      if (flags.isExtended && reader.take(/[\t-\r ]+|#[^\n]*\n?/y) !== null) continue;
      if (reader.skip('(?#')) {
        reader.takeUntil(')', 'a comment (?#');
        continue;
      }
      const changed = this.#inlineFlags(flags);
      if (changed !== null) {
        flags = changed;
        continue;
      }
      if (reader.skip('\\Q')) {
        this.#quoted(flags, items);
        continue;
      }
      if (reader.skip('\\E')) continue;
      items.push(this.#quantified(this.#atom(flags), flags));
    }
  }

  #quoted(flags: PatternFlags, items: PatternNode[]): void {
    const reader = this.#reader;
    const end = reader.source.indexOf('\\E', reader.at);
    const text = reader.source.slice(reader.at, end < 0 ? reader.source.length : end);
    reader.at += text.length + (end < 0 ? 0 : 2);
    for (let i = 0; i < text.length; i++) {
      const atom = byteNode(text.charCodeAt(i), flags);
      items.push(i === text.length - 1 ? this.#quantified(atom, flags) : atom);
    }
  }

  #inlineFlags(flags: PatternFlags): PatternFlags | null {
    const letters = this.#reader.take(/\(\?\^?[imsxnUJ]*(?:-[imsxnUJ]*)?\)/y);
    return letters === null ? null : this.#withFlags(flags, letters.slice(2, -1));
  }

  #withFlags(flags: PatternFlags, letters: string): PatternFlags {
    let isOn = true;
    let next = flags;
    for (let i = 0; i < letters.length; i++) {
      const letter = letters[i];
      if (letter === '-') isOn = false;
      else if (letter === '^')
        next = {
          ...next,
          ignoresCase: false,
          isMultiline: false,
          dotMatchesAll: false,
          isExtended: false,
          isExtendedMore: false,
          hasNoAutoCapture: false,
        };
      else if (letter === 'i') next = { ...next, ignoresCase: isOn };
      else if (letter === 'm') next = { ...next, isMultiline: isOn };
      else if (letter === 's') next = { ...next, dotMatchesAll: isOn };
      else if (letter === 'n') next = { ...next, hasNoAutoCapture: isOn };
      else if (letter === 'U') next = { ...next, isUngreedy: isOn };
      else if (letter === 'x') {
        const isMore = letters[i + 1] === 'x';
        if (isMore) i++;
        next = { ...next, isExtended: isOn, isExtendedMore: isOn && isMore };
      }
    }
    return next;
  }

  #quantified(atom: PatternNode, flags: PatternFlags): PatternNode {
    const reader = this.#reader;
    let node = atom;
    for (;;) {
      if (flags.isExtended) while (reader.take(/[\t-\r ]+|#[^\n]*\n?/y) !== null);
      const bounds = this.#quantifier();
      if (bounds === null) return node;
      const isPossessive = reader.skip('+');
      const isLazy = !isPossessive && reader.skip('?') !== flags.isUngreedy;
      node = { kind: 'repeat', item: node, min: bounds[0], max: bounds[1], isLazy };
      if (isPossessive) node = { kind: 'atomic', item: node };
      else return this.#refuseQuantifier(node);
    }
  }

  #refuseQuantifier(node: PatternNode): PatternNode {
    const at = this.#reader.at;
    if (this.#quantifier() === null) return node;
    this.#reader.at = at;
    throw this.#reader.error('a quantifier has nothing to repeat');
  }

  #quantifier(): readonly [number, number] | null {
    const reader = this.#reader;
    if (reader.skip('*')) return [0, Number.POSITIVE_INFINITY];
    if (reader.skip('+')) return [1, Number.POSITIVE_INFINITY];
    if (reader.skip('?')) return [0, 1];
    if (reader.peek() !== '{') return null;
    quantifierPattern.lastIndex = reader.at;
    const found = quantifierPattern.exec(reader.source);
    if (found === null) return null;
    reader.at += found[0].length;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3]);
    if (min > MAX_REPEAT || (max > MAX_REPEAT && max !== Number.POSITIVE_INFINITY))
      throw reader.error(`a quantifier counts to more than ${MAX_REPEAT}`);
    if (max < min) throw reader.error('a quantifier has its numbers out of order');
    return [min, max];
  }

  #atom(flags: PatternFlags): PatternNode {
    const reader = this.#reader;
    const letter = reader.next();
    switch (letter) {
      case '.':
        return set(flags.dotMatchesAll ? anyByte : notNewline);
      case '^':
        return { kind: 'assertion', assertion: flags.isMultiline ? 'line-start' : 'subject-start' };
      case '$':
        return {
          kind: 'assertion',
          assertion: flags.isMultiline
            ? 'line-end'
            : flags.dollarIsEndOnly
              ? 'subject-end'
              : 'subject-end-or-last-newline',
        };
      case '[':
        return set(parseClass(reader, { ignoresCase: flags.ignoresCase, skipsBlanks: flags.isExtendedMore }));
      case '(':
        return this.#group(flags);
      case '\\':
        return this.#escape(flags);
      case '*':
      case '+':
      case '?':
        reader.at--;
        throw reader.error('a quantifier has nothing to repeat');
      default:
        return byteNode(letter.charCodeAt(0), flags);
    }
  }

  #group(flags: PatternFlags): PatternNode {
    const reader = this.#reader;
    if (++this.#depth > MAX_DEPTH) throw reader.error(`parentheses nest deeper than ${MAX_DEPTH}`);
    const node = this.#groupBody(flags);
    this.#depth--;
    return node;
  }

  #close(flags: PatternFlags): PatternNode {
    const item = this.#alternatives(flags);
    if (!this.#reader.skip(')')) throw this.#reader.error('a parenthesis is not closed');
    return item;
  }

  #groupBody(flags: PatternFlags): PatternNode {
    const reader = this.#reader;
    if (reader.startsWith('*')) throw reader.error('verbs (*…) are not supported');
    if (!reader.skip('?')) {
      if (flags.hasNoAutoCapture) return this.#close(flags);
      const index = ++this.#opened;
      return { kind: 'capture', index, item: this.#close(flags) };
    }
    if (reader.skip(':')) return this.#close(flags);
    if (reader.skip('>')) return { kind: 'atomic', item: this.#close(flags) };
    if (reader.skip('=')) return look(true, false, this.#close(flags));
    if (reader.skip('!')) return look(true, true, this.#close(flags));
    if (reader.skip('<=')) return look(false, false, this.#close(flags));
    if (reader.skip('<!')) return look(false, true, this.#close(flags));
    const scoped = reader.take(/\^?[imsxnUJ]*(?:-[imsxnUJ]*)?:/y);
    if (scoped !== null) return this.#close(this.#withFlags(flags, scoped.slice(0, -1)));
    const name = reader.take(/P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*'/y);
    if (name !== null) {
      const index = ++this.#opened;
      const word = name.replace(/^P?<|[>']/g, '');
      if (!this.#names.has(word)) this.#names.set(word, index);
      return { kind: 'capture', index, item: this.#close(flags) };
    }
    const earlier = reader.take(/P=\w+/y);
    if (earlier !== null) {
      if (!reader.skip(')')) throw reader.error('a parenthesis is not closed');
      return this.#named(earlier.slice(2), flags);
    }
    if (reader.startsWith('|')) throw reader.error('branch reset (?|…) is not supported');
    if (reader.startsWith('(')) throw reader.error('conditions (?(…)…) are not supported');
    if (reader.startsWith('C')) throw reader.error('callouts (?C) are not supported');
    if (reader.take(/[R&]|P>|[+-]?\d/y) !== null) throw reader.error('recursion is not supported');
    throw reader.error('what follows (? is not known');
  }

  #named(name: string, flags: PatternFlags): PatternNode {
    const index = this.#known === null ? 1 : this.#known.#names.get(name);
    if (index === undefined) throw this.#reader.error(`there is no group called ${name}`);
    return this.#numbered(index, flags);
  }

  #numbered(index: number, flags: PatternFlags): PatternNode {
    this.hasReferences = true;
    if (this.#known !== null && (index < 1 || index > this.#known.#opened))
      throw this.#reader.error(`there is no group ${index}`);
    return { kind: 'back-reference', index, ignoresCase: flags.ignoresCase };
  }

  #escape(flags: PatternFlags): PatternNode {
    const reader = this.#reader;
    const letter = reader.next();
    const members = escapedClasses.get(letter);
    if (members !== undefined) return set(members);
    switch (letter) {
      case 'b':
        return { kind: 'assertion', assertion: 'word-boundary' };
      case 'B':
        return { kind: 'assertion', assertion: 'no-word-boundary' };
      case 'A':
      case 'G':
        return { kind: 'assertion', assertion: 'subject-start' };
      case 'z':
        return { kind: 'assertion', assertion: 'subject-end' };
      case 'Z':
        return { kind: 'assertion', assertion: 'subject-end-or-last-newline' };
      case 'N':
        if (reader.startsWith('{')) throw reader.error('\\N{…} is not supported');
        return set(notNewline);
      case 'R':
        return newlineSequence;
      case 'C':
        return set(anyByte);
      case 'K':
        throw reader.error('\\K is not supported');
      case 'p':
      case 'P':
      case 'X':
        throw reader.error(`\\${letter} needs Unicode, but expressions see bytes`);
      case 'g':
        return this.#groupReference(flags);
      case 'k': {
        const name = reader.take(/\{\w+\}|<\w+>|'\w+'/y);
        if (name === null) throw reader.error('\\k wants the name of a group');
        return this.#named(name.slice(1, -1), flags);
      }
    }
    if (/[1-9]/.test(letter)) return this.#digits(letter, flags);
    const byte = reader.escapedByte(letter);
    if (byte === null) throw reader.error(`\\${letter} has no meaning`);
    return byteNode(byte, flags);
  }

  #groupReference(flags: PatternFlags): PatternNode {
    const reader = this.#reader;
    if (/[<']/.test(reader.peek())) throw reader.error('recursion is not supported');
    const text = reader.take(/\{[+-]?\d+\}|\{\w+\}|[+-]?\d+/y);
    if (text === null) throw reader.error('\\g wants the number or name of a group');
    const name = text.replace(/[{}]/g, '');
    if (!/^[+-]?\d+$/.test(name)) return this.#named(name, flags);
    const number = Number(name);
    if (name.startsWith('-')) return this.#numbered(this.#opened + 1 + number, flags);
    return this.#numbered(name.startsWith('+') ? this.#opened + number : number, flags);
  }

  /** `\1` to `\9` and numbers of groups that exist are references, the rest is octal. */
  #digits(first: string, flags: PatternFlags): PatternNode {
    const reader = this.#reader;
    const start = reader.at;
    const number = Number(first + (reader.take(/\d*/y) ?? ''));
    this.hasReferences = true;
    if (number < 10 || first >= '8' || (this.#known !== null && number <= this.#known.#opened))
      return this.#numbered(number, flags);
    reader.at = start;
    return byteNode(reader.octalByte(first), flags);
  }
}
