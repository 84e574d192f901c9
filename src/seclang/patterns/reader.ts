// A cursor over the source of an expression, and what stands for one byte: escapes with a number or a name. Used both
// inside and outside of classes.
import { PatternError } from './syntax.ts';

const namedBytes: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['e', 27],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
]);

export class Reader {
  readonly source: string;
  at = 0;

  constructor(source: string) {
    this.source = source;
  }

  get isDone(): boolean {
    return this.at >= this.source.length;
  }

  peek(): string {
    return this.source[this.at] ?? '';
  }

  next(): string {
    return this.source[this.at++] ?? '';
  }

  startsWith(text: string): boolean {
    return this.source.startsWith(text, this.at);
  }

  skip(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.at += text.length;
    return true;
  }

  /** Text that `pattern` (sticky) matches here, or null. */
  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.source)?.[0] ?? null;
    if (text !== null) this.at += text.length;
    return text;
  }

  /** Everything before `end`, which is stepped over. */
  takeUntil(end: string, what: string): string {
    const close = this.source.indexOf(end, this.at);
    if (close < 0) throw this.error(`${what} is not closed`);
    const text = this.source.slice(this.at, close);
    this.at = close + end.length;
    return text;
  }

  error(message: string): PatternError {
    return new PatternError(message, this.at);
  }

  #byte(digits: string, base: number): number {
    const value = Number.parseInt(digits, base);
    if (!(value <= 255)) throw this.error(`a character of ${digits} (base ${base}) is no byte`);
    return value;
  }

  /**
   * The byte that an escape stands for; the backslash was read and `letter` is what follows. Null when it is not one of
   * those that mean a byte everywhere.
   */
  escapedByte(letter: string): number | null {
    const named = namedBytes.get(letter);
    if (named !== undefined) return named;
    if (letter === 'x') {
      if (this.skip('{')) {
        const digits = this.takeUntil('}', '\\x{').trim();
        if (!/^[0-9a-fA-F]{1,8}$/.test(digits)) throw this.error('\\x{…} wants hexadecimal digits');
        return this.#byte(digits, 16);
      }
      const digits = this.take(/[0-9a-fA-F]{1,2}/y);
      return digits === null ? 0 : this.#byte(digits, 16);
    }
    if (letter === 'o') {
      if (!this.skip('{')) throw this.error('\\o wants a { after it');
      const digits = this.takeUntil('}', '\\o{').trim();
      if (!/^[0-7]{1,11}$/.test(digits)) throw this.error('\\o{…} wants octal digits');
      return this.#byte(digits, 8);
    }
    if (letter === '0') return this.#byte(`0${this.take(/[0-7]{1,2}/y) ?? ''}`, 8);
    if (letter === 'c') {
      const control = this.next();
      if (!/^[ -~]$/.test(control)) throw this.error('\\c wants a printable character after it');
      return control.toUpperCase().charCodeAt(0) ^ 64;
    }
    if (letter === '') throw this.error('a backslash ends the expression');
    return /[0-9A-Za-z]/.test(letter) ? null : letter.charCodeAt(0);
  }

  /** Octal digits as one byte; the first was read. */
  octalByte(first: string): number {
    return this.#byte(first + (this.take(/[0-7]{1,2}/y) ?? ''), 8);
  }
}
