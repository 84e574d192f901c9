// Argon2id (RFC 9106) in PHC string form, so that a hash says how it was made and settings can change under it.
import { argon2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Argon2Settings {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** A stored hash is ours, but a tampered one must not make the thread allocate without end, KiB. */
const MAX_MEMORY_KIB = 1_048_576;
const MAX_PASSES = 20;
const MAX_LANES = 16;

const encode = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

function compute(
  password: string,
  nonce: Buffer,
  { memoryKib, passes, lanes }: Argon2Settings,
  tagLength: number,
): Buffer {
  return argon2Sync('argon2id', {
    // The same text may come composed or not, depending on the keyboard (RFC 8265 section 4.2).
    message: password.normalize('NFC'),
    nonce,
    parallelism: lanes,
    tagLength,
    memory: memoryKib,
    passes,
  });
}

/** Blocks for as long as the settings ask for. */
export function hashPassword(password: string, settings: Argon2Settings): string {
  const salt = randomBytes(SALT_BYTES);
  const tag = compute(password, salt, settings, HASH_BYTES);
  const { memoryKib, passes, lanes } = settings;
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${encode(salt)}$${encode(tag)}`;
}

const form =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/;

/** Settings of a hash; null for what is none. */
export function parseHash(
  text: string,
): { readonly settings: Argon2Settings; readonly salt: Buffer; readonly tag: Buffer } | null {
  const found = form.exec(text);
  if (found === null) return null;
  const [, m, t, p, salt, tag] = found;
  const settings = { memoryKib: Number(m), passes: Number(t), lanes: Number(p) };
  const { memoryKib, passes, lanes } = settings;
  if (passes < 1 || passes > MAX_PASSES || lanes < 1 || lanes > MAX_LANES) return null;
  if (memoryKib < 8 * lanes || memoryKib > MAX_MEMORY_KIB) return null;
  return { settings, salt: Buffer.from(salt!, 'base64'), tag: Buffer.from(tag!, 'base64') };
}

/** Whether `text` is a hash of `password`; false for what is no hash. Blocks for as long as the hash asks for. */
export function verifyPassword(password: string, text: string): boolean {
  const parsed = parseHash(text);
  if (parsed === null) return false;
  return timingSafeEqual(compute(password, parsed.salt, parsed.settings, parsed.tag.length), parsed.tag);
}
