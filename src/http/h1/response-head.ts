// The head of a response (RFC 9112 sections 4 and 6). An upstream is not an attacker, but a wrong idea of where
// its answer ends poisons the connection for the next client: the same strictness applies. HOT
import { FieldList } from '../fields/index.ts';
import {
  dropNominated,
  FieldLinesResult,
  findLineEnd,
  MessageFraming,
  parseFieldLines,
} from './field-lines.ts';
import type { HeadLimits } from './limits.ts';
import { CHUNKED } from './request-head.ts';

/** Body length of a response that ends with the connection. */
export const UNTIL_CLOSE = -2;

/** A space and the reason phrase, which may be empty (RFC 9112 section 4). */
const reason = /^ [\t\x20-\x7e\x80-\xff]*$/;

export class ResponseHead {
  status = 0;
  /** 0 or 1. */
  minor = 1;
  /** Bytes of body, 0 for none, CHUNKED or UNTIL_CLOSE. */
  contentLength = 0;
  /** Content-Length as announced, also where no body follows (HEAD, 304); -1 for none. */
  announcedLength = -1;
  keepAlive = true;
  /** Lower-case protocol of a 101 answer. */
  upgrade = '';
  fields: FieldList;
  readonly framing = new MessageFraming();

  constructor(fields: FieldList = new FieldList()) {
    this.fields = fields;
  }
}

/**
 * Reads one whole response head into `head`, whose `fields` must be empty. `requestMethod` decides whether a body
 * follows. Answers whether the head is valid; after false the connection must be closed.
 */
export function parseResponseHead(
  text: string,
  head: ResponseHead,
  requestMethod: string,
  limits: HeadLimits,
): boolean {
  const lineEnd = findLineEnd(text, 0);
  if (lineEnd < 12) return false;
  if (text.startsWith('HTTP/1.1 ')) head.minor = 1;
  else if (text.startsWith('HTTP/1.0 ')) head.minor = 0;
  else return false;
  const hundreds = text.charCodeAt(9) - 48;
  const tens = text.charCodeAt(10) - 48;
  const ones = text.charCodeAt(11) - 48;
  if (hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return false;
  if (lineEnd > 12 && !reason.test(text.slice(12, lineEnd))) return false;
  const status = hundreds * 100 + tens * 10 + ones;
  head.status = status;

  const framing = head.framing;
  framing.reset();
  if (parseFieldLines(text, lineEnd + 2, head.fields, framing, limits.maxFields) !== FieldLinesResult.ok)
    return false;
  if (framing.hasTransferEncoding && (framing.contentLength !== -1 || head.minor === 0)) return false;

  head.announcedLength = framing.contentLength;
  head.keepAlive = head.minor === 1 ? !framing.close : framing.keepAlive && !framing.close;
  head.upgrade = '';
  if (status === 101) {
    if (framing.upgradeCount !== 1 || !framing.connectionUpgrade) return false;
    if (framing.hasTransferEncoding || framing.contentLength > 0) return false;
    head.upgrade = framing.upgrade;
  }
  if (requestMethod === 'HEAD' || status < 200 || status === 204 || status === 304) head.contentLength = 0;
  else if (framing.hasTransferEncoding) head.contentLength = CHUNKED;
  else if (framing.contentLength !== -1) head.contentLength = framing.contentLength;
  else {
    head.contentLength = UNTIL_CLOSE;
    head.keepAlive = false;
  }
  dropNominated(head.fields, framing);
  return true;
}
