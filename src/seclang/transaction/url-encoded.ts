// HOT. application/x-www-form-urlencoded as ModSecurity reads it: `+` is a blank, `%HH` a byte, and a `%` that is not followed
// by two hex digits stays and is noted (URLENCODED_ERROR).

import type { NamedValues } from './named-values.ts';

/** Adds the arguments of `text` to `into` until `into` has `maxCount`. Answers whether an escape was malformed. */
export function parseUrlEncoded(
  text: string,
  separator: string,
  maxCount: number,
  into: NamedValues,
): boolean {
  let isMalformed = false;
  const hasEscapes = text.includes('%') || text.includes('+');
  let from = 0;
  while (from <= text.length) {
    let end = text.indexOf(separator, from);
    if (end === -1) end = text.length;
    if (end > from) {
      if (into.count >= maxCount) {
        into.isTruncated = true;
        return isMalformed;
      }
      let equals = text.indexOf('=', from);
      if (equals === -1 || equals > end) equals = end;
      const name = text.slice(from, equals);
      const value = equals < end ? text.slice(equals + 1, end) : '';
      if (hasEscapes) {
        if (isBrokenEscape(name) || isBrokenEscape(value)) isMalformed = true;
        into.add(decodeUrlEncoded(name), decodeUrlEncoded(value));
      } else {
        into.add(name, value);
      }
    }
    from = end + 1;
  }
  return isMalformed;
}

const broken = /%(?![0-9A-Fa-f]{2})/;
const isBrokenEscape = (text: string): boolean => broken.test(text);

const anyEscape = /\+|%[0-9A-Fa-f]{2}/;
const everyEscape = /\+|%[0-9A-Fa-f]{2}/g;
const toByte = (match: string): string =>
  match === '+' ? ' ' : String.fromCharCode(Number.parseInt(match.slice(1), 16));

export function decodeUrlEncoded(text: string): string {
  return anyEscape.test(text) ? text.replace(everyEscape, toByte) : text;
}

const percent = /%[0-9A-Fa-f]{2}/g;

/** As above, but `+` stays: for paths. */
export function decodePercent(text: string): string {
  return text.includes('%') ? text.replace(percent, toByte) : text;
}
