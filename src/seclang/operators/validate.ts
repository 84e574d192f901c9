// HOT
// Operators that match what is not well formed.
import type { CompiledOperator } from '../contract.ts';
import { operatorOf, refuse } from './make.ts';

/** Bytes that `@validateByteRange` allows, or null when its argument is wrong. */
export function parseByteRange(argument: string): Uint8Array | null {
  const allowed = new Uint8Array(256);
  for (const part of argument.split(',')) {
    const match = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(part.trim());
    if (match === null) return null;
    const low = Number(match[1]);
    const high = match[2] === undefined ? low : Number(match[2]);
    if (high > 255 || low > high) return null;
    allowed.fill(1, low, high + 1);
  }
  return allowed;
}

const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;

export function compileByteRange(argument: string): CompiledOperator {
  const allowed = parseByteRange(argument);
  if (allowed === null)
    return refuse(
      `@validateByteRange has ${JSON.stringify(argument)}, which is no list of bytes`,
      'Write bytes and ranges with commas between, as 9,10,13,32-126.',
    );
  const forbidden = allowed.map((member) => 1 - member);
  if (!forbidden.includes(1)) return operatorOf('validateByteRange', () => false);
  let members = '';
  for (let byte = 0; byte < 256; byte++) if (forbidden[byte] === 1) members += hex(byte);
  const outside = new RegExp(`[${members}]`);
  return operatorOf('validateByteRange', (value) => outside.test(value), { requiredBytes: forbidden });
}

const only = (letter: string): Uint8Array => {
  const set = new Uint8Array(256);
  set[letter.charCodeAt(0)] = 1;
  return set;
};

const badPercent = /%(?![0-9a-fA-F]{2})/;
export const compileUrlEncoding = (): CompiledOperator =>
  operatorOf('validateUrlEncoding', (value) => badPercent.test(value), { requiredBytes: only('%') });

const beyondAscii = new Uint8Array(256).fill(1, 128);

/** Whether `value` is well-formed UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. */
export function isUtf8(value: string): boolean {
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

export const compileUtf8 = (): CompiledOperator =>
  operatorOf('validateUtf8Encoding', (value) => !isUtf8(value), { requiredBytes: beyondAscii });
