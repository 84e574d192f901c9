// Secrets at rest: AES-256-GCM under one key that does not stand in the database. What is sealed is bound to the row it
// belongs to, so that a sealed value moved to another row does not open.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { StateError } from './contract.ts';

const VERSION = 'v1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Fewer characters can be guessed. */
const MIN_KEY_CHARACTERS = 32;

export class Seal {
  readonly #key: Buffer;

  /** `secret` is any text of at least 32 characters with the entropy of a key. Throws StateError for less. */
  constructor(secret: string) {
    if (secret.length < MIN_KEY_CHARACTERS)
      throw new StateError(`the seal key of the state has fewer than ${MIN_KEY_CHARACTERS} characters`);
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'gatewright state seal v1', 32));
  }

  /** `place` names the row, for instance `signing_keys/abc`. */
  close(place: string, clear: string): string {
    // INVARIANT: a random 96-bit nonce; far fewer than 2^32 values are ever sealed under one key.
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(Buffer.from(`${VERSION}|${place}`));
    const sealed = Buffer.concat([nonce, cipher.update(clear, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${sealed.toString('base64url')}`;
  }

  /** Throws StateError when it was sealed with another key, for another place, or was changed. */
  open(place: string, sealed: string): string {
    const bytes = Buffer.from(sealed.slice(VERSION.length + 1), 'base64url');
    if (!sealed.startsWith(`${VERSION}.`) || bytes.length < NONCE_BYTES + TAG_BYTES)
      throw new StateError(`${place} is not sealed as it should be`);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(`${VERSION}|${place}`));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    try {
      const clear = decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES));
      return Buffer.concat([clear, decipher.final()]).toString('utf8');
    } catch {
      throw new StateError(`${place} can not be opened: the seal key is another, or the row was changed`);
    }
  }
}
