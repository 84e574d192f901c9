// HOT
// Base64 and hexadecimal, strict and forgiving.
import { readLatin1 } from '../latin1.ts';
import { hexDigits, hexValue, scratch } from './bytes.ts';

/** 0 to 63, or -1 for what is not of the alphabet. */
const sextet = new Int8Array(256).fill(-1);
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
for (let i = 0; i < 64; i++) sextet[alphabet.charCodeAt(i)] = i;

export const base64Encode = (value: string): string => Buffer.from(value, 'latin1').toString('base64');

/** Decodes up to the first character that is not of the alphabet. */
export const base64Decode = (value: string): string => decode(value, false);

/** Decodes and steps over whatever is not of the alphabet. */
export const base64DecodeExt = (value: string): string => decode(value, true);

function decode(value: string, isForgiving: boolean): string {
  const length = value.length;
  const out = scratch(length);
  let to = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < length; i++) {
    const six = sextet[value.charCodeAt(i)]!;
    if (six < 0) {
      if (isForgiving) continue;
      break;
    }
    held = (held << 6) | six;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[to++] = (held >> bits) & 0xff;
      held &= 0xff;
    }
  }
  return readLatin1(out, 0, to);
}

export function hexEncode(value: string): string {
  const length = value.length;
  const out = scratch(length * 2);
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    out[2 * i] = hexDigits.charCodeAt(code >> 4);
    out[2 * i + 1] = hexDigits.charCodeAt(code & 15);
  }
  return readLatin1(out, 0, length * 2);
}

/** Pairs of digits to bytes; a digit left over is dropped, and so is a pair that is none. */
export function hexDecode(value: string): string {
  const count = value.length >> 1;
  const out = scratch(count);
  let to = 0;
  for (let i = 0; i < count; i++) {
    const high = hexValue[value.charCodeAt(2 * i)]!;
    const low = hexValue[value.charCodeAt(2 * i + 1)]!;
    if ((high | low) >= 0) out[to++] = (high << 4) | low;
  }
  return readLatin1(out, 0, to);
}

/** Hexadecimal literals of SQL, `0x414243`, to the text that they are. */
export function sqlHexDecode(value: string): string {
  if (!sqlHex.test(value)) return value;
  return value.replace(sqlHexes, (literal) => Buffer.from(literal.slice(2), 'hex').toString('latin1'));
}
export const sqlHex = /0[xX][0-9a-fA-F]{2}/;
const sqlHexes = /0[xX](?:[0-9a-fA-F]{2})+/g;
