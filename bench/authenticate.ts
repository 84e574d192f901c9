// `node bench/authenticate.ts`: the cost of one authentication on a data-plane thread, without sockets: a token whose
// verdict is cached, and an API key. Prints nanoseconds a call, the best of several rounds.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { systemClock } from '../src/core/index.ts';
import {
  createApiKey,
  createReplayTable,
  createRevocationTable,
  ReplayTable,
  RevocationTable,
  RevocationWriter,
} from '../src/credentials/index.ts';
import { Exchange } from '../src/exchange/index.ts';
import {
  ApiKeyTable,
  CertificateTable,
  compileAuthenticate,
  type IssuerConfig,
  IssuerReplica,
  Possession,
  SignatureKeyTable,
  StoredKeys,
} from '../src/guards/authenticate/index.ts';
import { compileJwk, signJwt } from '../src/jose/index.ts';

const ROUNDS = 7;
const CALLS = 200_000;

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...(privateKey.export({ format: 'jwk' }) as Record<string, unknown>), kid: 'k', alg: 'ES256' };
const { d: _private, ...publicJwk } = jwk as Record<string, unknown>;
const config: IssuerConfig = {
  name: 'corp',
  issuer: 'https://login.example.com',
  keys: { kind: 'file', path: '' },
  algorithms: ['ES256'],
  types: [],
  introspection: null,
  fetch: { ca: '', bearerFile: '', mayBePrivate: false },
  requiredClaims: [],
  maxStaleMs: 1e9,
  clockSkewMs: 0,
  refreshMs: 1e9,
  refetchMinMs: 1e9,
};
const issuer = new IssuerReplica(config, () => {});
issuer.update(JSON.stringify({ keys: [publicJwk] }), 1);
const writer = new RevocationWriter(createRevocationTable());
const memory = createRevocationTable();
const revocations = new RevocationTable(memory);
writer.revoke('token', 'x', Number.POSITIVE_INFINITY, 1e15, 0);
const stored = new StoredKeys(revocations);
const keys = Array.from({ length: 1000 }, (_, i) => createApiKey(`key-${i}`));
stored.update({
  rows: keys.map(({ sha256 }, i) => ({
    id: `key-${i}`,
    sha256,
    consumer: `client-${i}`,
    scopes: ['a'],
    addresses: [],
    createdMs: 0,
    expiresMs: null,
  })),
  removed: [],
});
stored.update({
  rows: Array.from({ length: 100_000 }, (_, i) => ({
    id: `more-${i}`,
    sha256: createHash('sha256').update(`more-${i}`).digest('hex'),
    consumer: `other-${i}`,
    scopes: ['a'],
    addresses: [],
    createdMs: 0,
    expiresMs: null,
  })),
  removed: [],
});
const guard = compileAuthenticate(
  [
    { kind: 'jwt', issuer: 'corp', audiences: ['things'], bound: 'none', subjects: [] },
    { kind: 'api-key', header: 'x-api-key' },
  ],
  false,
  {
    issuers: new Map([['corp', issuer]]),
    keys: new ApiKeyTable([], stored),
    certificates: new CertificateTable([]),
    revocations,
    signatureKeys: new SignatureKeyTable([]),
    replays: new ReplayTable(createReplayTable(1024)),
    logins: new Map(),
    possession: new Possession(
      { algorithms: ['ES256'], maxAgeMs: 60_000, clockSkewMs: 0, nonce: false },
      new ReplayTable(createReplayTable(1024)),
      randomBytes(32),
      systemClock,
    ),
    clock: systemClock,
  },
)!;
const now = Math.floor(Date.now() / 1000);
const token = (i: number): string =>
  `Bearer ${signJwt(
    {
      iss: config.issuer,
      aud: 'things',
      sub: `user-${i}`,
      iat: now,
      exp: now + 3600,
      jti: `id-${i}`,
      scope: 'a b c',
    },
    compileJwk(jwk),
    'ES256',
  )}`;

function measure(name: string, field: string, values: readonly string[]): void {
  const exchanges = values.map((value) => {
    const exchange = new Exchange();
    for (const [key, text] of [
      ['user-agent', 'bench'],
      ['accept', '*/*'],
      [field, value],
    ])
      exchange.fields.append(key!, text!);
    return exchange;
  });
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const startNs = process.hrtime.bigint();
    for (let i = 0; i < CALLS; i++) {
      const exchange = exchanges[i % exchanges.length]!;
      // The guard takes the key off; a new request would bring it again.
      if (field === 'x-api-key') exchange.fields.set(field, values[i % values.length]!);
      if (guard.onRequest!(exchange) !== null) throw new Error('refused');
    }
    best = Math.min(best, Number(process.hrtime.bigint() - startNs) / CALLS);
  }
  process.stdout.write(`${name.padEnd(40)} ${best.toFixed(0)} ns\n`);
}

measure(
  'JWT, verdict cached, 1000 tokens',
  'authorization',
  Array.from({ length: 1000 }, (_, i) => token(i)),
);
measure(
  'API key of the state, 101,000 keys',
  'x-api-key',
  keys.map(({ key }) => key),
);
