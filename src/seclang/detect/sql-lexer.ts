// HOT. The tokens of SQL as the common databases read it, a superset of their dialects: what any of them takes for a comment, a
// string or an operator is one here. Nothing is cut out of the value: a token is a kind, a word of the table, and two offsets.
import {
  BACKSLASH,
  BACKTICK,
  classes,
  DIGIT,
  DOLLAR,
  DOUBLE_QUOTE,
  isDigit,
  isHexDigit,
  isWordByte,
  QUOTE,
  SPACE,
  WORD,
} from './sql-bytes.ts';
import { FunctionWeight, findWord, hashStep, Kind, kindOfWord, weightOfWord } from './sql-words.ts';

export class SqlLexer {
  /** The token read last: its kind, its number in the table of words or 0, its offsets. */
  kind: number = Kind.end;
  word = 0;
  start = 0;
  end = 0;
  #text = '';
  #length = 0;
  #position = 0;
  #mayDelimit = true;
  /** Comments that end inside of the value. */
  comments = 0;
  /** Quote that the last string of the value lacks; 0 when all are closed. */
  openQuote = 0;
  /** Offset of the text of the comment that runs to the end. */
  commentStart = 0;
  /** Tokens read, for the test that reading is linear. */
  steps = 0;

  load(text: string, position: number): void {
    this.#text = text;
    this.#length = text.length;
    this.#position = position;
    this.#mayDelimit = true;
    this.comments = 0;
    this.openQuote = 0;
    this.commentStart = 0;
  }

  /** Lets go of the value. */
  unload(): void {
    this.#text = '';
  }

  get length(): number {
    return this.#length;
  }

  /** 0 after the end. */
  byte(offset: number): number {
    return offset < this.#length ? this.#text.charCodeAt(offset) & 0xff : 0;
  }

  /** Whether the byte comes up from `from` on. */
  has(code: number, from: number): boolean {
    return this.#text.indexOf(String.fromCharCode(code), from) >= 0;
  }

