// Field lines (RFC 9112 section 5), shared by requests, responses and trailers: strict line ends, no folding,
// no space before the colon, no control characters. What is not exactly right is refused. HOT
import type { FieldList } from '../fields/index.ts';
import { type FieldName, FieldRole, findFieldName, lookUpFieldName } from './names.ts';

/**
 * The whole field section: token, colon, visible characters, exactly CRLF, and the empty line at the end. One run of
 * this expression over the section costs less than looking at each line, and what it lets pass needs no more checks.
 */
const section = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/y;

const LF = 10;
const SP = 32;
const HTAB = 9;

/** Index of the first CR at or after `from`, or -1 when there is none or no LF follows it. */
export function findLineEnd(text: string, from: number): number {
  const at = text.indexOf('\r', from);
  return at !== -1 && text.charCodeAt(at + 1) === LF ? at : -1;
}

/** Framing and connection options that the field lines of one message set. Reused; `reset` before each. */
export class MessageFraming {
  hostCount = 0;
  host = '';
  /** -1: no Content-Length. */
  contentLength = -1;
  chunked = false;
  hasTransferEncoding = false;
  /** All Connection fields as they came, joined by commas. */
  connection = '';
  close = false;
  keepAlive = false;
  connectionUpgrade = false;
  upgrade = '';
  upgradeCount = 0;
  expect = '';
  /** Lower-case names that Connection listed and that are no connection option known to us. */
  nominated: string[] | null = null;
  singletonRepeated = false;
  /** Fields that speak for the client's address or its trace are among the fields. */
  hasForwarding = false;
  hasTrace = false;

  reset(): void {
    this.hostCount = 0;
    this.host = '';
    this.contentLength = -1;
    this.chunked = false;
    this.hasTransferEncoding = false;
    this.connection = '';
    this.close = false;
    this.keepAlive = false;
    this.connectionUpgrade = false;
    this.upgrade = '';
    this.upgradeCount = 0;
    this.expect = '';
    this.nominated = null;
    this.singletonRepeated = false;
    this.hasForwarding = false;
    this.hasTrace = false;
  }
}

export const FieldLinesResult = { ok: 0, malformed: 1, tooMany: 2 } as const;

/**
 * Reads field lines from `from` to the empty line that ends `text`. End-to-end fields go to `fields`, the others
 * to `framing`. `text` must end with CRLF CRLF (or be CRLF alone for an empty section).
 */
export function parseFieldLines(
  text: string,
  from: number,
  fields: FieldList,
  framing: MessageFraming,
  maxFields: number,
): number {
  section.lastIndex = from;
  if (!section.test(text) || section.lastIndex !== text.length) return FieldLinesResult.malformed;
  const last = text.length - 2;
  let at = from;
  let count = 0;
  while (at < last) {
    const lineEnd = text.indexOf('\r', at);
    const colon = text.indexOf(':', at);
    const name = findFieldName(text, at, colon);
    if (name === null) return FieldLinesResult.malformed;
    if (++count > maxFields) return FieldLinesResult.tooMany;

    let start = colon + 1;
    let end = lineEnd;
    let code = text.charCodeAt(start);
    while (code === SP || code === HTAB) code = text.charCodeAt(++start);
    if (start < end) {
      code = text.charCodeAt(end - 1);
      while (code === SP || code === HTAB) code = text.charCodeAt(--end - 1);
    } else {
      start = end;
    }
    const value = text.slice(start, end);

    if (name.role === FieldRole.ordinary) {
      fields.names.push(name.lower);
      fields.values.push(value);
    } else {
      // A tab beside the coding hides it from some parsers, which then read no chunks.
      if (name.role === FieldRole.transferEncoding && hasTab(text, colon, lineEnd)) {
        return FieldLinesResult.malformed;
      }
      if (!takeSpecial(name, value, fields, framing)) return FieldLinesResult.malformed;
    }
    at = lineEnd + 2;
  }
  return FieldLinesResult.ok;
}

function hasTab(text: string, from: number, end: number): boolean {
  const at = text.indexOf('\t', from);
  return at !== -1 && at < end;
}

const digits = /^[0-9]{1,15}$/;

/** Fields with a role; false when the field makes the message ambiguous. */
function takeSpecial(name: FieldName, value: string, fields: FieldList, framing: MessageFraming): boolean {
  switch (name.role) {
    case FieldRole.host:
      framing.hostCount++;
      framing.host = value;
      return true;
    case FieldRole.contentLength:
      // A second one is refused even when equal: the two may be merged or split differently elsewhere.
      if (framing.contentLength !== -1 || !digits.test(value)) return false;
      framing.contentLength = Number(value);
      return true;
    case FieldRole.transferEncoding:
      if (framing.hasTransferEncoding) return false;
      framing.hasTransferEncoding = true;
      framing.chunked = value === 'chunked' || value.toLowerCase() === 'chunked';
      return framing.chunked;
    case FieldRole.connection:
      framing.connection = framing.connection === '' ? value : framing.connection + ', ' + value;
      return takeConnection(value, framing);
    case FieldRole.proxyConnection:
      return takeProxyConnection(value, framing);
    case FieldRole.expect:
      if (framing.expect !== '') return false;
      framing.expect = value === '' ? ' ' : value.toLowerCase();
      return true;
    case FieldRole.upgrade:
      framing.upgradeCount++;
      framing.upgrade = value.toLowerCase();
      return true;
    case FieldRole.singleton:
      if (fields.names.indexOf(name.lower) !== -1) framing.singletonRepeated = true;
      fields.names.push(name.lower);
      fields.values.push(value);
      return true;
    case FieldRole.forwarding:
      framing.hasForwarding = true;
      fields.names.push(name.lower);
      fields.values.push(value);
      return true;
    case FieldRole.trace:
      framing.hasTrace = true;
      fields.names.push(name.lower);
      fields.values.push(value);
      return true;
    default:
      return true;
  }
}

function takeConnection(value: string, framing: MessageFraming): boolean {
  if (value === 'keep-alive' || value === 'Keep-Alive') {
    framing.keepAlive = true;
    return true;
  }
  if (value === 'close') {
    framing.close = true;
    return true;
  }
  for (const part of value.toLowerCase().split(',')) {
    const option = part.trim();
    if (option === 'close') framing.close = true;
    else if (option === 'keep-alive') framing.keepAlive = true;
    else if (option === 'upgrade') framing.connectionUpgrade = true;
    else if (option !== '') {
      const name = lookUpFieldName(option);
      if (name === null) return false;
      if (name.role === FieldRole.hopByHop || name.role === FieldRole.proxyConnection) continue;
      // INVARIANT: no field that a guard or the upstream trusts can be removed on a client's word.
      if (name.protected) return false;
      framing.nominated ??= [];
      framing.nominated.push(name.lower);
    }
  }
  return true;
}

/** Where another parser would close the connection, so do we; what else it could mean to one is refused. */
function takeProxyConnection(value: string, framing: MessageFraming): boolean {
  const option = value.toLowerCase();
  if (option === 'close') framing.close = true;
  return option === 'close' || option === 'keep-alive' || option === '';
}

/** Removes the fields that Connection named (RFC 9110 section 7.6.1). */
export function dropNominated(fields: FieldList, framing: MessageFraming): void {
  if (framing.nominated === null) return;
  for (const name of framing.nominated) fields.remove(name);
}
