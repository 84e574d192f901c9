// Bearer tokens (RFC 6750) of trusted issuers. A token that was verified before is taken from the cache, where only its
// times, the key set's version and the withdrawals are looked at again. HOT
import type { Clock } from '../../core/index.ts';
import { RevocationKind, type RevocationTable } from '../../credentials/index.ts';
import { type Consumer, type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import { type JwtExpectations, type ParsedJws, parseJwt, peekIssuer, verifyJwt } from '../../jose/index.ts';
import { type CompiledMethod, NOT_THERE } from './compiled-method.ts';
import type { JwtMethod } from './contract.ts';
import type { Issuer } from './issuer.ts';
import type { CachedToken, TokenCache } from './token-cache.ts';

interface JwtRow {
  readonly issuer: Issuer;
  readonly expected: JwtExpectations;
  readonly cache: TokenCache;
}

const bearer = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export interface BearerContext {
  readonly issuers: ReadonlyMap<string, Issuer>;
  readonly revocations: RevocationTable | null;
  readonly clock: Clock;
}

/** All methods of an operation whose credential is a bearer token: the token says whose it is. */
export function compileBearer(methods: readonly JwtMethod[], context: BearerContext): CompiledMethod {
  const jwts = methods.map((method) => compileJwtRow(method, context));
  const { clock, revocations } = context;
  return {
    challenge: 'Bearer',
    run: (exchange) => {
      const authorization = exchange.fields.get('authorization');
      return authorization === null
        ? NOT_THERE
        : runBearer(exchange, authorization, jwts, revocations, clock);
    },
    strip: '',
  };
}

function compileJwtRow(method: JwtMethod, context: BearerContext): JwtRow {
  const issuer = context.issuers.get(method.issuer);
  if (issuer === undefined) throw new RangeError(`unknown issuer ${method.issuer}`);
  const { config } = issuer;
  return {
    issuer,
    expected: {
      issuer: config.issuer,
      audiences: method.audiences,
      algorithms: new Set(config.algorithms),
      types: config.types,
      clockSkewMs: config.clockSkewMs,
    },
    cache: issuer.cacheFor(method.audiences),
  };
}

/** WWW-Authenticate of RFC 6750 section 3. */
const challenge = (error: string): readonly string[] => [
  'www-authenticate',
  `Bearer error="invalid_token", error_description="${error}"`,
];
const expiredFields = challenge('expired');
const invalidFields = challenge('not valid');

const invalid = (reason: string): Refusal =>
  reason === 'expired'
    ? new Refusal('credentials-expired', 'authenticate', 'jwt-expired', '', expiredFields)
    : new Refusal('credentials-invalid', 'authenticate', `jwt-${reason}`, '', invalidFields);

function runBearer(
  exchange: Exchange,
  authorization: string,
  jwts: readonly JwtRow[],
  revocations: RevocationTable | null,
  clock: Clock,
): Decision | Promise<Decision> {
  const nowMs = clock.epochMs();
  // Fast path: this very token was verified before; its times and the key set's version are checked again.
  for (let i = 0; i < jwts.length; i++) {
    const row = jwts[i]!;
    const hit = row.cache.get(authorization);
    if (hit === undefined) continue;
    const skewMs = row.expected.clockSkewMs;
    if (
      hit.version === row.issuer.version &&
      nowMs < hit.expiresMs + skewMs &&
      nowMs >= hit.notBeforeMs - skewMs
    ) {
      if (revocations === null || hit.checkedVersion === revocations.version) {
        exchange.consumer = hit.consumer;
        return null;
      }
      if (isRevoked(hit, row, revocations)) return invalid('revoked');
      exchange.consumer = hit.consumer;
      return null;
    }
    row.cache.delete(authorization);
  }
  const match = bearer.exec(authorization);
  if (match === null) return invalid('malformed');
  const jws = parseJwt(match[1]!);
  if (typeof jws === 'string') return invalid(jws);
  const row = jwts.length === 1 ? jwts[0]! : rowOf(jws, jwts);
  if (row === null) return invalid('issuer');
  return runVerify(exchange, authorization, jws, row, revocations, clock);
}

/** Several issuers: the token says whose it is, and then only that issuer's keys count. */
function rowOf(jws: ParsedJws, jwts: readonly JwtRow[]): JwtRow | null {
  const issuer = peekIssuer(jws);
  return jwts.find((row) => row.expected.issuer === issuer) ?? null;
}

function runVerify(
  exchange: Exchange,
  authorization: string,
  jws: ParsedJws,
  row: JwtRow,
  revocations: RevocationTable | null,
  clock: Clock,
): Decision | Promise<Decision> {
  const outcome = verifyOnce(exchange, authorization, jws, row, revocations, clock);
  if (outcome === null) return null;
  // A key id that is not known may be a new key.
  if (outcome !== 'unknown-key' && outcome !== 'no-keys') return invalid(outcome);
  return row.issuer.refresh().then(() => {
    const again = verifyOnce(exchange, authorization, jws, row, revocations, clock);
    if (again === null) return null;
    if (again === 'no-keys') return new Refusal('key-source-unavailable', 'authenticate', 'no-keys');
    return invalid(again);
  });
}

function verifyOnce(
  exchange: Exchange,
  authorization: string,
  jws: ParsedJws,
  row: JwtRow,
  revocations: RevocationTable | null,
  clock: Clock,
): string | null {
  const keys = row.issuer.keys;
  if (keys === null) return 'no-keys';
  const verified = verifyJwt(jws, keys, row.expected, clock.epochMs());
  if (typeof verified === 'string') return verified;
  const consumer = consumerOf(verified.claims, row.issuer.config.name);
  if (consumer === null) return 'claims';
  const entry: CachedToken = {
    consumer,
    expiresMs: verified.expiresMs,
    notBeforeMs: verified.notBeforeMs,
    issuedMs: verified.issuedMs,
    version: row.issuer.version,
    checkedVersion: -1,
  };
  if (revocations !== null && isRevoked(entry, row, revocations)) return 'revoked';
  row.cache.set(Buffer.from(authorization, 'latin1').toString('latin1'), entry);
  exchange.consumer = consumer;
  return null;
}

/** Looks a token up among the withdrawals and remembers at which of their versions it was good. */
function isRevoked(entry: CachedToken, row: JwtRow, revocations: RevocationTable): boolean {
  // The version first: what is withdrawn from here on makes the next request look again.
  const version = revocations.version;
  const { consumer, issuedMs } = entry;
  const issuer = row.issuer.config.name;
  if (
    (consumer.credentialId !== '' &&
      revocations.isRevoked(RevocationKind.token, `${issuer}|${consumer.credentialId}`, issuedMs)) ||
    revocations.isRevoked(RevocationKind.subject, consumer.id, issuedMs) ||
    revocations.isRevoked(RevocationKind.issuer, issuer, issuedMs)
  ) {
    return true;
  }
  const session = consumer.claims['sid'];
  if (
    typeof session === 'string' &&
    revocations.isRevoked(RevocationKind.session, `${issuer}|${session}`, issuedMs)
  ) {
    return true;
  }
  entry.checkedVersion = version;
  return false;
}

/** `sub`, or the client for tokens without a user; scopes from `scope` (RFC 8693) or the usual `scp`. */
function consumerOf(claims: Readonly<Record<string, unknown>>, issuer: string): Consumer | null {
  const subject = claims['sub'] ?? claims['client_id'] ?? claims['azp'];
  if (typeof subject !== 'string' || subject === '') return null;
  const scope = claims['scope'] ?? claims['scp'] ?? '';
  const scopes = Array.isArray(scope) ? scope : typeof scope === 'string' ? scope.split(' ') : null;
  if (scopes === null || !scopes.every((entry) => typeof entry === 'string')) return null;
  const id = claims['jti'];
  return {
    id: `${issuer}|${subject}`,
    method: 'jwt',
    scopes: new Set(scopes.filter((entry) => entry !== '')),
    claims,
    credentialId: typeof id === 'string' ? id : '',
  };
}
