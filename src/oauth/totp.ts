// One-time passwords by time (RFC 6238) over HMAC-SHA-1 (RFC 4226), as every authenticator app speaks them. Which time step
// was used is remembered, so that a code that was seen over a shoulder is good for nothing.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const STEP_MS = 30_000;
const DIGITS = 6;
/** Steps before and after the present one that are accepted, for clocks that differ (RFC 6238 section 5.2). */
const WINDOW = 1;
/** RFC 4226 section 4 asks for 160 bits. */
const SECRET_BYTES = 20;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Base32 (RFC 4648) without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let out = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(value >> bits) & 31];
    }
  }
  return bits === 0 ? out : out + ALPHABET[(value << (5 - bits)) & 31];
}

/** Null for what is no base32. */
export function decodeBase32(text: string): Buffer | null {
  const out: number[] = [];
  let bits = 0;
  let value = 0;
  for (const character of text.toUpperCase().replace(/[\s=-]/g, '')) {
    const digit = ALPHABET.indexOf(character);
    if (digit === -1) return null;
    value = ((value << 5) | digit) & 0xffff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push((value >> bits) & 0xff);
    }
  }
  return Buffer.from(out);
}

export const createTotpSecret = (): string => encodeBase32(randomBytes(SECRET_BYTES));

/** What apps read, also as a QR code. */
export function totpUri(secret: string, issuer: string, account: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${secret}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=${DIGITS}&period=${STEP_MS / 1000}`;
}

/** Code of the time step `step` (RFC 4226 section 5.3). */
export function totpCode(secret: Buffer, step: number, digits = DIGITS): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = mac[mac.length - 1]! & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 10 ** digits).padStart(digits, '0');
}

export const totpStep = (nowMs: number): number => Math.floor(nowMs / STEP_MS);

/** The time step that `code` belongs to, if it is later than `lastStep`; null when it is not good. */
export function matchTotp(secret: string, code: string, nowMs: number, lastStep: number): number | null {
  const key = decodeBase32(secret);
  const given = code.replace(/\s/g, '');
  if (key === null || !/^\d{6}$/.test(given)) return null;
  const now = totpStep(nowMs);
  let found: number | null = null;
  // All of them are computed, whichever matches.
  for (let step = now - WINDOW; step <= now + WINDOW; step++) {
    const matches = timingSafeEqual(Buffer.from(totpCode(key, step)), Buffer.from(given));
    if (matches && step > lastStep && found === null) found = step;
  }
  return found;
}
