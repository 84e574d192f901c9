// Content-Digest (RFC 9530): the hash of a body as it was sent. Weak algorithms are not looked at; where several are
// given every one that is known must be right.
import { hash, timingSafeEqual } from 'node:crypto';
import { parseDictionary } from '../http/fields/index.ts';

const known: Readonly<Record<string, string>> = { 'sha-256': 'sha256', 'sha-512': 'sha512' };

/** Whether `field` holds digests of known algorithms, and all of them are those of `body`. */
export function matchesContentDigest(field: string, body: Uint8Array): boolean {
  const members = parseDictionary(field);
  if (members === null) return false;
  let found = false;
  for (const [name, member] of members) {
    const algorithm = Object.hasOwn(known, name) ? known[name] : undefined;
    if (algorithm === undefined) continue;
    if (member.kind !== 'item' || member.value.kind !== 'bytes') return false;
    const expected = hash(algorithm, body, 'buffer');
    const given = member.value.value;
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    found = true;
  }
  return found;
}
