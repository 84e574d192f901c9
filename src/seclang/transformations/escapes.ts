// HOT
// Backslash escapes of CSS, JavaScript and ANSI C, down to bytes.
import { readLatin1, writeLatin1 } from '../latin1.ts';
import { hexPair, hexQuad, hexValue, isSpace, narrowByte, scratch } from './bytes.ts';

const BACKSLASH = 92;

/** Byte of `\a \b \f \n \r \t \v` by the letter's code, 0 for other letters. */
const controls = new Uint8Array(256);
for (const [letter, byte] of [
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
] as const)
  controls[letter.charCodeAt(0)] = byte;

const isOctal = (code: number): boolean => code >= 48 && code <= 55;

/** How many octal digits (at most `most`) stand at `at`. */
function octalDigits(value: string, at: number, most: number): number {
  let count = 0;
  while (count < most && isOctal(value.charCodeAt(at + count))) count++;
  return count;
}

function octalValue(value: string, at: number, digits: number): number {
  let result = 0;
  for (let i = 0; i < digits; i++) result = result * 8 + value.charCodeAt(at + i) - 48;
  return result & 0xff;
}

/** CSS 2 escapes: up to six hexadecimal digits and one space, `\` before a newline, `\` before anything else. */
export function cssDecode(value: string): string {
  const first = value.indexOf('\\');
  if (first < 0) return value;
  const length = value.length;
  const out = scratch(length);
  writeLatin1(out, first === value.length ? value : value.slice(0, first), 0);
  let to = first;
  for (let i = first; i < length; ) {
    const code = value.charCodeAt(i++);
    if (code !== BACKSLASH) {
      out[to++] = code;
      continue;
    }
    if (i >= length) break;
    let digits = 0;
    while (digits < 6 && i + digits < length && hexValue[value.charCodeAt(i + digits)]! >= 0) digits++;
    if (digits > 0) {
      out[to++] = cssByte(value, i, digits);
      i += digits;
      if (i < length && isSpace[value.charCodeAt(i)] === 1) i++;
    } else if (value.charCodeAt(i) === 10) i++;
    else out[to++] = value.charCodeAt(i++);
  }
  return readLatin1(out, 0, to);
}

function cssByte(value: string, at: number, digits: number): number {
  if (digits === 1) return hexValue[value.charCodeAt(at)]!;
  const low = hexPair(value, at + digits - 2);
  if (digits < 4) return low;
  // Only a full-width form that is written with leading zeros alone counts as one.
  for (let i = 0; i < digits - 4; i++) if (value.charCodeAt(at + i) !== 48) return low;
  return narrowByte(hexQuad(value, at + digits - 4));
}

/** `\uXXXX`, `\xXX`, octal and single-letter escapes of JavaScript; any other escaped letter is itself. */
export function jsDecode(value: string): string {
  const first = value.indexOf('\\');
  if (first < 0) return value;
  const length = value.length;
  const out = scratch(length);
  writeLatin1(out, first === value.length ? value : value.slice(0, first), 0);
  let to = first;
  for (let i = first; i < length; ) {
    const code = value.charCodeAt(i);
    if (code !== BACKSLASH || i + 1 >= length) {
      out[to++] = code;
      i++;
      continue;
    }
    const letter = value.charCodeAt(i + 1);
    let unit: number;
    if (letter === 117 && (unit = hexQuad(value, i + 2)) >= 0) {
      out[to++] = narrowByte(unit);
      i += 6;
    } else if (letter === 120 && (unit = hexPair(value, i + 2)) >= 0) {
      out[to++] = unit;
      i += 4;
    } else if (isOctal(letter)) {
      let digits = octalDigits(value, i + 1, 3);
      if (digits === 3 && letter > 51) digits = 2;
      out[to++] = octalValue(value, i + 1, digits);
      i += 1 + digits;
    } else {
      const control = controls[letter]!;
      out[to++] = control !== 0 ? control : letter;
      i += 2;
    }
  }
  return readLatin1(out, 0, to);
}

/** Escapes of ANSI C; any other escaped letter is itself. */
export function escapeSeqDecode(value: string): string {
  const first = value.indexOf('\\');
  if (first < 0) return value;
  const length = value.length;
  const out = scratch(length);
  writeLatin1(out, first === value.length ? value : value.slice(0, first), 0);
  let to = first;
  for (let i = first; i < length; ) {
    const code = value.charCodeAt(i);
    if (code !== BACKSLASH || i + 1 >= length) {
      out[to++] = code;
      i++;
      continue;
    }
    const letter = value.charCodeAt(i + 1);
    const control = controls[letter]!;
    if (control !== 0) {
      out[to++] = control;
      i += 2;
    } else if ((letter | 32) === 120 && hexPair(value, i + 2) >= 0) {
      out[to++] = hexPair(value, i + 2);
      i += 4;
    } else if (isOctal(letter)) {
      const digits = octalDigits(value, i + 1, 3);
      out[to++] = octalValue(value, i + 1, digits);
      i += 1 + digits;
    } else {
      out[to++] = letter;
      i += 2;
    }
  }
  return readLatin1(out, 0, to);
}
