// Credentials of people as they are made: what a password must be like, and what is kept of it.
import { randomBytes } from 'node:crypto';
import type { UserCredential } from './contract.ts';
import { createTotpSecret } from './totp.ts';

/** Shorter passwords are guessed offline, characters (NIST SP 800-63B-4 section 3.1.1 asks for 15 without, 8 with a second factor). */
export const MIN_PASSWORD = 12;

/** Longer passwords cost more than they are worth, characters. */
export const MAX_PASSWORD = 256;

/** Why a new password is not taken; null when it is. */
export function passwordProblem(user: string, password: string): string | null {
  if ([...password].length < MIN_PASSWORD) return `A password has at least ${MIN_PASSWORD} characters.`;
  if (password.length > MAX_PASSWORD) return `A password has at most ${MAX_PASSWORD} characters.`;
  if (user.length >= 4 && password.toLowerCase().includes(user.toLowerCase()))
    return 'A password does not contain the name of its user.';
  if (new Set(password).size < 5) return 'A password is not the same few characters again and again.';
  return null;
}

export const newPassword = (value: string, user: string, nowMs: number): UserCredential => ({
  id: `password-${randomBytes(9).toString('base64url')}`,
  user,
  kind: 'password',
  label: '',
  value,
  counter: 0,
  createdMs: nowMs,
  usedMs: null,
});

export const newTotp = (
  user: string,
  label: string,
  nowMs: number,
  secret = createTotpSecret(),
): UserCredential => ({
  ...newPassword(secret, user, nowMs),
  id: `totp-${randomBytes(9).toString('base64url')}`,
  kind: 'totp',
  label,
});
