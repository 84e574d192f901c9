// HOT
// UTF-8 to %uXXXX, so that what follows sees a letter where the server will.
import { readLatin1 } from '../latin1.ts';
import { hexDigits, scratch } from './bytes.ts';

export const beyondAscii = /[\x80-\xff]/;

/** Code point of the well-formed sequence at `at` (above U+007F), or -1. */
export function codePointAt(value: string, at: number): number {
  const lead = value.charCodeAt(at);
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || at + length > value.length) return -1;
  let code = lead & (0xff >> (length + 1));
  for (let i = 1; i < length; i++) {
    const next = value.charCodeAt(at + i);
    if ((next & 0xc0) !== 0x80) return -1;
    code = (code << 6) | (next & 0x3f);
  }
  if (length === 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) return -1;
  return length === 4 && (code < 0x10000 || code > 0x10ffff) ? -1 : code;
}

/** Whether `value` is well-formed UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. */
export function isUtf8(value: string): boolean {
  if (!beyondAscii.test(value)) return true;
  const length = value.length;
  for (let i = 0; i < length; i++) {
    const lead = value.charCodeAt(i);
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (i + more >= length) return false;
    const second = value.charCodeAt(i + 1);
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let k = 2; k <= more; k++) if ((value.charCodeAt(i + k) & 0xc0) !== 0x80) return false;
    i += more;
  }
  return true;
}

/** Bytes of a code point. */
export function utf8Bytes(code: number): string {
  if (code < 0x80) return String.fromCharCode(code);
  const last = 0x80 | (code & 63);
  if (code < 0x800) return String.fromCharCode(0xc0 | (code >> 6), last);
  const third = 0x80 | ((code >> 6) & 63);
  if (code < 0x10000) return String.fromCharCode(0xe0 | (code >> 12), third, last);
  return String.fromCharCode(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), third, last);
}

export function utf8toUnicode(value: string): string {
  if (!beyondAscii.test(value)) return value;
  const length = value.length;
  // Two bytes give at most eight: %u and six digits come of four bytes.
  const out = scratch(length * 4);
  let to = 0;
  let changed = false;
  for (let i = 0; i < length; ) {
    const byte = value.charCodeAt(i);
    const code = byte < 0x80 ? -1 : codePointAt(value, i);
    if (code < 0) {
      out[to++] = byte;
      i++;
      continue;
    }
    changed = true;
    out[to++] = 37;
    out[to++] = 117;
    let shift = code > 0xfffff ? 20 : code > 0xffff ? 16 : 12;
    for (; shift >= 0; shift -= 4) out[to++] = hexDigits.charCodeAt((code >> shift) & 15);
    i += code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return changed ? readLatin1(out, 0, to) : value;
}

/** Lowest seven bits of each byte; `eighth` gives the eighth by how many of the seven are set. */
function withParity(value: string, eighth: (bits: number) => number): string {
  const out = scratch(value.length);
  for (let i = 0; i < value.length; i++) {
    const seven = value.charCodeAt(i) & 0x7f;
    let bits = 0;
    for (let rest = seven; rest !== 0; rest &= rest - 1) bits++;
    out[i] = seven | (eighth(bits) << 7);
  }
  return readLatin1(out, 0, value.length);
}

export const parityEven7bit = (value: string): string => withParity(value, (bits) => bits & 1);
export const parityOdd7bit = (value: string): string => withParity(value, (bits) => (bits & 1) ^ 1);
export const parityZero7bit = (value: string): string =>
  beyondAscii.test(value) ? withParity(value, () => 0) : value;
