// Matched values in the log: enough to see why a rule matched, cut to a length, and without what looks like a secret or
// a number of a card, wherever it stands. A value whose name says that it is secret is not shown at all.

/** Longest value written, characters. */
const MAX_VALUE = 128;

const secretName =
  /auth|cookie|passw|passphrase|pwd|secret|token|api[-_]?key|credential|session|signature|private|card|cvv|cvc|iban|ssn|\bpin\b/i;

/** JWTs, bearer and basic credentials, long runs of letters and digits as keys have, and digits as cards have. */
const secretText =
  /eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,2}|\b(?:bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}|[A-Za-z0-9+_-]{32,}={0,2}|\b\d(?:[ -]?\d){12,18}\b/gi;

export type MatchValues = 'mask' | 'keep' | 'none';

/** `value` of the variable `name` (`ARGS:password`) as the log may show it. */
export function maskMatchedValue(name: string, value: string, policy: MatchValues): string {
  if (policy === 'none') return '';
  const cut = value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value;
  if (policy === 'keep') return cut;
  if (secretName.test(name)) return value === '' ? '' : '***';
  // The whole value is looked at: a secret must not show because its end was cut off.
  const masked = value.length > MAX_SCANNED ? value.slice(0, MAX_SCANNED) : value;
  const shown = masked.replace(secretText, '***');
  return shown.length > MAX_VALUE ? `${shown.slice(0, MAX_VALUE)}…` : shown;
}

/** Characters looked at for secrets. */
const MAX_SCANNED = 1024;
