// Structured field values (RFC 9651): dictionaries, lists, items, parsed strictly and written back in their one canonical
// form. Dates and display strings are not among them: no field that the gate reads has any.

export type BareItem =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'decimal'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'token'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Buffer }
  | { readonly kind: 'boolean'; readonly value: boolean };

export type Parameters = ReadonlyMap<string, BareItem>;

export interface Item {
  readonly kind: 'item';
  readonly value: BareItem;
  readonly parameters: Parameters;
}

export interface InnerList {
  readonly kind: 'list';
  readonly items: readonly Item[];
  readonly parameters: Parameters;
}

export type Member = Item | InnerList;

/** Longest text read, characters: a head may not be much larger. */
const MAX_LENGTH = 16_384;

/** Ends the parsing of a text that is not well formed. */
class Malformed extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  peek(): string {
    return this.#text[this.#at] ?? '';
  }

  take(expression: RegExp): string {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#text);
    if (match === null) throw new Malformed();
    this.#at = expression.lastIndex;
    return match[0];
  }

  expect(character: string): void {
    if (this.peek() !== character) throw new Malformed();
    this.#at++;
  }

  /** Takes `character` if it comes next. */
  has(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  skip(expression: RegExp): void {
    expression.lastIndex = this.#at;
    if (expression.test(this.#text)) this.#at = expression.lastIndex;
  }
}

const spaces = / +/y;
const blanks = /[ \t]+/y;
const keyText = /[a-z*][a-z0-9_\-.*]*/y;
const numberText = /-?\d+(?:\.\d+)?/y;
const stringText = /"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y;
const tokenText = /[A-Za-z*][!#$%&'*+\-.^_`|~:/A-Za-z0-9]*/y;
const bytesText = /:[A-Za-z0-9+/]*={0,2}:/y;
const booleanText = /\?[01]/y;

function bareItem(reader: Reader): BareItem {
  const next = reader.peek();
  if (next === '"') {
    const text = reader.take(stringText);
    return { kind: 'string', value: text.slice(1, -1).replace(/\\(.)/g, '$1') };
  }
  if (next === ':') {
    const text = reader.take(bytesText).slice(1, -1);
    const value = Buffer.from(text, 'base64');
    if (value.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, '')) throw new Malformed();
    return { kind: 'bytes', value };
  }
  if (next === '?') return { kind: 'boolean', value: reader.take(booleanText) === '?1' };
  if (next === '-' || (next >= '0' && next <= '9')) {
    const text = reader.take(numberText);
    const [whole, fraction] = text.replace('-', '').split('.') as [string, string?];
    if (fraction === undefined ? whole.length > 15 : whole.length > 12 || fraction.length > 3)
      throw new Malformed();
    return { kind: fraction === undefined ? 'integer' : 'decimal', value: Number(text) };
  }
  return { kind: 'token', value: reader.take(tokenText) };
}

function parameters(reader: Reader): Parameters {
  const found = new Map<string, BareItem>();
  while (reader.has(';')) {
    reader.skip(spaces);
    const key = reader.take(keyText);
    const value: BareItem = reader.has('=') ? bareItem(reader) : { kind: 'boolean', value: true };
    found.delete(key);
    found.set(key, value);
  }
  return found;
}

function item(reader: Reader): Item {
  const value = bareItem(reader);
  return { kind: 'item', value, parameters: parameters(reader) };
}

function member(reader: Reader): Member {
  if (!reader.has('(')) return item(reader);
  const items: Item[] = [];
  for (;;) {
    reader.skip(spaces);
    if (reader.has(')')) break;
    items.push(item(reader));
    if (reader.peek() !== ' ' && reader.peek() !== ')') throw new Malformed();
  }
  return { kind: 'list', items, parameters: parameters(reader) };
}

/** Members of a dictionary by key, in order; null for what is none, and for a key that stands twice. */
export function parseDictionary(text: string): ReadonlyMap<string, Member> | null {
  if (text.length > MAX_LENGTH) return null;
  const reader = new Reader(text);
  const found = new Map<string, Member>();
  try {
    reader.skip(spaces);
    while (!reader.done) {
      const key = reader.take(keyText);
      // RFC 9651 lets the last one win; two readers that disagree about it would see two different requests.
      if (found.has(key)) return null;
      found.set(
        key,
        reader.has('=')
          ? member(reader)
          : { kind: 'item', value: { kind: 'boolean', value: true }, parameters: parameters(reader) },
      );
      reader.skip(blanks);
      if (reader.done) break;
      reader.expect(',');
      reader.skip(blanks);
      if (reader.done) return null;
    }
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
  return found;
}

function writeBare(value: BareItem): string {
  switch (value.kind) {
    case 'integer':
      return String(value.value);
    case 'decimal': {
      const text = String(Math.round(value.value * 1000) / 1000);
      return text.includes('.') ? text : `${text}.0`;
    }
    case 'string':
      return `"${value.value.replace(/["\\]/g, '\\$&')}"`;
    case 'token':
      return value.value;
    case 'bytes':
      return `:${value.value.toString('base64')}:`;
    case 'boolean':
      return value.value ? '?1' : '?0';
  }
}

export function writeParameters(values: Parameters): string {
  let out = '';
  for (const [key, value] of values) {
    out += `;${key}`;
    if (!(value.kind === 'boolean' && value.value)) out += `=${writeBare(value)}`;
  }
  return out;
}

/** The canonical text of an item or inner list. */
export function writeMember(value: Member): string {
  if (value.kind === 'item') return writeBare(value.value) + writeParameters(value.parameters);
  return `(${value.items.map(writeMember).join(' ')})${writeParameters(value.parameters)}`;
}
