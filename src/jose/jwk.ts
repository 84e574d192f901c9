// JSON Web Keys and sets (RFC 7517), compiled once into key objects. A key serves signatures only: its `use`,
// `key_ops` and `alg` must not say otherwise, and a set in which a key could be mistaken for another is refused.
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { type Algorithm, algorithms } from './algorithms.ts';
import { decodeBase64Url } from './base64url.ts';
import { hasDuplicateMembers } from './strict-json.ts';

/** A key or key set that can not be used; the message names the member, never its value. */
export class JwkError extends Error {
  override readonly name = 'JwkError';
}

export interface CompiledKey {
  /** Empty when the JWK has none. */
  readonly kid: string;
  readonly keyType: Algorithm['keyType'];
  /** The one algorithm the key is for; empty when its JWK does not say. */
  readonly algorithm: string;
  readonly curve: string;
  readonly verify: KeyObject;
  /** Null for public keys. */
  readonly sign: KeyObject | null;
}

export interface KeySet {
  readonly keys: readonly CompiledKey[];
}

type Jwk = Readonly<Record<string, unknown>>;

const text = (jwk: Jwk, member: string): string => {
  const value = jwk[member];
  if (value === undefined) return '';
  if (typeof value !== 'string') throw new JwkError(`"${member}" must be a string`);
  return value;
};

/** Compiles one JWK. Throws JwkError. Keys for encryption are refused. */
export function compileJwk(jwk: Jwk): CompiledKey {
  const keyType = text(jwk, 'kty');
  const use = text(jwk, 'use');
  const algorithm = text(jwk, 'alg');
  if (use !== '' && use !== 'sig') throw new JwkError('"use" is not "sig"');
  const operations = jwk['key_ops'];
  if (operations !== undefined) {
    if (!Array.isArray(operations) || !(operations.includes('verify') || operations.includes('sign'))) {
      throw new JwkError('"key_ops" has neither "verify" nor "sign"');
    }
  }
  const known = algorithm === '' ? undefined : algorithms.get(algorithm);
  if (algorithm !== '' && known === undefined) throw new JwkError('"alg" is not a known signature algorithm');
  if (known !== undefined && known.keyType !== keyType) throw new JwkError('"alg" does not fit "kty"');
  const curve = text(jwk, 'crv');
  if (known !== undefined && known.curve !== '' && known.curve !== curve)
    throw new JwkError('"alg" does not fit "crv"');

  const kid = text(jwk, 'kid');
  switch (keyType) {
    case 'oct': {
      const bytes = decodeBase64Url(text(jwk, 'k'));
      if (bytes === null) throw new JwkError('"k" is not base64url');
      const minimum = known?.minimumKey ?? 32;
      if (bytes.length < minimum) throw new JwkError(`"k" has fewer than ${minimum} bytes`);
      const key = createSecretKey(bytes);
      return { kid, keyType, algorithm, curve: '', verify: key, sign: key };
    }
    case 'RSA':
    case 'EC':
    case 'OKP':
      return compileAsymmetric(jwk, keyType, kid, algorithm, curve);
    default:
      throw new JwkError('"kty" is not known');
  }
}

const members = { RSA: ['n', 'e'], EC: ['crv', 'x', 'y'], OKP: ['crv', 'x'] } as const;

function compileAsymmetric(
  jwk: Jwk,
  keyType: 'RSA' | 'EC' | 'OKP',
  kid: string,
  algorithm: string,
  curve: string,
): CompiledKey {
  const copy: Record<string, unknown> = { kty: keyType };
  for (const member of members[keyType]) {
    const value = text(jwk, member);
    if (member !== 'crv' && (value === '' || decodeBase64Url(value) === null)) {
      throw new JwkError(`"${member}" is not base64url`);
    }
    copy[member] = value;
  }
  if (keyType !== 'RSA' && ![...algorithms.values()].some((entry) => entry.curve === curve)) {
    throw new JwkError('"crv" is not known');
  }
  let verify: KeyObject;
  let sign: KeyObject | null = null;
  try {
    verify = createPublicKey({ key: copy as JsonWebKey, format: 'jwk' });
    if (jwk['d'] !== undefined) sign = createPrivateKey({ key: { ...jwk } as JsonWebKey, format: 'jwk' });
  } catch {
    throw new JwkError('the key is not valid');
  }
  if (keyType === 'RSA') {
    if ((verify.asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
      throw new JwkError('"n" has fewer than 2048 bits');
    const exponent = verify.asymmetricKeyDetails?.publicExponent ?? 0n;
    if (exponent < 3n || exponent % 2n === 0n) throw new JwkError('"e" is not a safe exponent');
    if (hasRocaFingerprint(decodeBase64Url(text(jwk, 'n'))!)) {
      throw new JwkError('"n" comes from a generator whose keys can be factored (CVE-2017-15361)');
    }
  }
  return { kid, keyType, algorithm, curve, verify, sign };
}

const smallPrimes = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
];
smallPrimes.push(103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167);

/**
 * Moduli of the flawed generator are powers of 65537 modulo every small prime (Nemec et al., "The Return of
 * Coppersmith's Attack", 2017); for others this happens by chance once in some 2^28 keys.
 */
function hasRocaFingerprint(modulus: Uint8Array): boolean {
  const n = BigInt(`0x${Buffer.from(modulus).toString('hex')}`);
  return smallPrimes.every((prime) => {
    const rest = Number(n % BigInt(prime));
    let power = 1;
    do {
      if (power === rest) return true;
      power = (power * 65_537) % prime;
    } while (power !== 1);
    return false;
  });
}

type JsonWebKey = Record<string, string>;

/** Most keys of a set; a larger one is an attack or a mistake. */
const MAX_KEYS = 100;

/**
 * Compiles a JWK Set from its JSON text, or a single JWK. Keys for other purposes or of unknown type are left out
 * (RFC 7517 section 5); a set without a usable key, with a key id twice, or mixing symmetric and asymmetric keys
 * throws JwkError.
 */
export function compileKeySet(json: string): KeySet {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    throw new JwkError('the key set is not JSON');
  }
  if (hasDuplicateMembers(json)) throw new JwkError('the key set has a member twice');
  if (typeof document !== 'object' || document === null) throw new JwkError('the key set is not an object');
  const list = 'keys' in document ? document.keys : [document];
  if (!Array.isArray(list)) throw new JwkError('"keys" is not a list');
  if (list.length > MAX_KEYS) throw new JwkError(`the key set has more than ${MAX_KEYS} keys`);

  const ids = list
    .map((entry) => (entry as Jwk | null)?.['kid'])
    .filter((kid) => kid !== undefined && kid !== '');
  if (new Set(ids).size !== ids.length) throw new JwkError('a key id stands for two keys');
  const keys: CompiledKey[] = [];
  let problem = 'the key set is empty';
  for (const entry of list) {
    if (typeof entry !== 'object' || entry === null) throw new JwkError('a key is not an object');
    try {
      keys.push(compileJwk(entry as Jwk));
    } catch (error) {
      if (!(error instanceof JwkError)) throw error;
      problem = error.message;
    }
  }
  if (keys.length === 0) throw new JwkError(`no key can be used: ${problem}`);
  // INVARIANT: whatever a token's header says, at most one key of the set can be meant.
  if (keys.some((key) => key.keyType === 'oct') && keys.some((key) => key.keyType !== 'oct')) {
    throw new JwkError('the key set mixes symmetric and asymmetric keys');
  }
  return { keys };
}
