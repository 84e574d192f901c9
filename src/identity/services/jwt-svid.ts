// JWT-SVIDs (https://spiffe.io/docs/latest/spiffe-specs/jwt-svid/): signed and verified. A token of one trust domain is only
// ever held to that domain's keys: the domain is read from `sub` first, and decides whose keys are looked at.
import {
  type CompiledKey,
  type KeySet,
  parseJsonObject,
  parseJws,
  selectKey,
  signJws,
  verifyJws,
} from '../../jose/index.ts';
import { parseSpiffeId } from '../../net/tls/index.ts';

/** JWT-SVID section 2.1: these and no others; above all no HMAC and no `none`. */
const algorithms = new Set(['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512']);
const types = new Set(['JWT', 'JOSE']);
const MAX_AUDIENCE = 1024;
/** Clocks differ, s. */
const SKEW_S = 30;

export const isAudience = (text: string): boolean =>
  text.length > 0 && text.length <= MAX_AUDIENCE && !/[\x00-\x1f\x7f]/.test(text);

export type JwtSvidProblem =
  | 'malformed'
  | 'algorithm'
  | 'type'
  | 'subject'
  | 'trust-domain'
  | 'key'
  | 'signature'
  | 'audience'
  | 'expired'
  | 'not-yet-valid';

export interface VerifiedJwtSvid {
  readonly spiffeId: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export const signJwtSvid = (key: CompiledKey, claims: Readonly<Record<string, unknown>>): string =>
  signJws({ alg: 'ES256', typ: 'JWT', kid: key.kid }, Buffer.from(JSON.stringify(claims)), key);

/** Verifies for one audience; `keysOf` gives the keys of a trust domain, null for one that is not trusted. */
export function verifyJwtSvid(
  token: string,
  audience: string,
  keysOf: (trustDomain: string) => KeySet | null,
  nowMs: number,
): VerifiedJwtSvid | JwtSvidProblem {
  const jws = parseJws(token);
  if (typeof jws === 'string') return jws === 'algorithm' ? 'algorithm' : 'malformed';
  if (!algorithms.has(jws.algorithm.name)) return 'algorithm';
  const typ = jws.header['typ'];
  if (typ !== undefined && (typeof typ !== 'string' || !types.has(typ))) return 'type';
  const claims = parseJsonObject(jws.payload);
  if (claims === null) return 'malformed';
  const { sub, aud, exp, nbf, iat } = claims as Record<string, unknown>;
  const id = typeof sub === 'string' ? parseSpiffeId(sub) : null;
  if (id === null || id.path === '') return 'subject';
  const keys = keysOf(id.trustDomain);
  if (keys === null) return 'trust-domain';
  const key = jws.kid === '' ? 'unknown-key' : selectKey(jws, keys);
  if (typeof key === 'string') return 'key';
  if (!verifyJws(jws, key)) return 'signature';
  const audiences = typeof aud === 'string' ? [aud] : Array.isArray(aud) ? (aud as unknown[]) : [];
  if (!audiences.includes(audience)) return 'audience';
  const nowS = nowMs / 1000;
  if (typeof exp !== 'number' || !Number.isFinite(exp) || nowS >= exp + SKEW_S) return 'expired';
  for (const moment of [nbf, iat]) {
    if (moment !== undefined && (typeof moment !== 'number' || moment > nowS + SKEW_S))
      return 'not-yet-valid';
  }
  return { spiffeId: sub as string, claims };
}
