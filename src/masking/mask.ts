// Takes fields out of JSON documents, or makes them unreadable, without building objects: one strict pass over the bytes that
// notes what to cut, and one that copies the rest. What is not valid JSON is not answered for: another reader might
// see fields where this one sees none. HOT
import { ClassMasker, MIN_LAST4 } from './class-masker.ts';
import {
  type ClassRule,
  compileRules,
  itemOf,
  type MaskAction,
  type MaskRule,
  type RuleNode,
} from './rules.ts';

export type MaskOutcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'changed'; readonly bytes: Buffer; readonly fields: number }
  | { readonly kind: 'invalid'; readonly problem: 'syntax' | 'too-deep' };

/** Nesting of objects and lists; deeper documents are invalid. The same as for requests. */
const MAX_DEPTH = 64;

const encoder = new TextEncoder();

/** Compiles rules; null when there are none. */
export function compileMask(rules: readonly MaskRule[], classRules: readonly ClassRule[] = []): Mask | null {
  if (rules.length === 0 && classRules.length === 0) return null;
  return new Mask(
    compileRules(rules),
    classRules.length === 0 ? null : new ClassMasker(classRules),
    rules.length > 0,
  );
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Bytes of text that stand for themselves. */
const plain = new Uint8Array(256).fill(1, 0x20);
plain[QUOTE] = 0;
plain[BACKSLASH] = 0;

/** Characters that may follow a backslash, but `u`. */
const escapes = new Uint8Array(128);
for (const character of '"\\/bfnrt') escapes[character.charCodeAt(0)] = 1;
const hexDigits = new Uint8Array(128);
for (const character of '0123456789abcdefABCDEF') hexDigits[character.charCodeAt(0)] = 1;

/** Where a syntax error was found, in place of a position. */
const BAD = -1;
const DEEP = -2;

const unchanged: MaskOutcome = { kind: 'unchanged' };
const redacted = encoder.encode('"***"');
const nothing = encoder.encode('null');
const lastFour = encoder.encode('"***1234"');
const noBytes = new Uint8Array(0);

export class Mask {
  /** Whether it masks places of a document, which other texts do not have. */
  readonly masksFields: boolean;
  /** Whether it masks data of classes, which any text may have. */
  readonly masksClasses: boolean;
  readonly #root: RuleNode;
  /** Masks data of classes; null when there are none to mask. */
  readonly #classes: ClassMasker | null;
  #bytes: Uint8Array = noBytes;
  #end = 0;
  /** What to leave out, as start and end, in order, and what stands there instead. */
  #cuts: number[] = [];
  #texts: Uint8Array[] = [];
  #fields = 0;

  constructor(root: RuleNode, classes: ClassMasker | null, masksFields: boolean) {
    this.#root = root;
    this.#classes = classes;
    this.masksFields = masksFields;
    this.masksClasses = classes !== null;
  }

  /** Masks one JSON document in UTF-8. The answer's bytes are new; `bytes` is not changed. */
  run(bytes: Uint8Array): MaskOutcome {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.#cuts = [];
    this.#texts = [];
    this.#fields = 0;
    const start = this.#blank(0);
    const after = this.#value(start, this.#root, 0);
    const end = after < 0 ? after : this.#blank(after);
    this.#bytes = noBytes;
    if (end === DEEP) return { kind: 'invalid', problem: 'too-deep' };
    if (end !== bytes.length) return { kind: 'invalid', problem: 'syntax' };
    if (this.#fields === 0) return unchanged;
    return { kind: 'changed', bytes: this.#assemble(bytes), fields: this.#fields };
  }

  /** Masks data of the classes in a text that is not JSON, in UTF-8 or any encoding that agrees with it on ASCII. */
  runText(bytes: Uint8Array): MaskOutcome {
    const classes = this.#classes;
    if (classes === null || classes.look(bytes, 0, bytes.length) === 'nothing') return unchanged;
    // Bytes as characters: what is found is ASCII, and the rest comes out as it went in.
    const found = classes.replace(textOf(bytes, 0, bytes.length, 'latin1'));
    if (found === null) return unchanged;
    return { kind: 'changed', bytes: Buffer.from(found.text, 'latin1'), fields: found.count };
  }

  // The pass: each function takes the position of what it reads and answers the position after it, or BAD or DEEP.

  /** A value for which `node` has rules; masks it where `node` says so. */
  #value(at: number, node: RuleNode, depth: number): number {
    const { action } = node;
    if (action !== null && action !== 'drop') {
      const before = this.#texts.length;
      const end = this.#skip(at, depth);
      this.#forget(before);
      if (end >= 0) this.#cut(at, end, this.#maskOf(action, at, end));
      return end;
    }
    const code = this.#bytes[at];
    if (code === OPEN_BRACE) return this.#object(at, node, depth + 1);
    if (code === OPEN_BRACKET) return this.#list(at, node, depth + 1);
    return this.#skip(at, depth);
  }

  #object(open: number, node: RuleNode, depth: number): number {
    if (depth > MAX_DEPTH) return DEEP;
    const bytes = this.#bytes;
    let at = this.#blank(open + 1);
    if (bytes[at] === CLOSE_BRACE) return at + 1;
    let kept = false;
    /** Comma in front of the member, or the brace. */
    let before = open;
    for (;;) {
      if (bytes[at] !== QUOTE) return BAD;
      const cutsBefore = this.#texts.length;
      const nameEnd = this.#text(at);
      if (nameEnd < 0) return nameEnd;
      const child = this.#childOf(node, at + 1, nameEnd - 1);
      at = this.#blank(nameEnd);
      if (bytes[at] !== COLON) return BAD;
      at = this.#blank(at + 1);
      const isDropped = child !== null && child.action === 'drop';
      const end = child === null || isDropped ? this.#skip(at, depth) : this.#value(at, child, depth);
      if (end < 0) return end;
      at = this.#blank(end);
      const isLast = bytes[at] === CLOSE_BRACE;
      if (!isLast && bytes[at] !== COMMA) return BAD;
      if (isDropped) {
        this.#forget(cutsBefore);
        this.#drop(kept, before, at, isLast);
      } else kept = true;
      if (isLast) return at + 1;
      before = at;
      at = this.#blank(at + 1);
    }
  }

  #list(open: number, node: RuleNode, depth: number): number {
    if (depth > MAX_DEPTH) return DEEP;
    const bytes = this.#bytes;
    let at = this.#blank(open + 1);
    if (bytes[at] === CLOSE_BRACKET) return at + 1;
    let kept = false;
    let before = open;
    for (let index = 0; ; index++) {
      const child = itemOf(node, index);
      const cutsBefore = this.#texts.length;
      const isDropped = child !== null && child.action === 'drop';
      const end = child === null || isDropped ? this.#skip(at, depth) : this.#value(at, child, depth);
      if (end < 0) return end;
      at = this.#blank(end);
      const isLast = bytes[at] === CLOSE_BRACKET;
      if (!isLast && bytes[at] !== COMMA) return BAD;
      if (isDropped) {
        this.#forget(cutsBefore);
        this.#drop(kept, before, at, isLast);
      } else kept = true;
      if (isLast) return at + 1;
      before = at;
      at = this.#blank(at + 1);
    }
  }

  /** Leaves out what stands between two separators, with one of them. */
  #drop(kept: boolean, before: number, after: number, isLast: boolean): void {
    // With something kept in front the comma in front goes; else the one behind, if there is one.
    const start = kept ? before : before + 1;
    const end = kept || isLast ? after : after + 1;
    this.#cut(start, end, noBytes);
  }

  #cut(start: number, end: number, text: Uint8Array): void {
    this.#cuts.push(start, end);
    this.#texts.push(text);
    this.#fields++;
  }

  /** What was cut since then goes as a whole. */
  #forget(before: number): void {
    if (this.#texts.length === before) return;
    this.#fields -= this.#texts.length - before;
    this.#texts.length = before;
    this.#cuts.length = 2 * before;
  }

  // Data of the classes.

  /** A text; what it holds of the classes is masked. */
  #text(start: number): number {
    const end = this.#string(start);
    const classes = this.#classes;
    if (classes === null || end < 0) return end;
    const look = classes.look(this.#bytes, start + 1, end - 1);
    if (look === 'plain') {
      // Characters are bytes: only what is found is cut.
      for (const span of classes.spans(textOf(this.#bytes, start + 1, end - 1, 'latin1')))
        this.#cut(start + 1 + span.start, start + 1 + span.end, encoder.encode(span.shown));
    } else if (look === 'encoded') {
      const text = JSON.parse(textOf(this.#bytes, start, end, 'utf8')) as string;
      const found = classes.replace(text);
      if (found !== null) this.#cut(start, end, encoder.encode(JSON.stringify(found.text)));
      else if (classes.isDisguised(text)) this.#cut(start, end, redacted);
    }
    return end;
  }

  /** A number of a card may be written as a number. */
  #classNumber(start: number): number {
    const end = this.#number(start);
    const classes = this.#classes;
    if (classes === null || end - start < MIN_NUMBER) return end;
    const text = textOf(this.#bytes, start, end, 'latin1');
    // The same number can be written with a fraction or an exponent.
    const [found] = classes.spans(/[.eE]/.test(text) ? digitsOf(Number(text)) : text);
    if (found !== undefined) this.#cut(start, end, this.#maskOf(found.action, start, end));
    return end;
  }

  // The grammar.

  /** The rules for the member whose name stands between the quotes. */
  #childOf(node: RuleNode, start: number, end: number): RuleNode | null {
    const { children } = node;
    if (children.length === 0) return node.any;
    const bytes = this.#bytes;
    for (let i = start; i < end; i++) {
      // A name can be written in many ways: what has an escape is read as a reader would.
      if (bytes[i] === BACKSLASH) return this.#escapedChildOf(node, start, end);
    }
    const length = end - start;
    for (let i = 0; i < children.length; i++) {
      const name = children[i]!.bytes;
      if (name.length !== length) continue;
      let j = 0;
      while (j < length && bytes[start + j] === name[j]) j++;
      if (j === length) return children[i]!.node;
    }
    return node.any;
  }

  #escapedChildOf(node: RuleNode, start: number, end: number): RuleNode | null {
    const text = Buffer.from(this.#bytes.subarray(start - 1, end + 1)).toString();
    const name: unknown = JSON.parse(text);
    const child = node.children.find((entry) => entry.name === name);
    return child === undefined ? node.any : child.node;
  }

  /** Any value, held to the grammar of RFC 8259 and to the depth. */
  #skip(start: number, depth: number): number {
    const bytes = this.#bytes;
    const code = bytes[start];
    switch (code) {
      case QUOTE:
        return this.#text(start);
      case OPEN_BRACE: {
        if (depth >= MAX_DEPTH) return DEEP;
        let at = this.#blank(start + 1);
        if (bytes[at] === CLOSE_BRACE) return at + 1;
        for (;;) {
          if (bytes[at] !== QUOTE) return BAD;
          const nameEnd = this.#text(at);
          if (nameEnd < 0) return nameEnd;
          at = this.#blank(nameEnd);
          if (bytes[at] !== COLON) return BAD;
          const end = this.#skip(this.#blank(at + 1), depth + 1);
          if (end < 0) return end;
          at = this.#blank(end);
          if (bytes[at] === CLOSE_BRACE) return at + 1;
          if (bytes[at] !== COMMA) return BAD;
          at = this.#blank(at + 1);
        }
      }
      case OPEN_BRACKET: {
        if (depth >= MAX_DEPTH) return DEEP;
        let at = this.#blank(start + 1);
        if (bytes[at] === CLOSE_BRACKET) return at + 1;
        for (;;) {
          const end = this.#skip(at, depth + 1);
          if (end < 0) return end;
          at = this.#blank(end);
          if (bytes[at] === CLOSE_BRACKET) return at + 1;
          if (bytes[at] !== COMMA) return BAD;
          at = this.#blank(at + 1);
        }
      }
      case 0x74:
        return this.#word(start, 'true');
      case 0x66:
        return this.#word(start, 'false');
      case 0x6e:
        return this.#word(start, 'null');
      default:
        return this.#classNumber(start);
    }
  }

  #blank(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    for (;;) {
      const code = bytes[at];
      if (code === undefined || code > 0x20) return at;
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
      at++;
    }
  }

  #string(start: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = start + 1;
    while (at < end) {
      const code = bytes[at]!;
      if (plain[code] === 1) {
        at++;
        continue;
      }
      if (code === QUOTE) return at + 1;
      if (code !== BACKSLASH) return BAD;
      const next = bytes[at + 1] ?? 0;
      if (next === 0x75) {
        for (let i = at + 2; i < at + 6; i++) if (hexDigits[bytes[i] ?? 0] !== 1) return BAD;
        at += 6;
      } else if (escapes[next] === 1) at += 2;
      else return BAD;
    }
    return BAD;
  }

  #word(start: number, word: string): number {
    for (let i = 0; i < word.length; i++) if (this.#bytes[start + i] !== word.charCodeAt(i)) return BAD;
    return start + word.length;
  }

  #number(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    if (bytes[at] === 0x2d) at++;
    const first = bytes[at] ?? 0;
    if (first < 0x30 || first > 0x39) return BAD;
    at = first === 0x30 ? at + 1 : this.#digits(at);
    if (bytes[at] === 0x2e) {
      const end = this.#digits(at + 1);
      if (end === at + 1) return BAD;
      at = end;
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++;
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
      const end = this.#digits(at);
      if (end === at) return BAD;
      at = end;
    }
    return at;
  }

  #digits(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    while (bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
    return at;
  }

  #maskOf(action: MaskAction, start: number, end: number): Uint8Array {
    const bytes = this.#bytes;
    const first = bytes[start]!;
    const isText = first === QUOTE;
    if (action === 'redact') return isText ? redacted : nothing;
    const isNumber = first === 0x2d || (first >= 0x30 && first <= 0x39);
    if (!isText && !isNumber) return nothing;
    const from = isText ? start + 1 : start;
    const to = isText ? end - 1 : end;
    for (let i = from; i < to; i++) {
      const code = bytes[i]!;
      if (code === BACKSLASH || code > 0x7e) return this.#last4OfText(start, end);
    }
    if (to - from < MIN_LAST4) return redacted;
    const out = new Uint8Array(9);
    out.set(lastFour);
    for (let i = 0; i < 4; i++) out[4 + i] = bytes[to - 4 + i]!;
    return out;
  }

  /** The same for text whose bytes are not its characters. */
  #last4OfText(start: number, end: number): Uint8Array {
    const text = JSON.parse(Buffer.from(this.#bytes.subarray(start, end)).toString()) as string;
    const characters = [...text];
    return characters.length < MIN_LAST4
      ? redacted
      : encoder.encode(JSON.stringify(`***${characters.slice(-4).join('')}`));
  }

  #assemble(bytes: Uint8Array): Buffer {
    const cuts = this.#cuts;
    const texts = this.#texts;
    let size = bytes.length;
    for (let i = 0; i < texts.length; i++) size += texts[i]!.length - (cuts[2 * i + 1]! - cuts[2 * i]!);
    const out = Buffer.allocUnsafe(size);
    let from = 0;
    let to = 0;
    for (let i = 0; i < texts.length; i++) {
      to = copy(bytes, from, cuts[2 * i]!, out, to);
      to = copy(texts[i]!, 0, texts[i]!.length, out, to);
      from = cuts[2 * i + 1]!;
    }
    copy(bytes, from, bytes.length, out, to);
    this.#cuts = [];
    this.#texts = [];
    return out;
  }
}

/** Shorter numbers identify nobody. */
const MIN_NUMBER = 11;

/** The digits of a whole number; those of any other as JavaScript writes them. */
const digitsOf = (value: number): string =>
  Number.isSafeInteger(value) ? BigInt(value).toString() : String(value);

const textOf = (bytes: Uint8Array, start: number, end: number, encoding: 'latin1' | 'utf8'): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString(encoding);

/** Spans that are copied byte by byte: a call of the runtime's costs more. */
const SHORT_BYTES = 48;

function copy(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  if (end - start > SHORT_BYTES) {
    target.set(source.subarray(start, end), at);
    return at + end - start;
  }
  let to = at;
  for (let i = start; i < end; i++) target[to++] = source[i]!;
  return to;
}
