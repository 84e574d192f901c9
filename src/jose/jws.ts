// JWS compact serialisation (RFC 7515 section 7.1): taken apart, verified and made. The header chooses a key only by
// id out of a given set; keys, URLs and certificates inside a token are never looked at (RFC 8725 section 3.10).
import { createHmac, sign as signBytes, timingSafeEqual, verify as verifyBytes } from 'node:crypto';
import { type Algorithm, algorithms } from './algorithms.ts';
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';
import type { CompiledKey, KeySet } from './jwk.ts';
import { parseJsonObject } from './strict-json.ts';

/** Longest token read, bytes; a head may not be much larger. */
export const MAX_TOKEN_BYTES = 16_384;

export interface ParsedJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly algorithm: Algorithm;
  /** Empty when the header has none. */
  readonly kid: string;
  readonly payload: Buffer;
  readonly signature: Buffer;
  /** What was signed: the first two parts with their dot. */
  readonly signingInput: string;
}

export type JwsProblem =
  | 'malformed'
  | 'too-long'
  | 'algorithm'
  | 'critical'
  | 'unknown-key'
  | 'ambiguous-key'
  | 'signature';

/** Takes a compact JWS apart; a problem's name when it can not be one that the gate accepts. */
export function parseJws(token: string): ParsedJws | JwsProblem {
  if (token.length > MAX_TOKEN_BYTES) return 'too-long';
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  if (first <= 0 || second === -1 || token.indexOf('.', second + 1) !== -1) return 'malformed';
  const headerBytes = decodeBase64Url(token.slice(0, first));
  const payload = decodeBase64Url(token.slice(first + 1, second));
  const signature = decodeBase64Url(token.slice(second + 1));
  if (headerBytes === null || payload === null || signature === null) return 'malformed';
  const header = parseJsonObject(headerBytes);
  if (header === null) return 'malformed';
  const name = header['alg'];
  const algorithm = typeof name === 'string' ? algorithms.get(name) : undefined;
  if (algorithm === undefined) return 'algorithm';
  // No extension is understood, so none may be critical (RFC 7515 section 4.1.11); b64 (RFC 7797) is one.
  if (header['crit'] !== undefined || header['b64'] !== undefined) return 'critical';
  const kid = header['kid'];
  if (kid !== undefined && typeof kid !== 'string') return 'malformed';
  return { header, algorithm, kid: kid ?? '', payload, signature, signingInput: token.slice(0, second) };
}

/** The one key of `set` that the token can mean. */
export function selectKey(jws: ParsedJws, set: KeySet): CompiledKey | 'unknown-key' | 'ambiguous-key' {
  let found: CompiledKey | null = null;
  for (const key of set.keys) {
    if (jws.kid !== '' && key.kid !== '' && key.kid !== jws.kid) continue;
    if (jws.kid !== '' && key.kid === '' && set.keys.length > 1) continue;
    if (!fits(key, jws.algorithm)) continue;
    if (found !== null) return 'ambiguous-key';
    found = key;
  }
  return found ?? 'unknown-key';
}

function fits(key: CompiledKey, algorithm: Algorithm): boolean {
  if (key.keyType !== algorithm.keyType || key.curve !== algorithm.curve) return false;
  return (
    key.algorithm === '' || key.algorithm === algorithm.name || isSameEdwards(key.algorithm, algorithm.name)
  );
}

/** RFC 9864: `EdDSA` with an Ed25519 key and `Ed25519` are one algorithm. */
const isSameEdwards = (a: string, b: string): boolean =>
  (a === 'EdDSA' && b === 'Ed25519') || (a === 'Ed25519' && b === 'EdDSA');

/** Whether `key` made the signature; the key must fit the algorithm. Never throws. */
export function verifyJws(jws: ParsedJws, key: CompiledKey): boolean {
  const algorithm = jws.algorithm;
  if (!fits(key, algorithm)) return false;
  if (algorithm.signatureBytes !== 0 && jws.signature.length !== algorithm.signatureBytes) return false;
  const input = Buffer.from(jws.signingInput, 'latin1');
  try {
    if (algorithm.keyType === 'oct') {
      if ((key.verify.symmetricKeySize ?? 0) < algorithm.minimumKey) return false;
      const expected = createHmac(algorithm.hash!, key.verify).update(input).digest();
      return timingSafeEqual(expected, jws.signature);
    }
    return verifyBytes(algorithm.hash, input, { key: key.verify, ...keyOptions(algorithm) }, jws.signature);
  } catch {
    return false;
  }
}

function keyOptions(algorithm: Algorithm) {
  return {
    ...(algorithm.keyType === 'EC' ? { dsaEncoding: 'ieee-p1363' as const } : {}),
    ...(algorithm.padding === undefined ? {} : { padding: algorithm.padding }),
    ...(algorithm.saltLength === undefined ? {} : { saltLength: algorithm.saltLength }),
  };
}

/** Compact JWS over `payload`. Throws TypeError when the key has no private part or does not fit `alg`. */
export function signJws(
  header: Readonly<Record<string, unknown>>,
  payload: Uint8Array,
  key: CompiledKey,
): string {
  const algorithm = algorithms.get(String(header['alg']));
  if (algorithm === undefined || !fits(key, algorithm) || key.sign === null) {
    throw new TypeError('the key can not sign with this algorithm');
  }
  const input = `${encodeBase64Url(Buffer.from(JSON.stringify(header)))}.${encodeBase64Url(payload)}`;
  const bytes = Buffer.from(input, 'latin1');
  const signature =
    algorithm.keyType === 'oct'
      ? createHmac(algorithm.hash!, key.sign).update(bytes).digest()
      : signBytes(algorithm.hash, bytes, { key: key.sign, ...keyOptions(algorithm) });
  return `${input}.${encodeBase64Url(signature)}`;
}
