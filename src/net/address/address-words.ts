// Addresses as four 32-bit words, IPv4 as the mapped part of IPv6, read without a BigInt or an object. HOT

/** Third word of an IPv4 address; the first two are 0. */
export const V4_WORD = 0xffff;

/** Reads an address into `out`; false for a text that is none. Octal, short and zoned forms are refused. */
export function parseWords(text: string, out: Uint32Array): boolean {
  const value = parseV4(text, 0, text.length);
  if (value !== -1) {
    out[0] = 0;
    out[1] = 0;
    out[2] = V4_WORD;
    out[3] = value;
    return true;
  }
  return parseV6(text, out);
}

/** Value of a dotted quad between `from` and `to`, -1 when the text is none. */
function parseV4(text: string, from: number, to: number): number {
  let value = 0;
  let part = -1;
  let dots = 0;
  if (to - from > 15) return -1;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      if (part === -1) return -1;
      value = value * 256 + part;
      part = -1;
      dots++;
    } else {
      const digit = code - 48;
      if (digit < 0 || digit > 9 || part === 0) return -1;
      part = part === -1 ? digit : part * 10 + digit;
      if (part > 255) return -1;
    }
  }
  return dots === 3 && part !== -1 ? value * 256 + part : -1;
}

const groups = new Uint32Array(8);

function parseV6(text: string, out: Uint32Array): boolean {
  if (text.length > 45 || text.length < 2) return false;
  let count = 0;
  /** Groups before `::`; -1 without one. */
  let gap = -1;
  let group = -1;
  let digits = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? -1 : text.charCodeAt(i);
    if (code === 58 || code === -1) {
      if (digits > 0) {
        if (count === 8) return false;
        groups[count++] = group;
        group = -1;
        digits = 0;
        if (code === 58 && i + 1 === text.length) return false;
      } else if (code === 58) {
        // An empty group is the second colon of `::`, or the first of one at the beginning.
        if (i === 0) {
          if (text.charCodeAt(1) !== 58) return false;
        } else {
          if (gap !== -1) return false;
          gap = count;
        }
      } else if (gap !== count && !(gap !== -1 && text.charCodeAt(i - 1) === 58)) return false;
      start = i + 1;
    } else if (code === 46) {
      // The last 32 bits as a dotted quad.
      const tail = parseV4(text, start, text.length);
      if (tail === -1 || count > 6) return false;
      groups[count++] = Math.floor(tail / 65_536);
      groups[count++] = tail % 65_536;
      break;
    } else {
      const digit = hexValue(code);
      if (digit === -1 || ++digits > 4) return false;
      group = group === -1 ? digit : group * 16 + digit;
    }
  }
  if (gap === -1 ? count !== 8 : count > 7) return false;
  if (gap !== -1) {
    const moved = count - gap;
    for (let i = 0; i < moved; i++) groups[7 - i] = groups[count - 1 - i]!;
    for (let i = gap; i < 8 - moved; i++) groups[i] = 0;
  }
  for (let i = 0; i < 4; i++) out[i] = groups[i * 2]! * 65_536 + groups[i * 2 + 1]!;
  return true;
}

function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
