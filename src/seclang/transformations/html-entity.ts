// HOT
// HTML entities, down to bytes: numeric ones give their low byte, and of the named ones those five that matter for an
// attack on any encoding. The semicolon may be missing, as browsers take it.
import { readLatin1, writeLatin1 } from '../latin1.ts';
import { hexValue, scratch } from './bytes.ts';

const AMPERSAND = 38;
const SEMICOLON = 59;

const LONGEST_NAME = 4;

/** The byte that a name of at most four letters stands for, or -1. */
function byteOf(name: string): number {
  switch (name) {
    case 'quot':
      return 34;
    case 'amp':
      return 38;
    case 'lt':
      return 60;
    case 'gt':
      return 62;
    case 'nbsp':
      return 160;
    default:
      return -1;
  }
}

const isAlphanumeric = (code: number): boolean =>
  (code >= 48 && code <= 57) || ((code | 32) >= 97 && (code | 32) <= 122);

export function htmlEntityDecode(value: string): string {
  const first = value.indexOf('&');
  if (first < 0) return value;
  const length = value.length;
  const out = scratch(length);
  writeLatin1(out, first === value.length ? value : value.slice(0, first), 0);
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
      if (end - i - 1 <= LONGEST_NAME) byte = byteOf(value.slice(i + 1, end).toLowerCase());
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
  return changed ? readLatin1(out, 0, to) : value;
}
