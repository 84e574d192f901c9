// Who is calling: a bearer token of a trusted issuer (RFC 6750, RFC 9068), an API key or a client certificate. The first configured method
// whose credential is present decides; a bad credential is refused and never replaced by another. HOT
import type { Clock } from '../../core/index.ts';
import {
  type Consumer,
  type Decision,
  type Exchange,
  type Guard,
  noHooks,
  Refusal,
} from '../../exchange/index.ts';
import { type JwtExpectations, type ParsedJws, parseJwt, peekIssuer, verifyJwt } from '../../jose/index.ts';
import type { ApiKeyTable } from './api-keys.ts';
import { CertificateMethod, type CertificateTable } from './certificates.ts';
import type { ApiKeyMethod, AuthenticationMethod, JwtMethod } from './contract.ts';
import type { Issuer } from './issuer.ts';
import type { TokenCache } from './token-cache.ts';

interface JwtRow {
  readonly issuer: Issuer;
  readonly expected: JwtExpectations;
  readonly cache: TokenCache;
}

const bearer = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export interface AuthenticateContext {
  readonly issuers: ReadonlyMap<string, Issuer>;
  readonly keys: ApiKeyTable;
  readonly certificates: CertificateTable;
  readonly clock: Clock;
}

/**
 * Guard for `methods`; null for a public operation without any. Throws RangeError for an operation that is neither
 * public nor has a method, and for an unknown issuer.
 */
export function compileAuthenticate(
  methods: readonly AuthenticationMethod[],
  isPublic: boolean,
  context: AuthenticateContext,
): Guard | null {
  if (isPublic) return null;
  if (methods.length === 0)
    throw new RangeError('an operation needs a way to authenticate or must be public');
  const { keys, clock } = context;
  const jwts = methods
    .filter((method): method is JwtMethod => method.kind === 'jwt')
    .map((method) => compileJwtRow(method, context));
  const headers = methods
    .filter((method): method is ApiKeyMethod => method.kind === 'api-key')
    .map((m) => m.header);
  const byCertificate = methods.map((method) =>
    method.kind === 'mtls' ? new CertificateMethod(method, context.certificates, clock) : null,
  );
  const missing = new Refusal(
    'credentials-missing',
    'authenticate',
    'no-credentials',
    '',
    jwts.length > 0 || headers.length > 0 ? challenge(jwts, '') : [],
  );

  const onRequest = (exchange: Exchange): Decision | Promise<Decision> => {
    for (let i = 0; i < methods.length; i++) {
      const method = methods[i]!;
      if (method.kind === 'jwt') {
        const authorization = exchange.fields.get('authorization');
        if (authorization !== null) return runBearer(exchange, authorization, jwts, clock);
      } else if (method.kind === 'api-key') {
        const key = exchange.fields.get(method.header);
        if (key !== null) return runApiKey(exchange, key, method.header, keys, clock);
      } else if (exchange.clientCertificate !== null) {
        return byCertificate[i]!.run(exchange, exchange.clientCertificate);
      }
    }
    return missing;
  };
  // A key for the gate is of no use to the upstream, which might log it: no method's key header goes on.
  return {
    ...noHooks,
    name: 'authenticate',
    onRequest:
      headers.length === 0 ? onRequest : (exchange) => stripKeys(onRequest(exchange), exchange, headers),
  };
}

function stripKeys(
  decision: Decision | Promise<Decision>,
  exchange: Exchange,
  headers: readonly string[],
): Decision | Promise<Decision> {
  for (let i = 0; i < headers.length; i++) exchange.fields.remove(headers[i]!);
  return decision;
}

function compileJwtRow(method: JwtMethod, context: AuthenticateContext): JwtRow {
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

/** WWW-Authenticate of RFC 6750 section 3, where bearer tokens are accepted at all. */
function challenge(jwts: readonly JwtRow[], error: string): readonly string[] {
  if (jwts.length === 0) return ['www-authenticate', 'ApiKey'];
  return [
    'www-authenticate',
    error === '' ? 'Bearer' : `Bearer error="invalid_token", error_description="${error}"`,
  ];
}

function invalid(jwts: readonly JwtRow[], reason: string): Refusal {
  if (reason === 'expired') {
    return new Refusal('credentials-expired', 'authenticate', 'jwt-expired', '', challenge(jwts, 'expired'));
  }
  return new Refusal(
    'credentials-invalid',
    'authenticate',
    `jwt-${reason}`,
    '',
    challenge(jwts, 'not valid'),
  );
}

function runBearer(
  exchange: Exchange,
  authorization: string,
  jwts: readonly JwtRow[],
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
      exchange.consumer = hit.consumer;
      return null;
    }
    row.cache.delete(authorization);
  }
  const match = bearer.exec(authorization);
  if (match === null) return invalid(jwts, 'malformed');
  const jws = parseJwt(match[1]!);
  if (typeof jws === 'string') return invalid(jwts, jws);
  const row = jwts.length === 1 ? jwts[0]! : rowOf(jws, jwts);
  if (row === null) return invalid(jwts, 'issuer');
  return runVerify(exchange, authorization, jws, row, jwts, clock);
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
  jwts: readonly JwtRow[],
  clock: Clock,
): Decision | Promise<Decision> {
  const outcome = verifyOnce(exchange, authorization, jws, row, clock);
  if (outcome === null) return null;
  // A key id that is not known may be a new key.
  if (outcome !== 'unknown-key' && outcome !== 'no-keys') return invalid(jwts, outcome);
  return row.issuer.refresh().then(() => {
    const again = verifyOnce(exchange, authorization, jws, row, clock);
    if (again === null) return null;
    if (again === 'no-keys') return new Refusal('key-source-unavailable', 'authenticate', 'no-keys');
    return invalid(jwts, again);
  });
}

function verifyOnce(
  exchange: Exchange,
  authorization: string,
  jws: ParsedJws,
  row: JwtRow,
  clock: Clock,
): string | null {
  const keys = row.issuer.keys;
  if (keys === null) return 'no-keys';
  const verified = verifyJwt(jws, keys, row.expected, clock.epochMs());
  if (typeof verified === 'string') return verified;
  const consumer = consumerOf(verified.claims, row.issuer.config.name);
  if (consumer === null) return 'claims';
  row.cache.set(Buffer.from(authorization, 'latin1').toString('latin1'), {
    consumer,
    expiresMs: verified.expiresMs,
    notBeforeMs: verified.notBeforeMs,
    version: row.issuer.version,
  });
  exchange.consumer = consumer;
  return null;
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

function runApiKey(
  exchange: Exchange,
  key: string,
  header: string,
  keys: ApiKeyTable,
  clock: Clock,
): Decision {
  if (exchange.fields.count(header) > 1)
    return new Refusal('credentials-ambiguous', 'authenticate', 'two-api-keys');
  const row = keys.find(key);
  if (row === null) return keyRefusal('credentials-invalid', 'api-key-unknown');
  if (clock.epochMs() >= row.expiresMs) return keyRefusal('credentials-expired', 'api-key-expired');
  exchange.consumer = row.consumer;
  return null;
}

const keyRefusal = (code: 'credentials-invalid' | 'credentials-expired', reason: string): Refusal =>
  new Refusal(code, 'authenticate', reason, '', ['www-authenticate', 'ApiKey']);
