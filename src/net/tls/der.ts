// DER, as much of it as certificates and OCSP need: definite lengths in their shortest form, tags of one byte, every
// element within its parent. What is not DER is an error; nothing is guessed.

/** Bytes that are not the DER they should be. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

export interface DerElement {
  /** Identifier byte: class, constructed bit and number. */
  readonly tag: number;
  /** The element with its header, and its content alone; views of the input. */
  readonly bytes: Buffer;
  readonly content: Buffer;
}

export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Longest length field accepted: 4 bytes speak for 4 GiB. */
const MAX_LENGTH_BYTES = 4;

/** The element at `at`. Throws DerError. */
export function readElement(bytes: Buffer, at = 0): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError('an element is cut off');
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several bytes');
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > MAX_LENGTH_BYTES)
      throw new DerError('a length of indefinite or excessive form');
    if (start + count > bytes.length) throw new DerError('an element is cut off');
    length = bytes.readUIntBE(start, count);
    if (length < 0x80 || length < 2 ** (8 * (count - 1)))
      throw new DerError('a length that is not the shortest');
    start += count;
  }
  if (start + length > bytes.length) throw new DerError('an element is longer than its parent');
  return { tag, bytes: bytes.subarray(at, start + length), content: bytes.subarray(start, start + length) };
}

/** The one element that `bytes` is. Throws DerError when anything follows it. */
export function readWhole(bytes: Buffer, tag?: number): DerElement {
  const element = readElement(bytes);
  if (element.bytes.length !== bytes.length) throw new DerError('bytes after the last element');
  return tag === undefined ? element : expectTag(element, tag);
}

/** The elements within a constructed one. Throws DerError. */
export function readChildren(parent: DerElement): DerElement[] {
  if ((parent.tag & 0x20) === 0) throw new DerError('an element that holds no others');
  const out: DerElement[] = [];
  for (let at = 0; at < parent.content.length; ) {
    const child = readElement(parent.content, at);
    out.push(child);
    at += child.bytes.length;
  }
  return out;
}

export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element === undefined) throw new DerError('an element is missing');
  if (element.tag !== tag) throw new DerError(`tag ${element.tag} where ${tag} belongs`);
  return element;
}

/** Dotted form of an object identifier. Throws DerError. */
export function readOid(element: DerElement | undefined): string {
  const { content } = expectTag(element, Tag.oid);
  const parts: number[] = [];
  let value = 0;
  let open = false;
  for (const byte of content) {
    if (!open && byte === 0x80) throw new DerError('an object identifier with leading zeros');
    value = value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER) throw new DerError('an object identifier out of range');
    open = byte >= 0x80;
    if (open) continue;
    if (parts.length === 0) {
      const root = Math.min(2, Math.floor(value / 40));
      parts.push(root, value - root * 40);
    } else parts.push(value);
    value = 0;
  }
  if (open || parts.length === 0) throw new DerError('an object identifier is cut off');
  return parts.join('.');
}

/** UTCTime or GeneralizedTime in the forms of RFC 5280 section 4.1.2.5, as ms since the epoch. Throws DerError. */
export function readTime(element: DerElement | undefined): number {
  if (element === undefined) throw new DerError('a time is missing');
  const text = element.content.toString('latin1');
  const isShort = element.tag === Tag.utcTime;
  if (!isShort && element.tag !== Tag.generalizedTime) throw new DerError('no time');
  const match = (
    isShort ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
  ).exec(text);
  if (match === null) throw new DerError('a time of another form');
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const fullYear = !isShort ? year : year < 50 ? 2000 + year : 1900 + year;
  const ms = Date.UTC(fullYear, month - 1, day, hour, minute, second);
  const back = new Date(ms);
  if (
    back.getUTCMonth() !== month - 1 ||
    back.getUTCDate() !== day ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  )
    throw new DerError('a time that does not exist');
  return ms;
}

// Writing.

export function writeElement(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff);
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length, ...bytes]), content]);
}

export function writeOid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]];
  const out: number[] = [];
  for (const value of [first * 40 + second, ...rest]) {
    const group = [value % 128];
    for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128))
      group.unshift((left % 128) | 0x80);
    out.push(...group);
  }
  return writeElement(Tag.oid, Buffer.from(out));
}
