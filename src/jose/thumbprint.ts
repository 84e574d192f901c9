// JWK thumbprints (RFC 7638): the SHA-256 of a key's required members in a fixed order, as base64url.
import { hash } from 'node:crypto';
import { JwkError } from './jwk.ts';

const required: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
  oct: ['k', 'kty'],
};

/** Throws JwkError for a key of unknown type or without a required member. */
export function jwkThumbprint(jwk: Readonly<Record<string, unknown>>): string {
  const members = required[String(jwk['kty'])];
  if (members === undefined) throw new JwkError('"kty" is not known');
  const copy: Record<string, string> = {};
  for (const member of members) {
    const value = jwk[member];
    if (typeof value !== 'string') throw new JwkError(`"${member}" must be a string`);
    copy[member] = value;
  }
  return hash('sha256', JSON.stringify(copy), 'base64url');
}
