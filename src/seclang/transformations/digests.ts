// Digests as raw bytes, and the length as text.
import { hash } from 'node:crypto';

const digest = (algorithm: string, value: string): string =>
  hash(algorithm, Buffer.from(value, 'latin1'), 'buffer').toString('latin1');

export const md5 = (value: string): string => digest('md5', value);
export const sha1 = (value: string): string => digest('sha1', value);
export const lengthOf = (value: string): string => String(value.length);
