// `[…]` of PCRE as a set of bytes.
import { escapedClasses, posixClasses } from './byte-classes.ts';
import type { Reader } from './reader.ts';
import { addAll, type ByteSet, complement, foldCase } from './syntax.ts';

interface ClassFlags {
  readonly ignoresCase: boolean;
  /** `(?xx)`: space and tab mean nothing. */
  readonly skipsBlanks: boolean;
}

const HYPHEN = 45;

/** A class whose `[` was read. */
export function parseClass(reader: Reader, flags: ClassFlags): ByteSet {
  const set = new Uint8Array(256);
  const isNegated = reader.skip('^');
  const items = new ClassItems(reader, flags);
  for (let isFirst = true; ; isFirst = false) {
    const item = items.next(isFirst);
    if (item === null) break;
    if (typeof item !== 'number') {
      addAll(set, item);
      continue;
    }
    set[item] = 1;
    if (!items.skipHyphen()) continue;
    const high = items.next(false);
    if (typeof high === 'number') {
      if (high < item) throw reader.error('a range in a class is out of order');
      set.fill(1, item, high + 1);
      continue;
    }
    // `[a-]` and `[a-\d]`: the hyphen is one.
    set[HYPHEN] = 1;
    if (high === null) break;
    addAll(set, high);
  }
  const folded = flags.ignoresCase ? foldCase(set) : set;
  return isNegated ? complement(folded) : folded;
}

/** The members of a class one by one: a byte, or the set of a named class. */
class ClassItems {
  readonly #reader: Reader;
  readonly #flags: ClassFlags;
  #isQuoted = false;

  constructor(reader: Reader, flags: ClassFlags) {
    this.#reader = reader;
    this.#flags = flags;
  }

  #skipNothing(): void {
    const reader = this.#reader;
    for (;;) {
      if (this.#isQuoted) {
        if (!reader.skip('\\E')) return;
        this.#isQuoted = false;
      } else if (reader.skip('\\Q')) this.#isQuoted = true;
      else if (reader.skip('\\E')) continue;
      else if (this.#flags.skipsBlanks && /[ \t]/.test(reader.peek())) reader.at++;
      else return;
    }
  }

  skipHyphen(): boolean {
    this.#skipNothing();
    return !this.#isQuoted && this.#reader.skip('-');
  }

  /** Null at the `]` that ends the class, which is stepped over. */
  next(isFirst: boolean): number | ByteSet | null {
    this.#skipNothing();
    const reader = this.#reader;
    if (reader.isDone) throw reader.error('a class [ is not closed');
    if (this.#isQuoted) return reader.next().charCodeAt(0);
    if (!isFirst && reader.skip(']')) return null;
    const posix = reader.take(/\[:\^?[a-zA-Z]*:\]/y);
    if (posix !== null) {
      const name = posix.replace(/[^a-zA-Z]/g, '');
      const members = posixClasses.get(name);
      if (members === undefined) throw reader.error(`there is no class [:${name}:]`);
      return posix[2] === '^' ? complement(members) : members;
    }
    if (reader.take(/\[([.=])(?:\\[\]\\]|(?!\[\1)[^\]])*?\1\]/y) !== null)
      throw reader.error('collating elements [.….] and [=…=] are not supported');
    const letter = reader.next();
    if (letter !== '\\') return letter.charCodeAt(0);
    const escaped = reader.next();
    if (escaped === 'b') return 8;
    if (/[1-7]/.test(escaped)) return reader.octalByte(escaped);
    const members = escapedClasses.get(escaped);
    if (members !== undefined) return members;
    const byte = reader.escapedByte(escaped);
    if (byte === null) throw reader.error(`\\${escaped} has no meaning in a class`);
    return byte;
  }
}