  #put(kind: number, word: number, start: number, end: number): void {
    this.kind = kind;
    this.word = word;
    this.start = start;
    this.end = end;
    this.#position = end;
  }

  /** Reads the next token; at the end it is `end` for ever. */
  read(): void {
    this.steps++;
    for (;;) {
      const at = this.#position;
      if (at >= this.#length) {
        this.#put(Kind.end, 0, at, at);
        return;
      }
      const code = this.byte(at);
      const cls = classes[code]!;
      if (cls === SPACE) {
        this.#position = at + 1;
        continue;
      }
      if ((cls & DIGIT) !== 0) return this.#number(at);
      if (cls === WORD) return this.#wordAt(at);
      const next = this.byte(at + 1);
      switch (code) {
        case 0x2d: // -
          if (next === 0x2d) {
            if (this.#lineComment(at + 2)) return;
            continue;
          }
          if (next === 0x3e)
            return this.#put(Kind.operator, 0, at, at + (this.byte(at + 2) === 0x3e ? 3 : 2));
          return this.#put(Kind.sign, 0, at, at + 1);
        case 0x23: // #
          if (this.#lineComment(at + 1)) return;
          continue;
        case 0x2f: // /
          if (next === 0x2a) {
            if (this.#blockComment(at)) return;
            continue;
          }
          return this.#put(Kind.operator, 0, at, at + 1);
        case 0x2a: // *
          if (next === 0x2f && this.byte(at + 2) !== 0x2a) {
            this.#position = at + 2;
            continue;
          }
          // The media range of any type, unless the comment ends or is MySQL's.
          if (next === 0x2f && this.byte(at + 3) !== 0x21 && this.#text.indexOf('*/', at + 3) < 0)
            return this.#put(Kind.other, 0, at, this.#length);
          return this.#put(Kind.star, 0, at, at + 1);
        case QUOTE:
        case DOUBLE_QUOTE:
          return this.#string(at, at + 1, code);
        case BACKTICK:
          return this.#quotedName(at);
        case 0x5b: // [
          return this.#bracketName(at);
        case 0x40: // @
          return this.#variable(at);
        case DOLLAR:
          return this.#dollar(at);
        case BACKSLASH:
          if (next === 0x4e && !isWordByte(this.byte(at + 2))) return this.#put(Kind.number, 0, at, at + 2);
          this.#position = at + 1;
          continue;
        case 0x7b: // ODBC's `{d '…'}` and MySQL's `{name expression}` stand for their inside.
          return this.#brace(at);
        case 0x7d:
          return this.#put(Kind.close, 0, at, at + 1);
        case 0x28:
          return this.#put(Kind.open, 0, at, at + 1);
        case 0x29:
          return this.#put(Kind.close, 0, at, at + 1);
        case 0x2c:
          return this.#put(Kind.comma, 0, at, at + 1);
        case 0x3b:
          return this.#put(Kind.semicolon, 0, at, at + 1);
        case 0x2e: // .
          if (isDigit(next)) return this.#number(at);
          return this.#put(Kind.other, 0, at, at + 1);
        default:
          return this.#operator(at, code, next);
      }
    }
  }

  /** Whether the comment is the last token. */
  #lineComment(start: number): boolean {
    const end = this.#text.indexOf('\n', start);
    if (end >= 0) {
      this.comments++;
      this.#position = end + 1;
      return false;
    }
    this.commentStart = start;
    this.#put(Kind.comment, 0, start, this.#length);
    return true;
  }

  #blockComment(at: number): boolean {
    if (this.byte(at + 2) === 0x21) {
      let from = at + 3;
      while (isDigit(this.byte(from))) from++;
      this.comments++;
      this.#position = from;
      return false;
    }
    const end = this.#text.indexOf('*/', at + 2);
    if (end >= 0) {
      this.comments++;
      this.#position = end + 2;
      return false;
    }
    this.commentStart = at + 2;
    this.#put(Kind.comment, 0, at, this.#length);
    return true;
  }

  /** A string whose text begins at `from`. A quote in it is doubled or escaped. */
  #string(at: number, from: number, quote: number): void {
    const text = this.#text;
    let i = from;
    while (i < this.#length) {
      const code = text.charCodeAt(i);
      if (code === BACKSLASH) i += 2;
      else if (code !== quote) i++;
      else if (this.byte(i + 1) === quote) i += 2;
      else {
        this.#put(Kind.string, 0, at, i + 1);
        return;
      }
    }
    this.openQuote = quote;
    this.#put(Kind.string, 0, at, this.#length);
  }

  #quotedName(at: number): void {
    const end = this.#text.indexOf('`', at + 1);
    if (end < 0) {
      this.openQuote = BACKTICK;
      this.#put(Kind.string, 0, at, this.#length);
    } else this.#afterName(at, end + 1, 0);
  }

  /** SQL Server's `[name]`. */
  #bracketName(at: number): void {
    let end = at + 1;
    while (isWordByte(this.byte(end)) || this.byte(end) === 0x20) end++;
    if (end > at + 1 && this.byte(end) === 0x5d) this.#afterName(at, end + 1, 0);
    else this.#put(Kind.other, 0, at, at + 1);
  }

  #brace(at: number): void {
    let end = at + 1;
    while (classes[this.byte(end)] === SPACE && end < this.#length) end++;
    const from = end;
    while (isWordByte(this.byte(end))) end++;
    this.#put(end > from ? Kind.open : Kind.other, 0, at, Math.max(end, at + 1));
  }

  #variable(at: number): void {
    let end = at + 1;
    if (this.byte(end) === 0x40) end++;
    const quote = this.byte(end);
    if (quote === QUOTE || quote === DOUBLE_QUOTE || quote === BACKTICK) {
      const close = this.#text.indexOf(String.fromCharCode(quote), end + 1);
      return this.#put(Kind.variable, 0, at, close < 0 ? this.#length : close + 1);
    }
    if (this.byte(end) === 0x3e) return this.#put(Kind.operator, 0, at, end + 1); // @>
    for (let code = this.byte(end); end < this.#length; code = this.byte(++end))
      if (!isWordByte(code) && code !== 0x2e && code !== DOLLAR && !(code === 0x23 && end === at + 1)) break;
    this.#put(Kind.variable, 0, at, end);
  }

  /** PostgreSQL's `$$…$$` and `$tag$…$tag$`, and an amount of money. */
  #dollar(at: number): void {
    let end = at + 1;
    while (isWordByte(this.byte(end))) end++;
    if (this.byte(end) !== DOLLAR) {
      const kind = isDigit(this.byte(at + 1)) ? Kind.number : Kind.name;
      if (end === at + 1) this.#put(Kind.other, 0, at, end);
      else this.#put(kind, 0, at, end);
      return;
    }
    const tag = this.#text.slice(at, end + 1);
    const close = this.#text.indexOf(tag, end + 1);
    if (close < 0) this.openQuote = DOLLAR;
    this.#put(Kind.string, 0, at, close < 0 ? this.#length : close + tag.length);
  }

  #number(at: number): void {
    let end = at;
    const second = this.byte(at + 1) | 0x20;
    if (this.byte(at) === 0x30 && second === 0x78) {
      end = at + 2;
      while (isHexDigit(this.byte(end))) end++;
      if (end > at + 2) return this.#put(Kind.number, 0, at, end);
    } else if (this.byte(at) === 0x30 && second === 0x62) {
      end = at + 2;
      while ((this.byte(end) & 0xfe) === 0x30) end++;
      if (end > at + 2 && !isWordByte(this.byte(end))) return this.#put(Kind.number, 0, at, end);
    }
    end = at;
    while (isDigit(this.byte(end))) end++;
    const isWhole = this.byte(end) !== 0x2e;
    if (!isWhole) {
      end++;
      while (isDigit(this.byte(end))) end++;
    }
    if ((this.byte(end) | 0x20) === 0x65) {
      let digits = end + 1;
      if (this.byte(digits) === 0x2b || this.byte(digits) === 0x2d) digits++;
      const from = digits;
      while (isDigit(this.byte(digits))) digits++;
      if (digits > from) return this.#put(Kind.number, 0, at, digits);
    }
    if (!isWordByte(this.byte(end))) return this.#put(Kind.number, 0, at, end);
    // `1or`, `1.union`: a keyword may follow at once. Anything else makes the whole a name, as in MySQL.
    let hash = 0;
    let stop = end;
    for (let code = this.byte(stop); isWordByte(code); code = this.byte(++stop)) hash = hashStep(hash, code);
    const isKeyword = findWord(this.#text, end, stop, hash) > 0;
    const suffix = this.byte(end) | 0x20;
    if (!isKeyword && (suffix === 0x66 || suffix === 0x64)) {
      // Oracle's `1f` and `1d`, again with a keyword at once.
      let rest = 0;
      for (let i = end + 1; i < stop; i++) rest = hashStep(rest, this.byte(i));
      if (findWord(this.#text, end + 1, stop, rest) > 0) return this.#put(Kind.number, 0, at, end + 1);
    }
    if (!isWhole || isKeyword) return this.#put(Kind.number, 0, at, end);
    this.#afterName(at, stop, 0);
  }

  #wordAt(at: number): void {
    let end = at;
    let hash = 0;
    for (let code = this.byte(end); isWordByte(code) || code === DOLLAR; code = this.byte(++end))
      hash = hashStep(hash, code);
    const quote = this.byte(end);
    if (quote === QUOTE && this.#isPrefix(at, end)) return this.#prefixedString(at, end);
    if (quote === 0x26 && end === at + 1 && (this.byte(at) | 0x20) === 0x75 && this.byte(end + 1) === QUOTE)
      return this.#string(at, end + 2, QUOTE); // U&'…'
    if (this.byte(at) === 0x5f) {
      // A character set before a string: `_latin1 'x'`.
      let from = end;
      while (classes[this.byte(from)] === SPACE && from < this.#length) from++;
      if (this.byte(from) === QUOTE) return this.#string(at, from + 1, QUOTE);
    }
    const word = findWord(this.#text, at, end, hash);
    const isJoined = this.byte(end) === 0x2e && (word === 0 || !isDigit(this.byte(end + 1)));
    if (isJoined) return this.#afterName(at, end, word);
    this.#put(kindOfWord(word), word, at, end);
  }

  /** `N'…'`, `E'…'`, `X'…'`, `B'…'`, Oracle's `q'…'` and `nq'…'`. */
  #isPrefix(at: number, end: number): boolean {
    const first = this.byte(at) | 0x20;
    if (end === at + 1)
      return first === 0x6e || first === 0x65 || first === 0x78 || first === 0x62 || first === 0x71;
    return end === at + 2 && first === 0x6e && (this.byte(at + 1) | 0x20) === 0x71;
  }

  #prefixedString(at: number, end: number): void {
    if ((this.byte(end - 1) | 0x20) !== 0x71) return this.#string(at, end + 1, QUOTE);
    const opening = this.#text[end + 1] ?? '';
    const index = '[({<'.indexOf(opening);
    const closing = opening === '' || index < 0 ? opening : '])}>'[index]!;
    const close = this.#mayDelimit && opening !== '' ? this.#text.indexOf(`${closing}'`, end + 2) : -1;
    if (close < 0) {
      this.#mayDelimit = false; // Looked for once only: each search may run to the end of the value.
      return this.#string(at, end + 1, QUOTE);
    }
    this.#put(Kind.string, 0, at, close + 2);
  }

  /** The rest of `schema.table.column` after a first part that ends at `end`; a call of a known function keeps its word. */
  #afterName(at: number, end: number, first: number): void {
    let word = first;
    let hasParts = false;
    while (this.byte(end) === 0x2e) {
      let from = end + 1;
      while (this.byte(from) === 0x2e) from++;
      let stop = from;
      let hash = 0;
      if (this.byte(from) === 0x5b) {
        while (isWordByte(this.byte(++stop)));
        if (this.byte(stop) !== 0x5d) break;
        stop++;
      } else if (this.byte(from) === BACKTICK) {
        const close = this.#text.indexOf('`', from + 1);
        if (close < 0) break;
        stop = close + 1;
      } else {
        for (let code = this.byte(stop); isWordByte(code) || code === DOLLAR; code = this.byte(++stop))
          hash = hashStep(hash, code);
        if (stop === from) {
          if (this.byte(from) === 0x2a && hasParts === false) stop = from + 1;
          else break;
        }
      }
      // A method is none of SQL's functions, but `dbo.xp_cmdshell` is.
      word = findWord(this.#text, from, stop, hash);
      if (weightOfWord(word) < FunctionWeight.alarming || !this.#hasUnderscore(from, stop)) word = 0;
      hasParts = true;
      end = stop;
    }
    if (!hasParts) return this.#put(first === 0 ? Kind.name : kindOfWord(first), first, at, end);
    // A call of a package's procedure, `dbms_lock.sleep`, weighs what the package weighs.
    if (word === 0) word = first;
    const isFunction = weightOfWord(word) === FunctionWeight.alarming;
    this.#put(isFunction ? Kind.function : Kind.name, isFunction ? word : 0, at, end);
  }

  #hasUnderscore(from: number, to: number): boolean {
    while (from < to && this.byte(from) !== 0x5f) from++;
    return from < to;
  }

  #operator(at: number, code: number, next: number): void {
    const third = this.byte(at + 2);
    switch (code) {
      case 0x2b: // +
        return this.#put(Kind.sign, 0, at, at + 1);
      case 0x3d: // =
        return this.#put(Kind.comparison, 0, at, at + (next === 0x3d || next === 0x3e ? 2 : 1));
      case 0x3c: // <
        if (next === 0x3d) return this.#put(Kind.comparison, 0, at, at + (third === 0x3e ? 3 : 2));
        if (next === 0x3e) return this.#put(Kind.comparison, 0, at, at + 2);
        if (next === 0x3c) return this.#put(Kind.operator, 0, at, at + 2);
        if (next === 0x40) return this.#put(Kind.operator, 0, at, at + 2);
        return this.#put(Kind.comparison, 0, at, at + 1);
      case 0x3e: // >
        if (next === 0x3d) return this.#put(Kind.comparison, 0, at, at + 2);
        if (next === 0x3e) return this.#put(Kind.operator, 0, at, at + 2);
        return this.#put(Kind.comparison, 0, at, at + 1);
      case 0x21: // !
        if (next === 0x3d || next === 0x3c || next === 0x3e) return this.#put(Kind.comparison, 0, at, at + 2);
        if (next === 0x7e) {
          const width = third === 0x2a ? 3 : 2;
          return this.#put(Kind.comparison, 0, at, at + width);
        }
        return this.#put(Kind.not, 0, at, at + 1);
      case 0x7e: // ~
        if (next === 0x2a) return this.#put(Kind.comparison, 0, at, at + 2);
        return this.#put(Kind.not, 0, at, at + 1);
      case 0x7c: // |
        if (next === 0x7c) return this.#put(Kind.logic, 0, at, at + 2);
        return this.#put(Kind.operator, 0, at, at + 1);
      case 0x26: // &
        if (next === 0x26) return this.#put(Kind.logic, 0, at, at + 2);
        return this.#put(Kind.operator, 0, at, at + 1);
      case 0x25: // %
      case 0x5e: // ^
        return this.#put(Kind.operator, 0, at, at + 1);
      case 0x3a: // :
        if (next === 0x3a) return this.#put(Kind.cast, 0, at, at + 2);
        if (next === 0x3d) return this.#put(Kind.comparison, 0, at, at + 2);
        return this.#put(Kind.other, 0, at, at + 1);
      default:
        return this.#put(Kind.other, 0, at, at + 1);
    }
  }
}
