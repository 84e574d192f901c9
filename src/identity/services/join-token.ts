// One-time join tokens: `gwj_<id>_<43 characters>`. What is stored is the SHA-256 of 256 random bits; the token itself is
// shown once, is good for minutes, and dies with the first SVID that it gives.
import { createHash, randomBytes } from 'node:crypto';
import { IdentityError } from '../contract.ts';
import type { JoinTokenRecord } from './contract.ts';

const pattern = /^gwj_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/;
/** A token that nobody has used for a week was lost, ms. */
export const MAX_TOKEN_LIFE_MS = 7 * 86_400_000;

export function createJoinToken(
  principal: string,
  lifeMs: number,
  nowMs: number,
): { readonly token: string; readonly record: JoinTokenRecord } {
  if (!(lifeMs > 0 && lifeMs <= MAX_TOKEN_LIFE_MS))
    throw new IdentityError('invalid', 'a join token is good for at most seven days');
  const id = randomBytes(6).toString('hex');
  const token = `gwj_${id}_${randomBytes(32).toString('base64url')}`;
  return {
    token,
    record: {
      id,
      sha256: hashJoinToken(token)!,
      principal,
      createdMs: nowMs,
      expiresMs: nowMs + lifeMs,
      usedMs: null,
    },
  };
}

/** SHA-256 of what may be a token; null for what can not be one. */
export const hashJoinToken = (text: string): string | null =>
  pattern.test(text) ? createHash('sha256').update(text).digest('hex') : null;
