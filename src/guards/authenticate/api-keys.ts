// API keys: 256 random bits behind a readable prefix and id. Only the SHA-256 of the whole key is stored; with that
// much entropy a slow hash would protect nothing and cost every request.
import { hash, randomBytes } from 'node:crypto';
import type { Consumer } from '../../exchange/index.ts';
import type { ConsumerConfig } from './contract.ts';

/** Secret scanners find leaked keys by this. */
const PREFIX = 'gwk';
const SECRET_BYTES = 32;
export const MAX_API_KEY_BYTES = 256;

export interface KeyRow {
  readonly consumer: Consumer;
  /** ms since the epoch; Infinity when the key does not expire. */
  readonly expiresMs: number;
}

/** Keys by the hash of what callers present. */
export class ApiKeyTable {
  readonly #rows = new Map<string, KeyRow>();

  constructor(consumers: readonly ConsumerConfig[]) {
    for (const consumer of consumers) {
      for (const key of consumer.keys) {
        this.#rows.set(key.sha256, {
          consumer: {
            id: consumer.id,
            method: 'api-key',
            scopes: new Set(key.scopes ?? consumer.scopes),
            claims: {},
            credentialId: key.id,
          },
          expiresMs: key.expiresMs ?? Number.POSITIVE_INFINITY,
        });
      }
    }
  }

  /**
   * Row of a presented key, or null. The look-up goes by hash, so its time tells an attacker nothing about keys that
   * exist.
   */
  find(key: string): KeyRow | null {
    if (key.length === 0 || key.length > MAX_API_KEY_BYTES) return null;
    return this.#rows.get(hashApiKey(key)) ?? null;
  }
}

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
