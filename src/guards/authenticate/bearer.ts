// Bearer and DPoP tokens (RFC 6750, RFC 9449) of trusted issuers: JWTs, which are verified here, and opaque ones, about
// which the issuer is asked (RFC 7662). A token that was found good before is taken from the cache, where its times,
// the key set's version and the withdrawals are looked at again, and possession is proved anew. HOT
import type { Clock } from '../../core/index.ts';
import { RevocationKind, type RevocationTable } from '../../credentials/index.ts';
import { type Consumer, type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import { type JwtExpectations, type ParsedJws, parseJwt, peekIssuer, verifyJwt } from '../../jose/index.ts';
import { type CompiledMethod, NOT_THERE } from './compiled-method.ts';
import type { IntrospectMethod, JwtMethod, TokenBinding } from './contract.ts';
import type { Issuer } from './issuer.ts';
import { confirmationOf, type Possession } from './possession.ts';
import type { CachedToken, TokenCache } from './token-cache.ts';

interface TokenRow {
  readonly issuer: Issuer;
  /** Null: the issuer is asked. */
  readonly expected: JwtExpectations | null;
  /** Empty: whatever an answer of the issuer says. */
  readonly audiences: readonly string[];
  readonly bound: TokenBinding;
  /** Whose tokens are taken; null for everybody's. */
  readonly takes: ((subject: string) => boolean) | null;
  readonly clockSkewMs: number;
  readonly cache: TokenCache;
}

const credentials = /^(bearer|dpop) +([A-Za-z0-9\-._~+/]+=*)$/i;
/** Longest opaque token that is asked about, characters. */
const MAX_OPAQUE = 4096;

export interface BearerContext {
  readonly issuers: ReadonlyMap<string, Issuer>;
  readonly revocations: RevocationTable | null;
  readonly possession: Possession;
  readonly clock: Clock;
}

/** All methods of an operation whose credential is a token: the token says whose it is. */
export function compileBearer(
  methods: readonly (JwtMethod | IntrospectMethod)[],
  context: BearerContext,
): CompiledMethod {
  const bearer = new BearerMethod(
    methods.map((method) => compileRow(method, context)),
    context,
  );
  return {
    challenge: methods.every(({ bound }) => bound === 'dpop') ? context.possession.challenge : 'Bearer',
    run: (exchange) => {
      const authorization = exchange.fields.get('authorization');
      return authorization === null ? NOT_THERE : bearer.run(exchange, authorization);
    },
    runBody: null,
    // A proof is good for one request, which this was.
    strips: ['dpop'],
  };
}

function compileRow(method: JwtMethod | IntrospectMethod, context: BearerContext): TokenRow {
  const issuer = context.issuers.get(method.issuer);
  if (issuer === undefined) throw new RangeError(`unknown issuer ${method.issuer}`);
  const { config } = issuer;
  return {
    issuer,
    expected:
      method.kind === 'introspect'
        ? null
        : {
            issuer: config.issuer,
            audiences: method.audiences,
            algorithms: new Set(config.algorithms),
            types: config.types,
            requiredClaims: config.requiredClaims,
            clockSkewMs: config.clockSkewMs,
          },
    audiences: method.audiences,
    bound: method.bound,
    takes: compileSubjects(method.subjects),
    clockSkewMs: config.clockSkewMs,
    // INVARIANT: whatever a method asks of a token stands in the name of its cache.
    cache: issuer.cacheFor(
      `${method.kind} ${method.bound} ${JSON.stringify([[...method.audiences].sort(), [...method.subjects].sort()])}`,
    ),
  };
}

function compileSubjects(subjects: readonly string[]): TokenRow['takes'] {
  if (subjects.length === 0) return null;
  const exact = new Set(subjects.filter((subject) => !subject.endsWith('*')));
  const beginnings = subjects.filter((subject) => subject.endsWith('*')).map((text) => text.slice(0, -1));
  return (subject) => exact.has(subject) || beginnings.some((text) => subject.startsWith(text));
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

const unavailable = (reason: string): Refusal =>
  new Refusal('key-source-unavailable', 'authenticate', reason);

class BearerMethod {
  readonly #rows: readonly TokenRow[];
  readonly #jwts: readonly TokenRow[];
  readonly #opaque: TokenRow | null;
  readonly #revocations: RevocationTable | null;
  readonly #possession: Possession;
  readonly #clock: Clock;

  constructor(rows: readonly TokenRow[], context: BearerContext) {
    this.#rows = rows;
    this.#jwts = rows.filter((row) => row.expected !== null);
    this.#opaque = rows.find((row) => row.expected === null) ?? null;
    this.#revocations = context.revocations;
    this.#possession = context.possession;
    this.#clock = context.clock;
  }

  run(exchange: Exchange, authorization: string): Decision | Promise<Decision> {
    const nowMs = this.#clock.epochMs();
    const rows = this.#rows;
    // Fast path: this very token was found good before; what may have changed since is looked at again.
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const hit = row.cache.get(authorization);
      if (hit === undefined) continue;
      const skewMs = row.clockSkewMs;
      if (
        hit.version === row.issuer.version &&
        nowMs < hit.expiresMs + skewMs &&
        nowMs >= hit.notBeforeMs - skewMs
      ) {
        return this.#admit(exchange, authorization, hit, row);
      }
      row.cache.delete(authorization);
    }
    const match = credentials.exec(authorization);
    if (match === null) return invalid('malformed');
    const token = match[2]!;
    if (this.#jwts.length === 0) return this.#ask(exchange, authorization, token, this.#opaque!);
    const jws = parseJwt(token);
    if (typeof jws === 'string') {
      // What has not the shape of a JWT is none of a JWT issuer's.
      return this.#opaque !== null && !/^[^.]+\.[^.]+\.[^.]*$/.test(token)
        ? this.#ask(exchange, authorization, token, this.#opaque)
        : invalid(jws);
    }
    const row = this.#rowOf(jws);
    if (row === null) return invalid('issuer');
    if (row.expected === null) return this.#ask(exchange, authorization, token, row);
    return this.#verify(exchange, authorization, jws, row, row.expected);
  }

  /** Several issuers: the token says whose it is, and then only that issuer counts. */
  #rowOf(jws: ParsedJws): TokenRow | null {
    if (this.#rows.length === 1) return this.#rows[0]!;
    const issuer = peekIssuer(jws);
    return this.#rows.find((row) => row.issuer.config.issuer === issuer) ?? null;
  }

  #verify(
    exchange: Exchange,
    authorization: string,
    jws: ParsedJws,
    row: TokenRow,
    expected: JwtExpectations,
  ): Decision | Promise<Decision> {
    const outcome = this.#verifyOnce(exchange, authorization, jws, row, expected);
    // A key id that is not known may be a new key.
    if (outcome !== 'unknown-key' && outcome !== 'no-keys')
      return typeof outcome === 'string' ? invalid(outcome) : outcome;
    return row.issuer.refresh().then(() => {
      const again = this.#verifyOnce(exchange, authorization, jws, row, expected);
      if (again === 'no-keys') return unavailable('no-keys');
      return typeof again === 'string' ? invalid(again) : again;
    });
  }

  #verifyOnce(
    exchange: Exchange,
    authorization: string,
    jws: ParsedJws,
    row: TokenRow,
    expected: JwtExpectations,
  ): Refusal | string | null {
    const keys = row.issuer.keys;
    if (keys === null) return 'no-keys';
    const verified = verifyJwt(jws, keys, expected, this.#clock.epochMs());
    if (typeof verified === 'string') return verified;
    const { claims, expiresMs, notBeforeMs, issuedMs } = verified;
    return this.#take(exchange, authorization, row, claims, expiresMs, notBeforeMs, issuedMs);
  }

  async #ask(exchange: Exchange, authorization: string, token: string, row: TokenRow): Promise<Decision> {
    if (token.length > MAX_OPAQUE) return invalid('too-long');
    const answer = await row.issuer.introspect(token);
    if (answer.kind === 'unavailable') return unavailable('introspection');
    if (answer.kind === 'inactive') return invalid('inactive');
    const { claims, untilMs } = answer;
    if (row.audiences.length > 0) {
      const named = Array.isArray(claims['aud']) ? claims['aud'] : [claims['aud']];
      if (!row.audiences.some((audience) => named.includes(audience))) return invalid('audience');
    }
    const issuedMs = typeof claims['iat'] === 'number' ? claims['iat'] * 1000 : 0;
    const result = this.#take(exchange, authorization, row, claims, untilMs - row.clockSkewMs, 0, issuedMs);
    return typeof result === 'string' ? invalid(result) : result;
  }

  /** A token whose claims are true: who it is, whether it may come in this way, and into the cache with it. */
  #take(
    exchange: Exchange,
    authorization: string,
    row: TokenRow,
    claims: Readonly<Record<string, unknown>>,
    expiresMs: number,
    notBeforeMs: number,
    issuedMs: number,
  ): Refusal | string | null {
    const consumer = consumerOf(claims, row.issuer.config.name);
    if (consumer === null) return 'claims';
    if (row.takes !== null && !row.takes(consumer.id.slice(row.issuer.config.name.length + 1)))
      return 'subject';
    const confirmation = confirmationOf(claims);
    if (confirmation === 'unknown') return 'confirmation';
    const isDpop = authorization.length > 4 && authorization.slice(0, 5).toLowerCase() === 'dpop ';
    const refused = this.#possession.judgeBinding(confirmation, isDpop, row.bound);
    if (refused !== null) return refused;
    const entry: CachedToken = {
      consumer,
      expiresMs,
      notBeforeMs,
      issuedMs,
      confirmation,
      version: row.issuer.version,
      checkedVersion: -1,
    };
    const decision = this.#admit(exchange, authorization, entry, row);
    // Only what nothing but a missing proof stands against is worth remembering.
    if (decision === null || (confirmation !== null && decision.reason !== 'jwt-revoked'))
      row.cache.set(Buffer.from(authorization, 'latin1').toString('latin1'), entry);
    return decision;
  }

  #admit(exchange: Exchange, authorization: string, entry: CachedToken, row: TokenRow): Refusal | null {
    const revocations = this.#revocations;
    if (
      revocations !== null &&
      entry.checkedVersion !== revocations.version &&
      isRevoked(entry, row, revocations)
    ) {
      return invalid('revoked');
    }
    if (entry.confirmation !== null) {
      const token = authorization.slice(authorization.lastIndexOf(' ') + 1);
      const refused = this.#possession.prove(exchange, entry.confirmation, token);
      if (refused !== null) return refused;
    }
    exchange.consumer = entry.consumer;
    return null;
  }
}

/** Looks a token up among the withdrawals and remembers at which of their versions it was good. */
function isRevoked(entry: CachedToken, row: TokenRow, revocations: RevocationTable): boolean {
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
export function consumerOf(claims: Readonly<Record<string, unknown>>, issuer: string): Consumer | null {
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
