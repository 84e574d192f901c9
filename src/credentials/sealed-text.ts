// Small objects that a browser keeps for the gate and can neither read nor change: AES-256-GCM under one of a few keys,
// with what the object is for as associated data, so that a cookie of one kind is none of another.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export interface SealKey {
  readonly id: string;
  /** 32 bytes, base64url. */
  readonly key: string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** A cookie with its name and attributes must stay below 4096 bytes (RFC 6265 section 6.1). */
export const MAX_SEALED = 3800;

export class TextSeal {
  readonly #keys = new Map<string, Buffer>();
  readonly #currentId: string;

  /** Seals with the key `currentId` and opens with any of them. */
  constructor(keys: readonly SealKey[], currentId: string) {
    for (const { id, key } of keys) this.#keys.set(id, Buffer.from(key, 'base64url'));
    this.#currentId = currentId;
  }

  /** Null without a key, and when the result would be longer than a cookie may be. */
  close(purpose: string, value: Readonly<Record<string, unknown>>): string | null {
    const key = this.#keys.get(this.#currentId);
    if (key === undefined) return null;
    // INVARIANT: a random 96-bit nonce; a key is replaced long before 2^32 objects are sealed with it.
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(Buffer.from(purpose));
    const sealed = Buffer.concat([
      nonce,
      cipher.update(JSON.stringify(value), 'utf8'),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    const text = `${this.#currentId}.${sealed.toString('base64url')}`;
    return text.length > MAX_SEALED ? null : text;
  }

  /** Null for what was not sealed here for this purpose. */
  open(purpose: string, text: string): Readonly<Record<string, unknown>> | null {
    const dot = text.indexOf('.');
    if (dot === -1 || text.length > MAX_SEALED) return null;
    const key = this.#keys.get(text.slice(0, dot));
    const bytes = Buffer.from(text.slice(dot + 1), 'base64url');
    if (key === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return null;
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(purpose));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    try {
      const clear = decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES));
      return JSON.parse(Buffer.concat([clear, decipher.final()]).toString('utf8')) as Record<string, unknown>;
    } catch {
      return null;
    }
  }
}
