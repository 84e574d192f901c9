// HOT
// Byte tables and the scratch memory that decoders write to. A decoder writes at most as many bytes as it said, then
// takes the text: one slice, no string built piece by piece.

/** Value of a hexadecimal digit, or -1. */
export const hexValue = new Int8Array(256).fill(-1);
for (let i = 0; i < 10; i++) hexValue[48 + i] = i;
for (let i = 0; i < 6; i++) hexValue[65 + i] = hexValue[97 + i] = 10 + i;

/** 1 for what C's isspace() takes for space: tab, LF, VT, FF, CR and space. */
export const isSpace = new Uint8Array(256);
for (const code of [9, 10, 11, 12, 13, 32]) isSpace[code] = 1;

export const hexDigits = '0123456789abcdef';

/** Memory kept between calls, bytes; what is longer is allocated and forgotten. */
const KEPT_BYTES = 1_048_576;
let kept: Buffer = Buffer.allocUnsafeSlow(4096);

/** Memory of at least `length` bytes. Belongs to the caller until the next call. */
export function scratch(length: number): Buffer {
  if (length <= kept.length) return kept;
  if (length > KEPT_BYTES) return Buffer.allocUnsafeSlow(length);
  kept = Buffer.allocUnsafeSlow(Math.min(KEPT_BYTES, length * 2));
  return kept;
}

/** Value of two hexadecimal digits at `at`, or -1. */
export function hexPair(value: string, at: number): number {
  if (at + 1 >= value.length) return -1;
  const high = hexValue[value.charCodeAt(at)]!;
  const low = hexValue[value.charCodeAt(at + 1)]!;
  return (high | low) < 0 ? -1 : (high << 4) | low;
}

/** Value of four hexadecimal digits at `at`, or -1. */
export function hexQuad(value: string, at: number): number {
  const high = hexPair(value, at);
  const low = hexPair(value, at + 2);
  return (high | low) < 0 ? -1 : (high << 8) | low;
}

/** Low byte of a code point; one of the full-width forms U+FF01 to U+FF5E becomes its ASCII letter. */
export function narrowByte(code: number): number {
  const low = code & 0xff;
  return code >> 8 === 0xff && low > 0 && low < 0x5f ? low + 0x20 : low;
}
