// HOT
// HTML entities, down to bytes: numeric ones give their low byte, and of the named ones those five that matter for an
// attack on any encoding. The semicolon may be missing, as browsers take it.
import { hexValue, scratch } from './bytes.ts';

const AMPERSAND = 38;
const SEMICOLON = 59;

const named: ReadonlyMap<string, number> = new Map([
  ['quot', 34],
  ['amp', 38],
  ['lt', 60],
  ['gt', 62],
  ['nbsp', 160],
]);
const LONGEST_NAME = 4;

const isAlphanumeric = (code: number): boolean =>
  (code >= 48 && code <= 57) || ((code | 32) >= 97 && (code | 32) <= 122);

export function htmlEntityDecode(value: string): string {
  const first = value.indexOf('&');
  if (first < 0) return value;
  const length = value.length;
  const out = scratch(length);
  out.write(value, 0, first, 'latin1');
  let to = first;
  let changed = false;
  for (let i = first; i < length; ) {
    const code = value.charCodeAt(i);
    if (code !== AMPERSAND) {
      out[to++] = code;
      i++;
      continue;
    }
    let end = i + 1;
    let byte = -1;
    if (value.charCodeAt(end) === 35) {
      end++;
      const isHex = (value.charCodeAt(end) | 32) === 120;
      if (isHex) end++;
      const start = end;
      const base = isHex ? 16 : 10;
      // Only the low byte is wanted, so it alone is carried: no number grows.
      let number = 0;
      for (; end < length; end++) {
        const digit = hexValue[value.charCodeAt(end)]!;
        if (digit < 0 || digit >= base) break;
        number = (number * base + digit) & 0xff;
      }
      if (end > start) byte = number;
    } else {
      while (end < length && isAlphanumeric(value.charCodeAt(end))) end++;
      if (end - i - 1 <= LONGEST_NAME) byte = named.get(value.slice(i + 1, end).toLowerCase()) ?? -1;
    }
    if (byte < 0) {
      out[to++] = AMPERSAND;
      i++;
      continue;
    }
    out[to++] = byte;
    changed = true;
    i = end < length && value.charCodeAt(end) === SEMICOLON ? end + 1 : end;
  }
  return changed ? out.toString('latin1', 0, to) : value;
}
