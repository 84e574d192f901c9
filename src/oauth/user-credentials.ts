// Credentials of people as they are made: what a password must be like, and what is kept of it.
import { hash, randomBytes } from 'node:crypto';
import type { UserCredential } from './contract.ts';
import { createTotpSecret, encodeBase32 } from './totp.ts';

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

/** Label of a password that somebody else has made: its user chooses another at the first login. */
export const TEMPORARY = 'temporary';
/** How long such a password is good, ms. */
const TEMPORARY_MS = 7 * 86_400_000;

export const newTemporaryPassword = (value: string, user: string, nowMs: number): UserCredential => ({
  ...newPassword(value, user, nowMs),
  label: TEMPORARY,
});

export const isTemporary = ({ kind, label }: UserCredential): boolean =>
  kind === 'password' && label === TEMPORARY;

/** A temporary password that nobody has used in time is none. */
export const hasEnded = (credential: UserCredential, nowMs: number): boolean =>
  isTemporary(credential) && nowMs >= credential.createdMs + TEMPORARY_MS;

/** How many recovery codes a user gets. */
const RECOVERY_CODES = 10;
/** Of a recovery code: a plain hash keeps it, as nobody can guess at so many, bytes. */
const RECOVERY_BYTES = 10;

/** What is kept of a recovery code, however it was typed. */
export const hashRecoveryCode = (code: string): string =>
  hash('sha256', code.toUpperCase().replace(/[^A-Z2-7]/g, ''), 'hex');

/** Codes that stand in for a second factor, once each: what their user is shown, and what is kept. */
export function newRecoveryCodes(
  user: string,
  nowMs: number,
): { readonly codes: readonly string[]; readonly kept: readonly UserCredential[] } {
  const codes = Array.from({ length: RECOVERY_CODES }, () =>
    encodeBase32(randomBytes(RECOVERY_BYTES))
      .toLowerCase()
      .replace(/(.{4})(?=.)/g, '$1-'),
  );
  const kept = codes.map(
    (code): UserCredential => ({
      ...newPassword(hashRecoveryCode(code), user, nowMs),
      id: `recovery-${randomBytes(9).toString('base64url')}`,
      kind: 'recovery',
    }),
  );
  return { codes, kept };
}
