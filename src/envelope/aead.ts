// Authenticated encryption with AES: GCM where a key seals one message only, GCM-SIV (RFC 8452) where many messages share a
// key, because there a nonce that repeats gives away no more than that two messages are equal.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export type AeadName = 'gcm' | 'gcm-siv';
/** `count` random bytes. */
export type RandomBytes = (count: number) => Buffer;

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** What was sealed can not be opened: another key, another place, or it was changed. Says no more than that. */
export class SealError extends Error {
  override readonly name = 'SealError';
}

/** `key` has 16 or 32 bytes. Answers nonce, ciphertext and tag in one piece. */
export function sealAead(
  name: AeadName,
  key: Uint8Array,
  associated: Uint8Array,
  clear: Uint8Array,
  random: RandomBytes = randomBytes,
): Buffer {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv(cipherOf(name, key), key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated);
  // INVARIANT: one update only. GCM-SIV derives its counter from the whole message.
  const sealed = cipher.update(clear);
  return Buffer.concat([nonce, sealed, cipher.final(), cipher.getAuthTag()]);
}

/** Throws SealError. */
export function openAead(
  name: AeadName,
  key: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Buffer {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new SealError('too short to be sealed');
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(cipherOf(name, key), key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(end));
  try {
    const clear = decipher.update(sealed.subarray(NONCE_BYTES, end));
    const rest = decipher.final();
    return rest.length === 0 ? clear : Buffer.concat([clear, rest]);
  } catch {
    throw new SealError('can not be opened: another key or place, or it was changed');
  }
}

// The types of Node know no GCM-SIV yet; it takes the same calls as GCM.
function cipherOf(name: AeadName, key: Uint8Array): 'aes-256-gcm' {
  const bits = key.length * 8;
  if (bits !== 128 && bits !== 256) throw new TypeError(`a key of ${bits} bits does not fit AES-${name}`);
  return `aes-${bits}-${name}` as 'aes-256-gcm';
}

/**
 * Associated data from several texts: each with its length in front, so that no two lists give the same bytes.
 */
export function associate(...parts: readonly string[]): Buffer {
  const out: Buffer[] = [];
  for (const part of parts) {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    out.push(length, bytes);
  }
  return Buffer.concat(out);
}
