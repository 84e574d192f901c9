// The head of a request (RFC 9112 sections 2 to 6), read from one latin1 string. Every ambiguity that request
// smuggling lives on is refused; nothing is repaired. HOT
import type { ErrorCode } from '../../core/index.ts';
import { FieldList } from '../fields/index.ts';
import {
  dropNominated,
  FieldLinesResult,
  findLineEnd,
  MessageFraming,
  parseFieldLines,
} from './field-lines.ts';
import type { HeadLimits } from './limits.ts';

/** Body length that only the chunked coding tells. */
export const CHUNKED = -1;

/**
 * Registered methods that a proxy may pass on (IANA HTTP Method Registry); CONNECT, TRACE and PRI are not among them. LIST is
 * what clients of Vault send.
 */
const methods = new Set(
  (
    'GET HEAD POST PUT DELETE PATCH OPTIONS QUERY ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK MERGE ' +
    'MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH PROPFIND PROPPATCH REBIND REPORT SEARCH ' +
    'UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL LIST'
  ).split(' '),
);

const target = /^[\x21-\x7e]+$/;

/** Whether the method is one that a proxy may pass on. */
export const isPassableMethod = (method: string): boolean => methods.has(method);

/** Whether the request target holds visible ASCII only. */
export const isTarget = (text: string): boolean => target.test(text);

export class RequestHead {
  method = '';
  /** The request target as received: visible ASCII only. */
  target = '';
  /** 0 or 1: minor version of HTTP/1.x. */
  minor = 1;
  /** Value of Host; empty only in HTTP/1.0. */
  host = '';
  /** Bytes of body, 0 for none, CHUNKED. */
  contentLength = 0;
  /** Whether the client wants the connection kept. */
  keepAlive = true;
  expectContinue = false;
  /** `TE: trailers` came; HTTP/2 only, where gRPC asks for it. */
  wantsTrailers = false;
  /** Lower-case protocol the client asks to switch to, or empty. */
  upgrade = '';
  /** End-to-end fields; Host, framing and connection fields are not among them. */
  fields: FieldList;
  readonly framing = new MessageFraming();

  constructor(fields: FieldList = new FieldList()) {
    this.fields = fields;
  }
}

/**
 * Reads `text`, one whole head up to and including the empty line, into `head`, whose `fields` must be empty.
 * Answers null or the error; after an error the connection must be closed.
 */
export function parseRequestHead(text: string, head: RequestHead, limits: HeadLimits): ErrorCode | null {
  const lineEnd = findLineEnd(text, 0);
  if (lineEnd === -1) return 'request-malformed';
  if (text.startsWith('HTTP/1.1', lineEnd - 8)) head.minor = 1;
  else if (text.startsWith('HTTP/1.0', lineEnd - 8)) head.minor = 0;
  else {
    const version = text.slice(lineEnd - 8, lineEnd);
    return /^HTTP\/[0-9]\.[0-9]$/.test(version) ? 'http-version-unsupported' : 'request-malformed';
  }

  const space = text.indexOf(' ');
  const targetEnd = lineEnd - 9;
  if (space <= 0 || space >= targetEnd || text.charCodeAt(targetEnd) !== 32) return 'request-malformed';
  const method = space === 3 && text.startsWith('GET') ? 'GET' : text.slice(0, space);
  if (method !== 'GET' && !methods.has(method)) {
    return /^[A-Z][A-Z-]{0,31}$/.test(method) ? 'request-method-unsupported' : 'request-malformed';
  }
  head.method = method;
  if (targetEnd - space - 1 > limits.maxTargetBytes) return 'request-target-too-long';
  head.target = text.slice(space + 1, targetEnd);
  if (!target.test(head.target)) return 'request-malformed';

  const framing = head.framing;
  const fields = head.fields;
  framing.reset();
  const result = parseFieldLines(text, lineEnd + 2, fields, framing, limits.maxFields);
  if (result !== FieldLinesResult.ok) {
    return result === FieldLinesResult.tooMany ? 'request-head-too-large' : 'request-malformed';
  }
  if (framing.singletonRepeated) {
    return fields.count('authorization') > 1 ? 'credentials-ambiguous' : 'request-malformed';
  }
  if (framing.hostCount > 1 || (framing.hostCount === 0 && head.minor === 1)) return 'request-host-invalid';
  head.host = framing.host;

  if (framing.hasTransferEncoding) {
    if (framing.contentLength !== -1 || head.minor === 0) return 'request-malformed';
    head.contentLength = CHUNKED;
  } else {
    head.contentLength = framing.contentLength === -1 ? 0 : framing.contentLength;
  }

  head.keepAlive = head.minor === 1 ? !framing.close : framing.keepAlive && !framing.close;
  head.expectContinue = false;
  if (framing.expect !== '' && head.minor === 1) {
    if (framing.expect !== '100-continue') return 'expectation-unsupported';
    head.expectContinue = head.contentLength !== 0;
  }
  head.upgrade = '';
  if (framing.upgradeCount !== 0 && framing.connectionUpgrade && head.minor === 1) {
    if (framing.upgradeCount > 1) return 'request-malformed';
    head.upgrade = framing.upgrade;
  }
  dropNominated(fields, framing);
  return hasUnderscore(fields) ? 'request-malformed' : null;
}

/**
 * CGI-like servers read `X_Real_Ip` and `X-Real-Ip` as one variable, so a name with an underscore could stand in
 * for a field that the gate sets or removes.
 */
function hasUnderscore(fields: FieldList): boolean {
  const names = fields.names;
  for (let i = 0; i < names.length; i++) {
    if (names[i]!.indexOf('_') !== -1) return true;
  }
  return false;
}
