// HOT
// Operators that match what is not well formed.
import type { CompiledOperator } from '../contract.ts';
import { isUtf8 } from '../transformations/utf8.ts';
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

export const compileUtf8 = (): CompiledOperator =>
  operatorOf('validateUtf8Encoding', (value) => !isUtf8(value), { requiredBytes: beyondAscii });
