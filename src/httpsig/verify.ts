// Verifying HTTP message signatures (RFC 9421 section 3.2): which signature counts, whether it covers what it must, whether
// it is of its time, and whether the key made it. Keys are found by id in a table of the gate's own.
import {
  constants,
  createHmac,
  createPublicKey,
  createSecretKey,
  hash,
  type KeyObject,
  timingSafeEqual,
  verify as verifyBytes,
} from 'node:crypto';
import { type InnerList, parseDictionary } from '../http/fields/index.ts';
import { coveredBy, type SignedRequest, signatureBase } from './signature-base.ts';

export const signatureAlgorithms = [
  'ed25519',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'rsa-pss-sha512',
  'rsa-v1_5-sha256',
  'hmac-sha256',
] as const;
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

export interface SignatureKey {
  readonly algorithm: SignatureAlgorithm;
  readonly key: KeyObject;
}

/** A shared secret needs the entropy of the hash: at least 32 bytes. */
const MIN_SECRET_BYTES = 32;

const kinds: Readonly<Record<Exclude<SignatureAlgorithm, 'hmac-sha256'>, readonly [string, string]>> = {
  ed25519: ['ed25519', ''],
  'ecdsa-p256-sha256': ['ec', 'prime256v1'],
  'ecdsa-p384-sha384': ['ec', 'secp384r1'],
  'rsa-pss-sha512': ['rsa', ''],
  'rsa-v1_5-sha256': ['rsa', ''],
};

/** `material`: a PEM public key, or the shared secret. Throws RangeError for what does not fit the algorithm. */
export function compileSignatureKey(algorithm: SignatureAlgorithm, material: string): SignatureKey {
  if (algorithm === 'hmac-sha256') {
    const bytes = Buffer.from(material);
    if (bytes.length < MIN_SECRET_BYTES)
      throw new RangeError(`the secret has fewer than ${MIN_SECRET_BYTES} bytes`);
    return { algorithm, key: createSecretKey(bytes) };
  }
  let key: KeyObject;
  try {
    key = createPublicKey(material);
  } catch {
    throw new RangeError('it is no public key in PEM');
  }
  const [kind, curve] = kinds[algorithm];
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType !== kind || (curve !== '' && details?.namedCurve !== curve))
    throw new RangeError(`the key is not one for ${algorithm}`);
  if (kind === 'rsa' && (details?.modulusLength ?? 0) < 2048)
    throw new RangeError('the key has fewer than 2048 bits');
  return { algorithm, key };
}

function isMadeBy(key: SignatureKey, base: Buffer, signature: Buffer): boolean {
  try {
    switch (key.algorithm) {
      case 'hmac-sha256': {
        const expected = createHmac('sha256', key.key).update(base).digest();
        return signature.length === expected.length && timingSafeEqual(signature, expected);
      }
      case 'ed25519':
        return verifyBytes(null, base, key.key, signature);
      case 'ecdsa-p256-sha256':
        return verifyBytes('sha256', base, { key: key.key, dsaEncoding: 'ieee-p1363' }, signature);
      case 'ecdsa-p384-sha384':
        return verifyBytes('sha384', base, { key: key.key, dsaEncoding: 'ieee-p1363' }, signature);
      case 'rsa-pss-sha512':
        return verifyBytes(
          'sha512',
          base,
          { key: key.key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 },
          signature,
        );
      case 'rsa-v1_5-sha256':
        return verifyBytes('sha256', base, { key: key.key, padding: constants.RSA_PKCS1_PADDING }, signature);
    }
  } catch {
    return false;
  }
}

export interface SignatureExpectations {
  /** Components that must be covered, such as `@method` or `content-digest`. */
  readonly cover: readonly string[];
  /** Application tag that the signature must carry; empty: any, or none. */
  readonly tag: string;
  readonly maxAgeMs: number;
  readonly clockSkewMs: number;
}

