// API keys: 256 random bits behind a readable prefix and id. Only the SHA-256 of the whole key is stored; with that
// much entropy a slow hash would protect nothing and cost every request.
import { hash, randomBytes } from 'node:crypto';

/** Secret scanners find leaked keys by this. */
const PREFIX = 'gwk';
const SECRET_BYTES = 32;
export const MAX_API_KEY_BYTES = 256;

/** What is stored of a key: lower-case hexadecimal SHA-256. */
export const hashApiKey = (key: string): string => hash('sha256', Buffer.from(key, 'latin1'), 'hex');

export interface NewApiKey {
  /** Shown once. */
  readonly key: string;
  readonly sha256: string;
}

/** A fresh key; `id` is part of its text: letters, digits and hyphens. Throws RangeError for other ids. */
export function createApiKey(id: string, random: (bytes: number) => Buffer = randomBytes): NewApiKey {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(id))
    throw new RangeError('a key id has 1 to 64 letters, digits and hyphens');
  const key = `${PREFIX}_${id}_${random(SECRET_BYTES).toString('base64url')}`;
  return { key, sha256: hashApiKey(key) };
}
