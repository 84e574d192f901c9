// HOT
// URL coding. Invalid escapes stay as they are, since what is behind the gate may read them in any way.
import { readLatin1, writeLatin1 } from '../latin1.ts';
import { bestFit } from './best-fit.ts';
import { hexDigits, hexPair, hexQuad, narrowByte, scratch } from './bytes.ts';

const PERCENT = 37;
const PLUS = 43;

/** Where the first `%` or `+` is, or -1. */
function firstCoded(value: string): number {
  const percent = value.indexOf('%');
  const plus = value.indexOf('+');
  if (percent < 0) return plus;
  return plus < 0 || percent < plus ? percent : plus;
}

export function urlDecode(value: string): string {
  const first = firstCoded(value);
  if (first < 0) return value;
  const length = value.length;
  const out = scratch(length);
  writeLatin1(out, first === value.length ? value : value.slice(0, first), 0);
  let to = first;
  let changed = false;
  for (let i = first; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code === PERCENT) {
      const byte = hexPair(value, i + 1);
      if (byte >= 0) {
        out[to++] = byte;
        i += 2;
        changed = true;
      } else out[to++] = PERCENT;
    } else if (code === PLUS) {
      out[to++] = 32;
      changed = true;
    } else out[to++] = code;
  }
  return changed ? readLatin1(out, 0, to) : value;
}

/** As `urlDecode`, and `%uXXXX`: the best fit in ASCII, or else the low byte. */
export function urlDecodeUni(value: string): string {
  const first = firstCoded(value);
  if (first < 0) return value;
  const length = value.length;
  const out = scratch(length);
  writeLatin1(out, first === value.length ? value : value.slice(0, first), 0);
  let to = first;
  let changed = false;
  for (let i = first; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code === PERCENT) {
      const byte = hexPair(value, i + 1);
      if (byte >= 0) {
        out[to++] = byte;
        i += 2;
        changed = true;
        continue;
      }
      if ((value.charCodeAt(i + 1) | 32) === 117) {
        const unit = hexQuad(value, i + 2);
        if (unit >= 0) {
          const fit = bestFit[unit]!;
          out[to++] = fit !== 0 ? fit : narrowByte(unit);
          i += 5;
          changed = true;
          continue;
        }
      }
      out[to++] = PERCENT;
    } else if (code === PLUS) {
      out[to++] = 32;
      changed = true;
    } else out[to++] = code;
  }
  return changed ? readLatin1(out, 0, to) : value;
}

const isPlain = new Uint8Array(256);
for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*')
  isPlain[letter.charCodeAt(0)] = 1;

export function urlEncode(value: string): string {
  const length = value.length;
  const out = scratch(length * 3);
  let to = 0;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (isPlain[code] === 1) out[to++] = code;
    else if (code === 32) out[to++] = PLUS;
    else {
      out[to++] = PERCENT;
      out[to++] = hexDigits.charCodeAt(code >> 4);
      out[to++] = hexDigits.charCodeAt(code & 15);
    }
  }
  return readLatin1(out, 0, to);
}
