// XML (1.0, fifth edition) as a tree: well-formedness and nothing else. A document type is refused, so there is no entity
// beyond the five and no file or address that could be fetched; so is an encoding whose letters would look otherwise to
// the rules than to the server.
import type { BodyLimits, NamedValue, ParsedBody, XmlElement } from '../contract.ts';
import { isUtf8, utf8Bytes } from '../transformations/utf8.ts';
import { BodyBuilder } from './parsed.ts';

/** Elements and attributes of one document: one of four bytes makes an object of a hundred. */
const MAX_NODES = 100_000;

const encodings: ReadonlySet<string> = new Set([
  'utf-8',
  'us-ascii',
  'ascii',
  'iso-8859-1',
  'latin1',
  'windows-1252',
]);
const entities: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['apos', "'"],
  ['quot', '"'],
]);

const declaration =
  /<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.[0-9]+"|'1\.[0-9]+')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*["']([A-Za-z][A-Za-z0-9._-]*)["'])?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*["'](?:yes|no)["'])?[ \t\r\n]*\?>/y;
const space = /[ \t\r\n]*/y;
const nameStart = ':A-Z_a-z\\x80-\\xff';
const xmlName = new RegExp(`[${nameStart}][${nameStart}0-9.\\-]*`, 'y');
const notCharacter = /[\0-\x08\x0b\x0c\x0e-\x1f]/;

interface OpenElement {
  readonly name: string;
  readonly attributes: NamedValue[];
  readonly children: (XmlElement | string)[];
}

export function parseXmlBody(body: string, limits: BodyLimits): ParsedBody {
  const builder = new BodyBuilder(limits.maxArguments);
  if (body !== '') new XmlParser(body, limits.maxDepth, builder).parse();
  return builder.done();
}

class XmlParser {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #builder: BodyBuilder;
  readonly #open: OpenElement[] = [];
  #at = 0;
  #nodes = 0;

  constructor(text: string, maxDepth: number, builder: BodyBuilder) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#builder = builder;
  }

  parse(): boolean {
    const text = this.#text;
    if (text.startsWith('\xef\xbb\xbf')) this.#at = 3;
    const declared = this.#take(declaration);
    let encoding = 'utf-8';
    if (declared !== null) {
      declaration.lastIndex = this.#at - declared.length;
      encoding = (declaration.exec(text)?.[1] ?? 'utf-8').toLowerCase();
      if (!encodings.has(encoding)) return this.#fail(`the encoding ${encoding} is not supported`);
    }
    if (encoding === 'utf-8' && !isUtf8(text)) return this.#fail('the text is not valid UTF-8');
    if (notCharacter.test(text)) return this.#fail('a control character is not allowed');
    for (;;) {
      const isInside = this.#open.length > 0;
      if (isInside ? !this.#characters() : !this.#space()) return false;
      if (this.#at >= text.length) break;
      if (!this.#markup()) return false;
    }
    if (this.#open.length > 0) return this.#fail(`the element ${this.#open.at(-1)!.name} is not closed`);
    return this.#builder.xml !== null || this.#fail('there is no element');
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return null;
    this.#at += found[0].length;
    return found[0];
  }

  #skip(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** Space outside of the root; anything else there is an error unless it is markup. */
  #space(): boolean {
    this.#take(space);
    if (this.#at >= this.#text.length || this.#text[this.#at] === '<') return true;
    return this.#fail('text outside of the root element');
  }

  /** Text up to the next markup. */
  #characters(): boolean {
    let end = this.#text.indexOf('<', this.#at);
    if (end < 0) end = this.#text.length;
    if (end === this.#at) return true;
    const raw = this.#text.slice(this.#at, end);
    if (raw.includes(']]>')) return this.#fail(']]> in a text');
    const resolved = this.#resolve(raw.replace(/\r\n?/g, '\n'));
    if (resolved === null) return false;
    this.#at = end;
    this.#append(resolved);
    return true;
  }

  #append(child: XmlElement | string): void {
    this.#open.at(-1)!.children.push(child);
  }

  #markup(): boolean {
    if (this.#skip('<!--')) return this.#comment();
    if (this.#skip('<![CDATA[')) return this.#cdata();
    if (this.#text.startsWith('<!', this.#at)) return this.#fail('a document type is not allowed');
    if (this.#skip('<?')) return this.#instruction();
    if (this.#skip('</')) return this.#endTag();
    this.#at++;
    return this.#startTag();
  }

  #comment(): boolean {
    const end = this.#text.indexOf('--', this.#at);
    if (end < 0 || this.#text[end + 2] !== '>') return this.#fail('a comment is not closed, or holds --');
    this.#at = end + 3;
    return true;
  }

  #cdata(): boolean {
    if (this.#open.length === 0) return this.#fail('text outside of the root element');
    const end = this.#text.indexOf(']]>', this.#at);
    if (end < 0) return this.#fail('a CDATA section is not closed');
    this.#append(this.#text.slice(this.#at, end).replace(/\r\n?/g, '\n'));
    this.#at = end + 3;
    return true;
  }

  #instruction(): boolean {
    const target = this.#take(xmlName);
    const end = this.#text.indexOf('?>', this.#at);
    if (target === null || target.toLowerCase() === 'xml' || end < 0)
      return this.#fail('a processing instruction is not well-formed');
    if (end > this.#at && !/[ \t\r\n]/.test(this.#text[this.#at]!))
      return this.#fail('a processing instruction is not well-formed');
    this.#at = end + 2;
    return true;
  }

  #endTag(): boolean {
    const name = this.#take(xmlName);
    this.#take(space);
    const element = this.#open.pop();
    if (element === undefined || name !== element.name || !this.#skip('>'))
      return this.#fail(`the end of an element ${element?.name ?? ''} is not well-formed`);
    return true;
  }

  #startTag(): boolean {
    const name = this.#take(xmlName);
    if (name === null) return this.#fail('an element has no name');
    if (this.#open.length === 0 && this.#builder.xml !== null)
      return this.#fail('there is a second root element');
    if (this.#open.length >= this.#maxDepth) return this.#fail(`nests deeper than ${this.#maxDepth}`);
    if (++this.#nodes > MAX_NODES) return this.#fail(`more than ${MAX_NODES} elements and attributes`);
    const element: OpenElement = { name, attributes: [], children: [] };
    if (this.#open.length === 0) this.#builder.xml = element;
    else this.#append(element);
    const names = new Set<string>();
    for (;;) {
      const gap = this.#take(space)!;
      if (this.#skip('/>')) return true;
      if (this.#skip('>')) {
        this.#open.push(element);
        return true;
      }
      if (gap === '' || !this.#attribute(element, names)) return this.#fail('a start tag is not well-formed');
    }
  }

  #attribute(element: OpenElement, names: Set<string>): boolean {
    const name = this.#take(xmlName);
    if (name === null) return false;
    if (names.has(name)) return this.#fail(`the attribute ${name} stands twice`);
    names.add(name);
    if (++this.#nodes > MAX_NODES) return this.#fail(`more than ${MAX_NODES} elements and attributes`);
    this.#take(space);
    if (!this.#skip('=')) return false;
    this.#take(space);
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'") return false;
    const end = this.#text.indexOf(quote, this.#at + 1);
    if (end < 0) return false;
    const raw = this.#text.slice(this.#at + 1, end);
    if (raw.includes('<')) return this.#fail('< in the value of an attribute');
    const value = this.#resolve(raw.replace(/\r\n|[\t\r\n]/g, ' '));
    if (value === null) return false;
    this.#at = end + 1;
    element.attributes.push({ name, value });
    return true;
  }

  /** `text` with its references resolved, or null after an error. */
  #resolve(text: string): string | null {
    let at = text.indexOf('&');
    if (at < 0) return text;
    let out = '';
    let from = 0;
    for (; at >= 0; at = text.indexOf('&', from)) {
      const end = text.indexOf(';', at);
      const name = end < 0 ? '' : text.slice(at + 1, Math.min(end, at + 32));
      const resolved = entities.get(name) ?? numericReference(name);
      if (resolved === null) {
        this.#fail('a reference is not well-formed, or to an entity that is not defined');
        return null;
      }
      out += text.slice(from, at) + resolved;
      from = end + 1;
    }
    return out + text.slice(from);
  }

  #fail(message: string): false {
    return this.#builder.fail(`XML: ${message} (at byte ${this.#at})`);
  }
}

function numericReference(name: string): string | null {
  const digits = /^#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}))$/.exec(name);
  if (digits === null) return null;
  const code = digits[1] !== undefined ? Number.parseInt(digits[1], 16) : Number(digits[2]);
  const isCharacter =
    code === 9 ||
    code === 10 ||
    code === 13 ||
    (code >= 0x20 && code < 0xd800) ||
    (code >= 0xe000 && code <= 0x10ffff && code !== 0xfffe && code !== 0xffff);
  return isCharacter ? utf8Bytes(code) : null;
}
