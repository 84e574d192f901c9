// Shamir's secret sharing over GF(2^8): any `threshold` of the shares give the secret, fewer say nothing about it. The
// multiplication has no tables and no branches that depend on secrets.
import { createHash, randomBytes } from 'node:crypto';
import type { RandomBytes } from './aead.ts';

export const MAX_SHARES = 255;
const CHECK_BYTES = 4;
const SET_BYTES = 4;
const prefix = 'gws1';

/** A share or a set of shares can not be used; the message is for people. */
export class ShareError extends Error {
  override readonly name = 'ShareError';
}

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
export function multiply(a: number, b: number): number {
  let product = 0;
  let left = a;
  for (let bit = 0; bit < 8; bit++) {
    product ^= left & -((b >>> bit) & 1);
    left = ((left << 1) ^ (0x11b & -((left >>> 7) & 1))) & 0x1ff;
  }
  return product & 0xff;
}

/** The inverse of `a`, which is not 0: a to the power of 254. */
export function invert(a: number): number {
  let result = 1;
  let power = a;
  for (let bit = 1; bit < 8; bit++) {
    power = multiply(power, power);
    result = multiply(result, power);
  }
  return result;
}

/** Texts for people to keep: `gws1.<set>.<threshold>.<x, bytes and a check>`. 2 ≤ threshold ≤ count ≤ 255. */
export function splitSecret(
  secret: Uint8Array,
  count: number,
  threshold: number,
  random: RandomBytes = randomBytes,
): string[] {
  if (!(Number.isInteger(count) && Number.isInteger(threshold)))
    throw new ShareError('shares are counted in whole numbers');
  if (threshold < 2 || threshold > count || count > MAX_SHARES)
    throw new ShareError(
      `a threshold lies between 2 and the number of shares, which is ${MAX_SHARES} at most`,
    );
  const set = random(SET_BYTES).toString('hex');
  const shares = Array.from({ length: count }, () => Buffer.alloc(secret.length));
  for (let i = 0; i < secret.length; i++) {
    const coefficients = random(threshold - 1);
    shares.forEach((share, index) => {
      const x = index + 1;
      let y = 0;
      for (let j = coefficients.length - 1; j >= 0; j--) y = multiply(y ^ coefficients[j]!, x);
      share[i] = y ^ secret[i]!;
    });
    coefficients.fill(0);
  }
  return shares.map((share, index) => {
    const body = Buffer.concat([Buffer.from([index + 1]), share]);
    const text = `${prefix}.${set}.${threshold}`;
    const out = `${text}.${Buffer.concat([body, check(text, body)]).toString('base64url')}`;
    share.fill(0);
    return out;
  });
}

export interface Share {
  readonly set: string;
  readonly threshold: number;
  /** 1 to 255. */
  readonly x: number;
  readonly bytes: Buffer;
}

/** Throws ShareError for what was mistyped. */
export function parseShare(text: string): Share {
  const match = /^gws1\.([0-9a-f]{8})\.([1-9]\d{0,2})\.([A-Za-z0-9_-]+)$/.exec(text.trim());
  if (match === null) throw new ShareError('this is no share of a key');
  const [, set, threshold, data] = match as unknown as [string, string, string, string];
  const bytes = Buffer.from(data, 'base64url');
  const body = bytes.subarray(0, bytes.length - CHECK_BYTES);
  const wrong = !check(`${prefix}.${set}.${threshold}`, body).equals(
    bytes.subarray(bytes.length - CHECK_BYTES),
  );
  if (bytes.length < CHECK_BYTES + 2 || wrong || body[0] === 0 || bytes.toString('base64url') !== data)
    throw new ShareError('this share is not as it was given out: a character is wrong');
  return { set, threshold: Number(threshold), x: body[0]!, bytes: body.subarray(1) };
}

/** Throws ShareError when they are too few, twice the same or of different sets. */
export function combineShares(shares: readonly Share[]): Buffer {
  const [first] = shares;
  if (first === undefined || shares.length < first.threshold)
    throw new ShareError(`${first?.threshold ?? 2} shares are needed`);
  if (shares.some(({ set, bytes }) => set !== first.set || bytes.length !== first.bytes.length))
    throw new ShareError('the shares are of different sets');
  const used = shares.slice(0, first.threshold);
  if (new Set(used.map(({ x }) => x)).size !== used.length) throw new ShareError('a share was given twice');
  const out = Buffer.alloc(first.bytes.length);
  for (const share of used) {
    // Lagrange's polynomial at 0.
    let weight = 1;
    for (const { x } of used) {
      if (x !== share.x) weight = multiply(weight, multiply(x, invert(x ^ share.x)));
    }
    for (let i = 0; i < out.length; i++) out[i] = out[i]! ^ multiply(share.bytes[i]!, weight);
  }
  return out;
}

const check = (head: string, body: Uint8Array): Buffer =>
  createHash('sha256').update(head).update(body).digest().subarray(0, CHECK_BYTES);
