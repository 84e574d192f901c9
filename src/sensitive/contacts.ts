// Addresses of e-mail and numbers of phones.
import type { Report } from './contract.ts';

const AT = 0x40;
const DOT = 0x2e;
const HYPHEN = 0x2d;

/** Characters of the part before the at sign that need no quotes (RFC 5322 section 3.2.3), and the dot. */
const local = new Uint8Array(128);
for (const character of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%&'*+/=?^_`{|}~-")
  local[character.charCodeAt(0)] = 1;

const isLocal = (code: number): boolean => code > 0x7f || local[code] === 1;
const isLabel = (code: number): boolean =>
  code > 0x7f ||
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a) ||
  code === HYPHEN;

const topLevel = /^(?:[A-Za-z]{2,24}|xn--[A-Za-z0-9-]{2,58}|[\u0080-\uffff]{2,24})$/;

/** Finds addresses whose domain has a name of at least two labels (RFC 5321 section 4.1.2). */
export function findEmails(text: string, report: Report): void {
  let after = 0;
  for (let sign = text.indexOf('@'); sign !== -1; sign = text.indexOf('@', sign + 1)) {
    let start = sign;
    while (start > after && sign - start < 64 && isLocal(text.charCodeAt(start - 1))) start--;
    while (start < sign && text.charCodeAt(start) === DOT) start++;
    if (start === sign || text.charCodeAt(sign - 1) === DOT) continue;
    let end = sign + 1;
    while (end - sign <= 255 && (isLabel(text.charCodeAt(end)) || text.charCodeAt(end) === DOT)) end++;
    while (end > sign && (text.charCodeAt(end - 1) === DOT || text.charCodeAt(end - 1) === HYPHEN)) end--;
    const domain = text.slice(sign + 1, end);
    const dot = domain.lastIndexOf('.');
    if (dot <= 0 || domain.includes('..') || domain.charCodeAt(0) === DOT) continue;
    if (!topLevel.test(domain.slice(dot + 1)) || text.charCodeAt(end) === AT) continue;
    report('email', start, end);
    after = end;
  }
}

const phones =
  /(?<![\w+.])(?:\+(?=[1-9])(?:[ .-]?\(?\d{1,4}\)?){2,6}|\(?[2-9]\d{2}\)?([ .-])[2-9]\d{2}[ .-]\d{4})(?![\w]|[.-]\d)/g;

/** Finds numbers in the international form (ITU-T E.123, E.164), and North American ones in groups. */
export function findPhones(text: string, report: Report): void {
  phones.lastIndex = 0;
  for (let match = phones.exec(text); match !== null; match = phones.exec(text)) {
    const digits = match[0].replace(/\D/g, '').length;
    if (digits < 8 || digits > 15) continue;
    report('phone', match.index, match.index + match[0].length);
  }
}
