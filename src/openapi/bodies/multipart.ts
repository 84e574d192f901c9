// Bodies of the type multipart/form-data (RFC 7578, RFC 2046 section 5.1), read so that no two readers find different parts: no
// preamble, no epilogue, CRLF everywhere, names in quotes, no transfer encodings.
import type { ContractMedia } from '../contract.ts';
import { article, INVALID } from '../primitive.ts';
import type { SchemaSet, SchemaValidator } from '../schema-set.ts';
import { type BodyError, FormValues, type Member, membersOf, pointerOf, readValue } from './members.ts';

const MAX_PARTS = 256;
/** Header of a part, bytes. */
const MAX_HEADER = 4096;
const MAX_NAME = 256;

const problem = (reason: string, name: string, message: string): BodyError => ({
  reason: `multipart-${reason}`,
  pointer: name === '' ? '' : pointerOf(name),
  message,
});

interface Part {
  readonly name: string;
  readonly fileName: string | null;
  /** In lower case without parameters; empty where none was given. */
  readonly type: string;
  readonly bytes: Buffer;
}

/** The boundary that a Content-Type names (RFC 2046 section 5.1.1); null when it has none, or two. */
export function boundaryOf(contentType: string): string | null {
  const found = [...contentType.matchAll(/;\s*boundary\s*=\s*(?:"([^"\\]*)"|([^\s;"]+))\s*(?=;|$)/gi)];
  if (found.length !== 1 || [...contentType.matchAll(/boundary[^A-Za-z0-9]*=/gi)].length !== 1) return null;
  const boundary = found[0]![1] ?? found[0]![2] ?? '';
  return /^[A-Za-z0-9'()+_,\-./:=? ]{0,69}[A-Za-z0-9'()+_,\-./:=?]$/.test(boundary) ? boundary : null;
}

/** A reader of such bodies; what it reads is judged by `validate`. Bytes of files are no more than their number to it. */
export function compileMultipart(
  media: ContractMedia,
  set: SchemaSet,
  validate: SchemaValidator,
): (body: Uint8Array, contentType: string) => BodyError | null {
  const members = membersOf(media, set);
  return (body, contentType) => {
    const boundary = boundaryOf(contentType);
    if (boundary === null) return problem('boundary', '', 'has no boundary');
    const parts = split(Buffer.from(body.buffer, body.byteOffset, body.length), boundary);
    if (!Array.isArray(parts)) return parts;
    const values = new FormValues(members);
    for (const part of parts) {
      const error = take(values, part);
      if (error !== null) return error;
    }
    const error = validate(values.value);
    return error === null
      ? null
      : { reason: `schema-${error.keyword}`, pointer: error.pointer, message: error.message };
  };
}

function split(body: Buffer, boundary: string): Part[] | BodyError {
  const delimiter = `\r\n--${boundary}`;
  if (body.toString('latin1', 0, boundary.length + 2) !== `--${boundary}`)
    return problem('syntax', '', 'does not begin with its boundary');
  const parts: Part[] = [];
  for (let at = boundary.length + 2; ; ) {
    const after = body.toString('latin1', at, at + 2);
    if (after === '--') {
      const rest = body.length - at - 2;
      return rest === 0 || (rest === 2 && body.toString('latin1', at + 2) === '\r\n')
        ? parts
        : problem('syntax', '', 'goes on behind its end');
    }
    if (after !== '\r\n') return problem('syntax', '', 'has a broken boundary');
    if (parts.length === MAX_PARTS) return problem('parts', '', `has more than ${MAX_PARTS} parts`);
    const start = at + 2;
    const headerEnd = body.indexOf('\r\n\r\n', start, 'latin1');
    if (headerEnd === -1 || headerEnd - start > MAX_HEADER)
      return problem('syntax', '', 'has a part without a header');
    // The blank line's end is not the line end before a boundary: some readers would take it for one.
    const end = body.indexOf(delimiter, headerEnd + 2, 'latin1');
    if (end === -1) return problem('syntax', '', 'does not end with its boundary');
    if (end < headerEnd + 4) return problem('syntax', '', 'has a broken boundary');
    const head = readHead(body.toString('utf8', start, headerEnd));
    if (head === null) return problem('header', '', 'has a part with a header that can not be read');
    parts.push({ ...head, bytes: body.subarray(headerEnd + 4, end) });
    at = end + delimiter.length;
  }
}

/** `name="…"` or `name=token`, as RFC 7578 section 4.2 and browsers write it: quotes and line ends are percent-encoded. */
const disposition = /^form-data;\s*name="([^"\\\r\n\0]*)"(?:;\s*filename="([^"\\\r\n\0]*)")?$/i;
const mediaType = /^([a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+)(?:\s*;.*)?$/i;

function readHead(text: string): Omit<Part, 'bytes'> | null {
  if (text.includes('\ufffd')) return null;
  let name: string | null = null;
  let fileName: string | null = null;
  let type = '';
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    const field = line.slice(0, Math.max(0, colon)).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) return null;
    if (field === 'content-disposition' && name === null) {
      const match = disposition.exec(value);
      if (match === null || match[1]!.length > MAX_NAME) return null;
      name = match[1]!;
      fileName = match[2] ?? null;
    } else if (field === 'content-type' && type === '') {
      const match = mediaType.exec(value);
      if (match === null) return null;
      type = match[1]!.toLowerCase();
    } else if (field !== 'content-length' || !/^\d+$/.test(value)) return null;
  }
  return name === null || name === '' ? null : { name, fileName, type };
}

function take(values: FormValues, part: Part): BodyError | null {
  const { name, fileName } = part;
  const member = values.member(name);
  // A path in the name of a file is for readers that put it together with a folder.
  if (fileName !== null && (/[/\\\0]/.test(fileName) || fileName === '..'))
    return problem('file-name', name, 'has a file name that is a path');
  if (!isTypeAllowed(member, part))
    return problem('type', name, 'has a content type that the contract does not name');
  if (fileName !== null && member !== undefined && !member.isBinary && member.encoding === null)
    return problem('type', name, 'is not a file');
  const value = readPart(member, part);
  if (value === INVALID) return problem('type', name, `must be ${article(kindOfPart(member))}`);
  return values.add(name, value) ? null : problem('repeated', name, 'comes more than once');
}

const kindOfPart = (member: Member | undefined) =>
  member === undefined ? 'string' : member.kind === 'array' ? member.itemKind : member.kind;

const isTypeIn = (type: string, ranges: readonly string[]): boolean =>
  ranges.some(
    (range) => range === '*/*' || range === type || range === `${type.slice(0, type.indexOf('/'))}/*`,
  );

function isTypeAllowed(member: Member | undefined, { type }: Part): boolean {
  const named = member?.encoding?.contentTypes ?? [];
  if (named.length > 0) return isTypeIn(type === '' ? 'text/plain' : type, named);
  if (member === undefined || member.isBinary || type === '') return true;
  const kind = kindOfPart(member);
  return type === 'text/plain' || type === 'application/json' ? true : kind === 'any';
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The value of a part: bytes of files as one character each, so that their number can be judged. */
function readPart(member: Member | undefined, { bytes, fileName }: Part): unknown {
  if (member?.isBinary || (member === undefined && fileName !== null)) return bytes.toString('latin1');
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return INVALID;
  }
  return readValue(kindOfPart(member), text);
}
