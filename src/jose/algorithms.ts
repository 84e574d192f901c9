// The signature algorithms of JWA (RFC 7518) and RFC 8037 that the gate knows, each bound to one kind of key.
// `none` is not among them.
import { constants } from 'node:crypto';

export type AlgorithmName =
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519';

export interface Algorithm {
  readonly name: AlgorithmName;
  readonly keyType: 'oct' | 'RSA' | 'EC' | 'OKP';
  /** Curve of EC and OKP keys. */
  readonly curve: string;
  /** Hash name for node:crypto; null where the algorithm has its own. */
  readonly hash: string | null;
  readonly padding: number | undefined;
  readonly saltLength: number | undefined;
  /** Bytes of a signature where they are fixed, else 0. */
  readonly signatureBytes: number;
  /** Least size of a key: bits of the modulus (RSA), bytes (oct). */
  readonly minimumKey: number;
}

/** RFC 7518 section 3.3: "A key of size 2048 bits or larger MUST be used". */
const MIN_RSA_BITS = 2048;

function hmac(name: AlgorithmName, hash: string, bytes: number): Algorithm {
  return {
    name,
    keyType: 'oct',
    curve: '',
    hash,
    padding: undefined,
    saltLength: undefined,
    signatureBytes: bytes,
    minimumKey: bytes,
  };
}

function rsa(name: AlgorithmName, hash: string, saltLength: number | undefined): Algorithm {
  const padding = saltLength === undefined ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_PSS_PADDING;
  return {
    name,
    keyType: 'RSA',
    curve: '',
    hash,
    padding,
    saltLength,
    signatureBytes: 0,
    minimumKey: MIN_RSA_BITS,
  };
}

function curve(
  name: AlgorithmName,
  keyType: 'EC' | 'OKP',
  curveName: string,
  hash: string | null,
  bytes: number,
): Algorithm {
  return {
    name,
    keyType,
    curve: curveName,
    hash,
    padding: undefined,
    saltLength: undefined,
    signatureBytes: bytes,
    minimumKey: 0,
  };
}

const all: readonly Algorithm[] = [
  hmac('HS256', 'sha256', 32),
  hmac('HS384', 'sha384', 48),
  hmac('HS512', 'sha512', 64),
  rsa('RS256', 'sha256', undefined),
  rsa('RS384', 'sha384', undefined),
  rsa('RS512', 'sha512', undefined),
  rsa('PS256', 'sha256', 32),
  rsa('PS384', 'sha384', 48),
  rsa('PS512', 'sha512', 64),
  curve('ES256', 'EC', 'P-256', 'sha256', 64),
  curve('ES384', 'EC', 'P-384', 'sha384', 96),
  curve('ES512', 'EC', 'P-521', 'sha512', 132),
  curve('EdDSA', 'OKP', 'Ed25519', null, 64),
  // RFC 9864 names the curve in the algorithm.
  curve('Ed25519', 'OKP', 'Ed25519', null, 64),
];

export const algorithms: ReadonlyMap<string, Algorithm> = new Map(all.map((entry) => [entry.name, entry]));
export const algorithmNames = all.map((entry) => entry.name);
