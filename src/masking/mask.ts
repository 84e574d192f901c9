// Takes fields out of JSON documents, or makes them unreadable, without building objects: one strict pass over the bytes that
// notes what to cut, and one that copies the rest. What is not valid JSON is not answered for: another reader might
// see fields where this one sees none. HOT

export type MaskAction =
  /** The member or item is not there. */
  | 'drop'
  /** Text becomes `***`, everything else null. */
  | 'redact'
  /** Text and numbers keep their last four characters, when they have at least eight; everything else becomes null. */
  | 'last4';

export interface MaskRule {
  /** Names of members and indices of items from the root; `*` for all of them. */
  readonly path: readonly string[];
  readonly action: MaskAction;
}

export type MaskOutcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'changed'; readonly bytes: Buffer; readonly fields: number }
  | { readonly kind: 'invalid'; readonly problem: 'syntax' | 'too-deep' };

/** Nesting of objects and lists; deeper documents are invalid. The same as for requests. */
const MAX_DEPTH = 64;

/** What stands at one place of the documents. */
interface Node {
  action: MaskAction | null;
  /** By name, as UTF-8. */
  readonly children: { readonly name: string; readonly bytes: Uint8Array; readonly node: Node }[];
  /** Every member and item. */
  any: Node | null;
}

const newNode = (): Node => ({ action: null, children: [], any: null });
const encoder = new TextEncoder();

/** Compiles rules; null when there are none. */
export function compileMask(rules: readonly MaskRule[]): Mask | null {
  if (rules.length === 0) return null;
  const root = newNode();
  // What holds for every member holds for each that has rules of its own: the most general come first.
  const stars = ({ path }: MaskRule): number => path.filter((part) => part === '*').length;
  for (const rule of [...rules].sort((a, b) => stars(b) - stars(a))) insert(root, rule, 0);
  return new Mask(root);
}

function insert(node: Node, rule: MaskRule, at: number): void {
  if (at === rule.path.length) {
    node.action = stronger(node.action, rule.action);
    return;
  }
  const name = rule.path[at]!;
  if (name === '*') {
    node.any ??= newNode();
    insert(node.any, rule, at + 1);
    for (const child of node.children) insert(child.node, rule, at + 1);
    return;
  }
  let child = node.children.find((entry) => entry.name === name)?.node;
  if (child === undefined) {
    child = node.any === null ? newNode() : copyNode(node.any);
    node.children.push({ name, bytes: encoder.encode(name), node: child });
  }
  insert(child, rule, at + 1);
}

const copyNode = (node: Node): Node => ({
  action: node.action,
  children: node.children.map((child) => ({ ...child, node: copyNode(child.node) })),
  any: node.any === null ? null : copyNode(node.any),
});

/** Of two rules for one field the one that shows less counts. */
const strength = { drop: 3, redact: 2, last4: 1 } as const;
function stronger(a: MaskAction | null, b: MaskAction): MaskAction {
  return a !== null && strength[a] >= strength[b] ? a : b;
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
  readonly #root: Node;
  #bytes: Uint8Array = noBytes;
  #end = 0;
  /** What to leave out, as start and end, in order, and what stands there instead. */
  #cuts: number[] = [];
  #texts: Uint8Array[] = [];
  #fields = 0;

  constructor(root: Node) {
    this.#root = root;
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

  // The pass: each function takes the position of what it reads and answers the position after it, or BAD or DEEP.

  /** A value for which `node` has rules; masks it where `node` says so. */
  #value(at: number, node: Node, depth: number): number {
    const { action } = node;
    if (action !== null && action !== 'drop') {
      const end = this.#skip(at, depth);
      if (end >= 0) this.#cut(at, end, this.#maskOf(action, at, end));
      return end;
    }
    const code = this.#bytes[at];
    if (code === OPEN_BRACE) return this.#object(at, node, depth + 1);
    if (code === OPEN_BRACKET) return this.#list(at, node, depth + 1);
    return this.#skip(at, depth);
  }

  #object(open: number, node: Node, depth: number): number {
    if (depth > MAX_DEPTH) return DEEP;
    const bytes = this.#bytes;
    let at = this.#blank(open + 1);
    if (bytes[at] === CLOSE_BRACE) return at + 1;
    let kept = false;
    /** Comma in front of the member, or the brace. */
    let before = open;
    for (;;) {
      if (bytes[at] !== QUOTE) return BAD;
      const nameEnd = this.#string(at);
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
      if (isDropped) this.#drop(kept, before, at, isLast);
      else kept = true;
      if (isLast) return at + 1;
      before = at;
      at = this.#blank(at + 1);
    }
  }

  #list(open: number, node: Node, depth: number): number {
    if (depth > MAX_DEPTH) return DEEP;
    const bytes = this.#bytes;
    let at = this.#blank(open + 1);
    if (bytes[at] === CLOSE_BRACKET) return at + 1;
    let kept = false;
    let before = open;
    for (let index = 0; ; index++) {
      const child = itemOf(node, index);
      const isDropped = child !== null && child.action === 'drop';
      const end = child === null || isDropped ? this.#skip(at, depth) : this.#value(at, child, depth);
      if (end < 0) return end;
      at = this.#blank(end);
      const isLast = bytes[at] === CLOSE_BRACKET;
      if (!isLast && bytes[at] !== COMMA) return BAD;
      if (isDropped) this.#drop(kept, before, at, isLast);
      else kept = true;
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

  /** The rules for the member whose name stands between the quotes. */
  #childOf(node: Node, start: number, end: number): Node | null {
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

  #escapedChildOf(node: Node, start: number, end: number): Node | null {
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
        return this.#string(start);
      case OPEN_BRACE: {
        if (depth >= MAX_DEPTH) return DEEP;
        let at = this.#blank(start + 1);
        if (bytes[at] === CLOSE_BRACE) return at + 1;
        for (;;) {
          if (bytes[at] !== QUOTE) return BAD;
          const nameEnd = this.#string(at);
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
        return this.#number(start);
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

/** Shorter values would tell half of themselves. */
const MIN_LAST4 = 8;

function itemOf(node: Node, index: number): Node | null {
  const { children } = node;
  if (children.length > 0) {
    const name = String(index);
    for (let i = 0; i < children.length; i++) if (children[i]!.name === name) return children[i]!.node;
  }
  return node.any;
}

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
