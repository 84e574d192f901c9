// One version of a transit key: what it encrypts, signs and authenticates with. The formats are Vault's; AES is in GCM-SIV
// inside of them, because one key seals many messages here.
import {
  constants,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { openAead, SealError, sealAead } from '../../envelope/index.ts';
import { VaultError } from '../contract.ts';

export const transitTypes = [
  'aes128-gcm96',
  'aes256-gcm96',
  'ed25519',
  'ecdsa-p256',
  'ecdsa-p384',
  'ecdsa-p521',
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
  'hmac',
] as const;
export type TransitType = (typeof transitTypes)[number];

export interface TransitVersion {
  readonly createdMs: number;
  /** Secret bytes, base64url: for encryption, derivation and HMAC. */
  readonly secret: string;
  /** PKCS #8, base64url; empty for symmetric types. */
  readonly privateKey: string;
}

const SECRET_BYTES = 32;

export const canEncrypt = (type: TransitType): boolean => type.startsWith('aes') || type.startsWith('rsa');
export const canSign = (type: TransitType): boolean => !type.startsWith('aes') && type !== 'hmac';
export const canDerive = (type: TransitType): boolean => type.startsWith('aes');

export function newTransitVersion(type: TransitType, nowMs: number): TransitVersion {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const pair = pairOf(type);
  const privateKey = pair === null ? '' : pair.export({ format: 'der', type: 'pkcs8' }).toString('base64url');
  return { createdMs: nowMs, secret, privateKey };
}

function pairOf(type: TransitType): KeyObject | null {
  switch (type) {
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
    case 'ecdsa-p256':
    case 'ecdsa-p384':
    case 'ecdsa-p521':
      return generateKeyPairSync('ec', { namedCurve: type.replace('ecdsa-p', 'P-') }).privateKey;
    case 'rsa-2048':
    case 'rsa-3072':
    case 'rsa-4096':
      return generateKeyPairSync('rsa', { modulusLength: Number(type.slice(4)) }).privateKey;
    default:
      return null;
  }
}

const privateKeyOf = (version: TransitVersion): KeyObject =>
  createPrivateKey({ key: Buffer.from(version.privateKey, 'base64url'), format: 'der', type: 'pkcs8' });

/** PEM of the public half; empty for symmetric types. Ed25519 is the raw key in base64, as Vault has it. */
export function publicKeyText(type: TransitType, version: TransitVersion): string {
  if (version.privateKey === '') return '';
  const key = createPublicKey(privateKeyOf(version));
  if (type !== 'ed25519') return key.export({ format: 'pem', type: 'spki' }).toString();
  return Buffer.from((key.export({ format: 'jwk' }) as { x: string }).x, 'base64url').toString('base64');
}

export interface CipherOptions {
  /** For derived keys; null for others. */
  readonly context: Buffer | null;
  /** Equal texts give equal ciphertexts. */
  readonly convergent: boolean;
  readonly associated: Buffer;
}

function cipherKey(type: TransitType, version: TransitVersion, context: Buffer | null): Buffer {
  const length = type === 'aes128-gcm96' ? 16 : 32;
  const secret = Buffer.from(version.secret, 'base64url');
  const info = context === null ? 'gatewright transit encrypt' : 'gatewright transit derived';
  // An absent context and an empty one give different keys: derivation is a property of the key.
  return Buffer.from(hkdfSync('sha256', secret, context ?? Buffer.alloc(0), info, length));
}

export function encryptTransit(
  type: TransitType,
  version: TransitVersion,
  clear: Buffer,
  { context, convergent, associated }: CipherOptions,
): Buffer {
  if (type.startsWith('rsa'))
    return publicEncrypt(
      {
        key: createPublicKey(privateKeyOf(version)),
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: 'sha256',
      },
      clear,
    );
  const key = cipherKey(type, version, context);
  try {
    // GCM-SIV needs no nonce of its own for equal ciphertexts: one that stands still shows equality, as was asked for.
    return sealAead(
      'gcm-siv',
      key,
      associated,
      clear,
      convergent ? (count) => Buffer.alloc(count) : randomBytes,
    );
  } finally {
    key.fill(0);
  }
}

/** Throws VaultError. */
export function decryptTransit(
  type: TransitType,
  version: TransitVersion,
  sealed: Buffer,
  { context, associated }: CipherOptions,
): Buffer {
  if (type.startsWith('rsa')) {
    try {
      return privateDecrypt(
        { key: privateKeyOf(version), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
        sealed,
      );
    } catch {
      throw new VaultError('invalid', 'invalid ciphertext: unable to decrypt');
    }
  }
  const key = cipherKey(type, version, context);
  try {
    return openAead('gcm-siv', key, associated, sealed);
  } catch (error) {
    if (error instanceof SealError) throw new VaultError('invalid', 'cipher: message authentication failed');
    throw error;
  } finally {
    key.fill(0);
  }
}

const hashes: Readonly<Record<string, string>> = {
  'sha2-224': 'sha224',
  'sha2-256': 'sha256',
  'sha2-384': 'sha384',
  'sha2-512': 'sha512',
  'sha3-224': 'sha3-224',
  'sha3-256': 'sha3-256',
  'sha3-384': 'sha3-384',
  'sha3-512': 'sha3-512',
};

/** OpenSSL's name of a hash of Vault's. Throws VaultError. */
export function hashName(algorithm: string): string {
  if (!Object.hasOwn(hashes, algorithm))
    throw new VaultError('invalid', `unsupported hash algorithm "${algorithm}"`);
  return hashes[algorithm]!;
}

export const hashOf = (algorithm: string, input: Buffer): Buffer =>
  createHash(hashName(algorithm)).update(input).digest();

export function hmacTransit(version: TransitVersion, algorithm: string, input: Buffer): Buffer {
  const secret = Buffer.from(version.secret, 'base64url');
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'gatewright transit hmac', 32));
  return createHmac(hashName(algorithm), key).update(input).digest();
}

export function verifyHmac(version: TransitVersion, algorithm: string, input: Buffer, mac: Buffer): boolean {
  const expected = hmacTransit(version, algorithm, input);
  return expected.length === mac.length && timingSafeEqual(expected, mac);
}

export interface SignOptions {
  readonly hash: string;
  /** RSA: `pss` or `pkcs1v15`. */
  readonly padding: string;
  /** EC: `asn1` or `jws`. */
  readonly marshaling: string;
}

function signKey(key: KeyObject, type: TransitType, { padding, marshaling }: SignOptions) {
  if (type.startsWith('rsa')) {
    if (padding !== 'pss' && padding !== 'pkcs1v15')
      throw new VaultError('invalid', `unsupported signature algorithm "${padding}"`);
    return padding === 'pss'
      ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { key, padding: constants.RSA_PKCS1_PADDING };
  }
  return { key, dsaEncoding: marshaling === 'jws' ? ('ieee-p1363' as const) : ('der' as const) };
}

export function signTransit(
  type: TransitType,
  version: TransitVersion,
  input: Buffer,
  options: SignOptions,
): Buffer {
  const hash = type === 'ed25519' ? null : hashName(options.hash);
  return sign(hash, input, signKey(privateKeyOf(version), type, options));
}

export function verifyTransit(
  type: TransitType,
  version: TransitVersion,
  input: Buffer,
  signature: Buffer,
  options: SignOptions,
): boolean {
  const hash = type === 'ed25519' ? null : hashName(options.hash);
  return verify(hash, input, signKey(createPublicKey(privateKeyOf(version)), type, options), signature);
}