export interface VerifiedSignature<Owner> {
  readonly owner: Owner;
  readonly keyId: string;
  /** Hash of what was signed: tells whether it was used before, whatever other signature could be made for it. */
  readonly baseHash: string;
  /** ms; when it ends at the latest. */
  readonly untilMs: number;
  readonly covered: ReadonlySet<string>;
}

export type SignatureProblem =
  | 'malformed'
  | 'ambiguous'
  | 'unknown-key'
  | 'algorithm'
  | 'coverage'
  | 'undated'
  | 'too-old'
  | 'not-yet-valid'
  | 'expired'
  | 'signature';

export interface OwnedKey<Owner> {
  readonly owner: Owner;
  readonly key: SignatureKey;
}

/** Signatures of one request that are looked at: each costs a public-key operation. */
const MAX_SIGNATURES = 4;

/** Verifies the one signature whose key is known and whose tag fits. `inputs`, `signatures`: values of the two fields. */
export function verifySignature<Owner>(
  request: SignedRequest,
  inputs: string,
  signatures: string,
  keys: ReadonlyMap<string, OwnedKey<Owner>>,
  expected: SignatureExpectations,
  nowMs: number,
): VerifiedSignature<Owner> | SignatureProblem {
  const inputMembers = parseDictionary(inputs);
  const signatureMembers = parseDictionary(signatures);
  if (inputMembers === null || signatureMembers === null || inputMembers.size === 0) return 'malformed';
  if (inputMembers.size > MAX_SIGNATURES || signatureMembers.size > MAX_SIGNATURES) return 'malformed';
  let chosen: { input: InnerList; signature: Buffer; owned: OwnedKey<Owner>; keyId: string } | null = null;
  for (const [label, input] of inputMembers) {
    const member = signatureMembers.get(label);
    if (input.kind !== 'list' || member?.kind !== 'item' || member.value.kind !== 'bytes') return 'malformed';
    const tag = input.parameters.get('tag');
    if (expected.tag !== '' && (tag?.kind !== 'string' || tag.value !== expected.tag)) continue;
    const id = input.parameters.get('keyid');
    const owned = id?.kind === 'string' ? keys.get(id.value) : undefined;
    if (id?.kind !== 'string' || owned === undefined) continue;
    if (chosen !== null) return 'ambiguous';
    chosen = { input, signature: member.value.value, owned, keyId: id.value };
  }
  if (chosen === null) return 'unknown-key';
  const { input, signature, owned, keyId } = chosen;
  const algorithm = input.parameters.get('alg');
  if (algorithm !== undefined && algorithm.value !== owned.key.algorithm) return 'algorithm';
  const covered = coverage(input);
  if (!expected.cover.every((name) => covered.has(name))) return 'coverage';
  const created = input.parameters.get('created');
  const expires = input.parameters.get('expires');
  if (created?.kind !== 'integer' || (expires !== undefined && expires.kind !== 'integer')) return 'undated';
  const createdMs = created.value * 1000;
  if (createdMs - nowMs > expected.clockSkewMs) return 'not-yet-valid';
  if (nowMs - createdMs > expected.maxAgeMs) return 'too-old';
  if (expires !== undefined && nowMs >= expires.value * 1000) return 'expired';
  const base = signatureBase(request, input);
  if (base === null) return 'coverage';
  if (!isMadeBy(owned.key, Buffer.from(base, 'latin1'), signature)) return 'signature';
  return {
    owner: owned.owner,
    keyId,
    baseHash: hash('sha256', base, 'base64url'),
    untilMs: createdMs + expected.maxAgeMs + expected.clockSkewMs,
    covered,
  };
}

/** What is covered whole: a component with parameters covers a part of itself only. */
function coverage(input: InnerList): ReadonlySet<string> {
  const out = new Set<string>();
  for (const { value, parameters } of input.items) {
    if (value.kind !== 'string' || parameters.size > 0) continue;
    out.add(value.value);
    for (const name of coveredBy[value.value] ?? []) out.add(name);
  }
  return out;
}
