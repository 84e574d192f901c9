// Trust bundles (SPIFFE Trust Domain and Bundle, section 4): what verifies the SVIDs of one trust domain, as a JWK Set with a
// sequence number and a hint when to fetch again. Foreign bundles are untrusted text until they have been read here.
import { X509Certificate } from 'node:crypto';
import { compileKeySet, JwkError, type KeySet } from '../../jose/index.ts';
import { parseCertificate } from '../../net/tls/index.ts';
import { toPem } from './pem.ts';

export interface TrustBundle {
  readonly trustDomain: string;
  /** DER. */
  readonly x509Authorities: readonly Buffer[];
  /** Public JWKs with `use: jwt-svid`. */
  readonly jwtAuthorities: readonly Readonly<Record<string, unknown>>[];
  readonly sequence: number;
  readonly refreshHintMs: number;
}

/** The text is no bundle; the message is for people. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
}

/** Longest document read, bytes, and most keys in it. */
export const MAX_BUNDLE_BYTES = 1_048_576;
const MAX_KEYS = 100;
/** Hints outside of these are brought inside: nobody is asked all the time, nor never, ms. */
const MIN_HINT_MS = 30_000;
const MAX_HINT_MS = 86_400_000;
export const DEFAULT_HINT_MS = 300_000;

/** The document that is published (section 4.2). */
export function formatBundle(bundle: TrustBundle): string {
  const x509Keys = bundle.x509Authorities.map((der) => ({
    ...new X509Certificate(der).publicKey.export({ format: 'jwk' }),
    use: 'x509-svid',
    x5c: [der.toString('base64')],
  }));
  return JSON.stringify({
    spiffe_sequence: bundle.sequence,
    spiffe_refresh_hint: Math.round(bundle.refreshHintMs / 1000),
    keys: [...x509Keys, ...bundle.jwtAuthorities],
  });
}

/** PEM of the X.509 authorities. */
export const x509AuthoritiesOf = (bundle: TrustBundle): string =>
  bundle.x509Authorities.map((der) => toPem('CERTIFICATE', der)).join('');

/** JWK Set of what signs JWT-SVIDs, as the Workload API hands it out. */
export const jwtKeySetText = (bundle: TrustBundle): string => JSON.stringify({ keys: bundle.jwtAuthorities });

/** Keys for verifying; null when the bundle has none. */
export function compileJwtAuthorities(bundle: TrustBundle): KeySet | null {
  if (bundle.jwtAuthorities.length === 0) return null;
  const keys = bundle.jwtAuthorities.map((jwk) => ({ ...jwk, use: 'sig' }));
  return compileKeySet(JSON.stringify({ keys }));
}

/**
 * Reads a bundle of `trustDomain`. Keys of unknown use are left out, as the specification asks; everything else that is not
 * as it should be throws BundleError, and the caller keeps what it had.
 */
export function parseBundle(text: string, trustDomain: string): TrustBundle {
  if (Buffer.byteLength(text) > MAX_BUNDLE_BYTES) throw new BundleError('the bundle is larger than 1 MiB');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new BundleError('the bundle is not JSON');
  }
  const {
    keys,
    spiffe_sequence: sequence,
    spiffe_refresh_hint: hint,
  } = (typeof document === 'object' && document !== null ? document : {}) as Record<string, unknown>;
  if (!Array.isArray(keys)) throw new BundleError('the bundle has no "keys"');
  if (keys.length > MAX_KEYS) throw new BundleError(`the bundle has more than ${MAX_KEYS} keys`);
  const x509Authorities: Buffer[] = [];
  const jwtAuthorities: Record<string, unknown>[] = [];
  for (const entry of keys) {
    if (typeof entry !== 'object' || entry === null) throw new BundleError('a key is not an object');
    const jwk = entry as Record<string, unknown>;
    if (jwk['use'] === 'x509-svid') x509Authorities.push(readAuthority(jwk, trustDomain));
    else if (jwk['use'] === 'jwt-svid') jwtAuthorities.push(readJwtAuthority(jwk));
  }
  const bundle: TrustBundle = {
    trustDomain,
    x509Authorities,
    jwtAuthorities,
    sequence: Number.isSafeInteger(sequence) && (sequence as number) >= 0 ? (sequence as number) : 0,
    refreshHintMs:
      typeof hint === 'number' && hint > 0
        ? Math.min(MAX_HINT_MS, Math.max(MIN_HINT_MS, hint * 1000))
        : DEFAULT_HINT_MS,
  };
  try {
    compileJwtAuthorities(bundle);
  } catch (error) {
    if (error instanceof JwkError)
      throw new BundleError(`the keys for JWT-SVIDs can not be used: ${error.message}`);
    throw error;
  }
  return bundle;
}

function readAuthority(jwk: Record<string, unknown>, trustDomain: string): Buffer {
  const chain = jwk['x5c'];
  if (!Array.isArray(chain) || chain.length !== 1 || typeof chain[0] !== 'string')
    throw new BundleError('a key for X509-SVIDs has not exactly one certificate in "x5c"');
  const der = Buffer.from(chain[0], 'base64');
  try {
    const { isCa, names } = parseCertificate(der);
    if (!isCa) throw new BundleError('a certificate of the bundle is no authority');
    // X509-SVID section 4.1: an authority that names a trust domain speaks for that one.
    const own = names.uris.filter((uri) => uri.startsWith('spiffe://'));
    if (own.some((uri) => uri !== `spiffe://${trustDomain}`))
      throw new BundleError(`an authority of the bundle is not of ${trustDomain}`);
    return new X509Certificate(der).raw;
  } catch (error) {
    if (error instanceof BundleError) throw error;
    throw new BundleError('a certificate of the bundle can not be read');
  }
}

function readJwtAuthority(jwk: Record<string, unknown>): Record<string, unknown> {
  const { kid, kty } = jwk;
  if (typeof kid !== 'string' || kid === '') throw new BundleError('a key for JWT-SVIDs has no "kid"');
  if (kty !== 'EC' && kty !== 'RSA') throw new BundleError('a key for JWT-SVIDs is neither EC nor RSA');
  const { crv, x, y, n, e } = jwk;
  return Object.fromEntries(
    Object.entries({ kty, crv, x, y, n, e, kid, use: 'jwt-svid' }).filter(([, value]) => value !== undefined),
  );
}
