// JSON (RFC 8259, strict) as flat arguments: `json.user.name`, `json.list.array_0`. A member that stands twice is kept
// twice, since servers differ on which one counts. Numbers stay as they are written; texts become UTF-8 bytes.
import type { BodyLimits, ParsedBody } from '../contract.ts';
import { isUtf8, utf8Bytes } from '../transformations/utf8.ts';
import { BodyBuilder } from './parsed.ts';

export function parseJsonBody(body: string, limits: BodyLimits): ParsedBody {
  const builder = new BodyBuilder(limits.maxArguments);
  if (!isUtf8(body)) builder.fail('JSON: the text is not valid UTF-8');
  else if (body !== '') new JsonParser(body, limits.maxDepth, builder).parse();
  return builder.done();
}

/** Characters of a text that mean themselves. */
const plainRun = /[^"\\\0-\x1f]*/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

interface Level {
  /** Path of the object or array itself. */
  readonly path: string;
  readonly isArray: boolean;
  /** Elements of the array so far. */
  index: number;
}

class JsonParser {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #builder: BodyBuilder;
  #at = 0;

  constructor(text: string, maxDepth: number, builder: BodyBuilder) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#builder = builder;
  }

  /** One value and nothing after it. Keeps its own stack: how deep a client nests is no matter of ours. */
  parse(): boolean {
    const levels: Level[] = [];
    let path: string | null = 'json';
    for (;;) {
      if (path !== null) {
        const code = this.#next();
        if (code === 123 || code === 91) {
          if (levels.length >= this.#maxDepth) return this.#fail(`nests deeper than ${this.#maxDepth}`);
          this.#at++;
          levels.push({ path, isArray: code === 91, index: 0 });
          path = this.#first(levels);
          if (path === '') return false;
          continue;
        }
        const value = this.#scalar(code);
        if (value === null) return this.#fail('a value is missing or not one of JSON');
        if (!this.#builder.add(path, value)) return false;
      }
      // After a value: the level goes on, or ends, and then the one above is after a value.
      if (levels.length === 0) break;
      path = this.#after(levels);
      if (path === '') return false;
    }
    return this.#next() < 0 ? true : this.#fail('something follows the value');
  }

  /** Path of the first value of a level just opened; null when it is empty, '' after an error. */
  #first(levels: Level[]): string | null {
    const level = levels[levels.length - 1]!;
    if (this.#next() === (level.isArray ? 93 : 125)) {
      this.#at++;
      levels.pop();
      return null;
    }
    return this.#path(level);
  }

  /** As `#first`, after a value of the innermost level. */
  #after(levels: Level[]): string | null {
    const level = levels[levels.length - 1]!;
    const code = this.#next();
    if (code === (level.isArray ? 93 : 125)) {
      this.#at++;
      levels.pop();
      return null;
    }
    if (code !== 44) {
      this.#fail(level.isArray ? 'a list wants , or ]' : 'an object wants , or }');
      return '';
    }
    this.#at++;
    return this.#path(level);
  }

  #path(level: Level): string {
    if (level.isArray) return `${level.path}.array_${level.index++}`;
    if (this.#next() !== 34) {
      this.#fail('a member wants a name in quotes');
      return '';
    }
    const name = this.#string();
    if (name === null) return '';
    if (this.#next() !== 58) {
      this.#fail('a member wants : after its name');
      return '';
    }
    this.#at++;
    return `${level.path}.${name === '' ? 'empty-key' : name}`;
  }

  /** Code of the next character that is no space, or -1. */
  #next(): number {
    const text = this.#text;
    for (; this.#at < text.length; this.#at++) {
      const code = text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return code;
    }
    return -1;
  }

  #scalar(code: number): string | null {
    if (code === 34) return this.#string();
    const word = code === 116 ? 'true' : code === 102 ? 'false' : code === 110 ? 'null' : null;
    if (word !== null) {
      if (!this.#text.startsWith(word, this.#at)) return null;
      this.#at += word.length;
      return word === 'null' ? '' : word;
    }
    number.lastIndex = this.#at;
    const digits = number.exec(this.#text);
    if (digits === null) return null;
    this.#at += digits[0].length;
    return digits[0];
  }

  #string(): string | null {
    const text = this.#text;
    let at = this.#at + 1;
    let out = '';
    for (;;) {
      plainRun.lastIndex = at;
      plainRun.test(text);
      const end = plainRun.lastIndex;
      if (end > at) out += text.slice(at, end);
      const stop = text[end];
      if (stop === '"') {
        this.#at = end + 1;
        return out;
      }
      if (stop !== '\\') return this.#null(end, 'a text is not closed, or holds a control character');
      const letter = text[end + 1] ?? '';
      const plain = escapes[letter];
      if (plain !== undefined) {
        out += plain;
        at = end + 2;
        continue;
      }
      const unit = letter === 'u' ? this.#unit(end + 2) : -1;
      if (unit < 0) return this.#null(end, 'a text holds an escape that JSON does not know');
      at = end + 6;
      const isHigh = unit >= 0xd800 && unit < 0xdc00;
      const low = isHigh && text.startsWith('\\u', at) ? this.#unit(at + 2) : -1;
      if (low >= 0xdc00 && low < 0xe000) {
        out += utf8Bytes(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        at += 6;
      } else out += unit >= 0xd800 && unit < 0xe000 ? '?' : utf8Bytes(unit);
    }
  }

  #unit(at: number): number {
    const digits = this.#text.slice(at, at + 4);
    return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
  }

  #null(at: number, message: string): null {
    this.#at = at;
    this.#fail(message);
    return null;
  }

  #fail(message: string): false {
    return this.#builder.fail(`JSON: ${message} (at byte ${this.#at})`);
  }
}
