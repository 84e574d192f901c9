// What the demo needs on disk: a contract, a key set and a configuration, in a folder of its own that goes when the
// demo ends. Keys and tokens are made at every start; none is shipped.
import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiKey } from '../credentials/index.ts';
import { compileJwk, signJwt } from '../jose/index.ts';
import { SETTLEMENT_ID, TRUST_DOMAIN, writeDemoCertificates } from './certificates.ts';

const ISSUER = 'https://login.fjordbank.example';
const AUDIENCE = 'fjordbank-api';
/** Long enough to play with, ms. */
const TOKEN_LIFETIME_MS = 8 * 3_600_000;

export interface DemoCredentials {
  readonly ingrid: string;
  readonly mateus: string;
  readonly admin: string;
  readonly expired: string;
  readonly partnerKey: string;
}

export interface DemoSetup {
  readonly folder: string;
  readonly file: string;
  readonly credentials: DemoCredentials;
  remove(): Promise<void>;
}

export async function setUpDemo(options: {
  readonly apiPort: number;
  readonly port: number;
  readonly tlsPort: number;
  readonly internalPort: number;
  readonly telemetryPort: number;
}): Promise<DemoSetup> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-demo-'));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: 'demo-1', alg: 'ES256', use: 'sig' };
  const key = compileJwk(jwk);
  const { d: _private, ...publicJwk } = jwk as Record<string, unknown>;
  const nowMs = Date.now();
  const token = (
    sub: string,
    scope: string,
    claims: Readonly<Record<string, unknown>> = {},
    expiresMs = nowMs + TOKEN_LIFETIME_MS,
  ): string =>
    signJwt(
      {
        iss: ISSUER,
        aud: AUDIENCE,
        sub,
        scope,
        iat: Math.floor(nowMs / 1000),
        exp: Math.floor(expiresMs / 1000),
        jti: `demo-${sub}`,
        ...claims,
      },
      key,
      'ES256',
    );
  const partner = createApiKey('partner-1');
  const customer = 'accounts:read payments:write orders:read orders:write';
  const ofIngrid = { accounts: ['acc_100001', 'acc_100002'] };
  const copied = ['openapi.yaml', 'bank.cedar'].map((name) =>
    copyFile(new URL(`./files/${name}`, import.meta.url), join(folder, name)),
  );
  await Promise.all([
    writeDemoCertificates(folder),
    ...copied,
    writeFile(join(folder, 'jwks.json'), JSON.stringify({ keys: [publicJwk] })),
    writeFile(join(folder, 'gatewright.yaml'), configuration(options, partner.sha256)),
  ]);
  return {
    folder,
    file: join(folder, 'gatewright.yaml'),
    credentials: {
      ingrid: token('ingrid', customer, ofIngrid),
      mateus: token('mateus', customer, { accounts: ['acc_200001', 'acc_200002'] }),
      admin: token('astrid', 'accounts:read admin:accounts'),
      expired: token('ingrid', customer, ofIngrid, nowMs - 3_600_000),
      partnerKey: partner.key,
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function configuration(
  ports: {
    readonly apiPort: number;
    readonly port: number;
    readonly tlsPort: number;
    readonly internalPort: number;
    readonly telemetryPort: number;
  },
  partnerHash: string,
): string {
  const { apiPort, port, tlsPort, internalPort, telemetryPort } = ports;
  return `# The demo's configuration. Yours is written by "gatewright init".
listeners:
  public: { port: ${port}, host: 127.0.0.1 }
  secure:
    port: ${tlsPort}
    host: 127.0.0.1
    tls: { certificate: ./tls/server.pem, key: "\${file:./tls/server.key}" }
  services:                          # services alone, by client certificate; binds to loopback
    port: ${internalPort}
    exposure: internal
    tls:
      certificate: ./tls/server.pem
      key: "\${file:./tls/server.key}"
      clients: require
      trust: [ { file: ./tls/services-ca.pem, trust-domain: ${TRUST_DOMAIN} } ]

upstreams:
  bank:
    targets: [ http://127.0.0.1:${apiPort} ]
    health: { path: /health }

identity:
  issuers:
    fjordbank: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256 ] }
  roles:
    teller:     { }
    bank-admin: { includes: [ teller ], members: [ fjordbank|astrid ] }
    sales:      { members: [ fjordbank|astrid ] }
  consumers:
    sailmaker:                       # a partner that looks at orders
      keys: [ { id: partner-1, sha256: ${partnerHash} } ]
    settlement:                      # a service, known by its certificate
      scopes: [ ledger:read ]
      certificates: [ { spiffe: ${SETTLEMENT_ID} } ]

apis:
  bank:
    contract: ./openapi.yaml         # operations, schemas and scopes come from here
    upstream: bank
    authenticate:
      - jwt: { issuer: fjordbank, audience: ${AUDIENCE} }
      - api-key: {}
    authorize:
      policy: ./bank.cedar           # try: gatewright policy explain
      own:
        - { parameter: accountId, claim: accounts, unless-role: [ teller ] }
        - { field: /from, claim: accounts }
    limits:
      - { per: consumer, rate: 50/s, burst: 100 }
      - { per: address, rate: 200/s, burst: 400 }
    cors: { origins: [ https://app.fjordbank.example ] }
    inspect: { rules: [ builtin ] }  # injections and leaks, in what the contract allows
    max-body: 64KiB
    operations:
      getHealth: { public: true, reason: health check of load balancers }
      getLedger: { exposure: internal, authenticate: [ { mtls: {} } ] }
      createPayment:
        limits:
          - { per: consumer, rate: 5/s, burst: 10 }
          - { per: address, rate: 20/s, burst: 40 }
      createOrder: { writable: { /discount: [ sales ] } }

risk:
  addresses: [ { from: [ 198.51.100.0/24 ], adds: 60 } ]

telemetry:
  listen: { port: ${telemetryPort} }
  access-log: { to: { file: ./access.log } }
`;
}
