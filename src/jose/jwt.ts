// JSON Web Tokens (RFC 7519) as access tokens, with the checks of RFC 8725: the issuer's own algorithms and keys,
// exact issuer, audience, times, and a `typ` that is not that of another kind of token.
import type { CompiledKey, KeySet } from './jwk.ts';
import { type JwsProblem, type ParsedJws, parseJws, selectKey, signJws, verifyJws } from './jws.ts';
import { parseJsonObject } from './strict-json.ts';

export interface JwtExpectations {
  readonly issuer: string;
  /** One of these must be in `aud`; never empty. */
  readonly audiences: readonly string[];
  readonly algorithms: ReadonlySet<string>;
  /** Accepted `typ` values in lower case without `application/`; empty: none, `jwt` and `at+jwt`. */
  readonly types: readonly string[];
  /** Claims that must be there as texts, or as dates where they are dates. */
  readonly requiredClaims: readonly string[];
  readonly clockSkewMs: number;
}

/** What RFC 9068 section 2.2 asks of an access token besides issuer, audience and expiry. */
export const rfc9068Claims: readonly string[] = ['sub', 'client_id', 'iat', 'jti'];

export type JwtProblem =
  | JwsProblem
  | 'issuer'
  | 'audience'
  | 'type'
  | 'no-expiry'
  | 'expired'
  | 'not-yet-valid'
  | 'claims';

export interface VerifiedJwt {
  readonly claims: Readonly<Record<string, unknown>>;
  /** ms since the epoch at which the token ends, without skew. */
  readonly expiresMs: number;
  /** ms since the epoch before which it is not valid; 0 when it does not say. */
  readonly notBeforeMs: number;
  /** ms since the epoch at which it was issued; 0 when it does not say. */
  readonly issuedMs: number;
}

const defaultTypes = ['', 'jwt', 'at+jwt'];

/** Verifies `jws`, which `parseJwt` gave, at `nowMs` (epoch). */
export function verifyJwt(
  jws: ParsedJws,
  set: KeySet,
  expected: JwtExpectations,
  nowMs: number,
): VerifiedJwt | JwtProblem {
  if (!expected.algorithms.has(jws.algorithm.name)) return 'algorithm';
  const key = selectKey(jws, set);
  if (typeof key === 'string') return key;
  if (!verifyJws(jws, key)) return 'signature';

  const typ = jws.header['typ'];
  if (typ !== undefined && typeof typ !== 'string') return 'type';
  const type = (typ ?? '').toLowerCase().replace(/^application\//, '');
  if (!(expected.types.length === 0 ? defaultTypes : expected.types).includes(type)) return 'type';

  const claims = parseJsonObject(jws.payload);
  if (claims === null) return 'claims';
  if (claims['iss'] !== expected.issuer) return 'issuer';
  const audience = claims['aud'];
  const audiences = Array.isArray(audience) ? audience : [audience];
  if (!audiences.every((entry) => typeof entry === 'string')) return 'audience';
  if (!expected.audiences.some((entry) => audiences.includes(entry))) return 'audience';

  const expires = claims['exp'];
  if (expires === undefined) return 'no-expiry';
  const notBefore = claims['nbf'] ?? 0;
  const issued = claims['iat'] ?? 0;
  if (!isDate(expires) || !isDate(notBefore) || !isDate(issued)) return 'claims';
  for (const member of ['sub', 'jti', 'scope', 'client_id']) {
    if (claims[member] !== undefined && typeof claims[member] !== 'string' && member !== 'scope')
      return 'claims';
  }
  for (const member of expected.requiredClaims) if (claims[member] === undefined) return 'claims';
  if (nowMs >= expires * 1000 + expected.clockSkewMs) return 'expired';
  if (nowMs < notBefore * 1000 - expected.clockSkewMs) return 'not-yet-valid';
  if (nowMs < issued * 1000 - expected.clockSkewMs) return 'not-yet-valid';
  return { claims, expiresMs: expires * 1000, notBeforeMs: notBefore * 1000, issuedMs: issued * 1000 };
}

/** A NumericDate (RFC 7519 section 2): seconds, finite, not negative, within what a Date can hold. */
const isDate = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < 8.64e12;

/** `iss` of a token before it is verified, to choose between issuers; empty when there is none. */
export function peekIssuer(jws: ParsedJws): string {
  const issuer = parseJsonObject(jws.payload)?.['iss'];
  return typeof issuer === 'string' ? issuer : '';
}

export const parseJwt = parseJws;

/** A signed JWT with `typ: at+jwt` (RFC 9068). */
export function signJwt(
  claims: Readonly<Record<string, unknown>>,
  key: CompiledKey,
  algorithm: string,
): string {
  const header = { alg: algorithm, typ: 'at+jwt', ...(key.kid === '' ? {} : { kid: key.kid }) };
  return signJws(header, Buffer.from(JSON.stringify(claims)), key);
}
