// What the demo needs on disk: a contract, a key set and a configuration, in a folder of its own that goes when the
// demo ends. Keys and tokens are made at every start; none is shipped.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../core/index.ts';
import { createApiKey } from '../credentials/index.ts';
import { createRoot, IdentityRegistry, installRoot } from '../identity/index.ts';
import { compileJwk, signJwt } from '../jose/index.ts';
import { defaultSettings, hashPassword, newTemporaryPassword, registerClient } from '../oauth/index.ts';
import { openState } from '../stores/index.ts';
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
  /** Key of the state, for the harbour office. */
  readonly harbourKey: string;
  /** Of ingrid at the gate's own authorization server; she chooses another at her first login. */
  readonly oneTimePassword: string;
}

/** The application that people sign in to. */
export const WEB_APP = 'fjordbank-web';
/** Resource indicator of the bank's API. */
export const RESOURCE = 'https://api.fjordbank.example';
/** Scopes that the application asks for. */
export const WEB_SCOPES = ['accounts:read', 'orders:read'] as const;
/** Trust domain of the gate's own authority for services, and one of them. */
export const OWN_TRUST_DOMAIN = 'demo.fjordbank.example';
export const SERVICE = 'reconciliation';

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
  readonly consolePort: number;
  readonly appPort: number;
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
  const { harbourKey, oneTimePassword } = await fillState(join(folder, 'state.db'), options.appPort);
  return {
    folder,
    file: join(folder, 'gatewright.yaml'),
    credentials: {
      ingrid: token('ingrid', customer, ofIngrid),
      mateus: token('mateus', customer, { accounts: ['acc_200001', 'acc_200002'] }),
      admin: token('astrid', 'accounts:read admin:accounts orders:read'),
      expired: token('ingrid', customer, ofIngrid, nowMs - 3_600_000),
      partnerKey: partner.key,
      harbourKey,
      oneTimePassword,
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Callers that are not in the file: what the console's identities and keys begin with. */
async function fillState(
  file: string,
  appPort: number,
): Promise<Pick<DemoCredentials, 'harbourKey' | 'oneTimePassword'>> {
  const state = await openState({ kind: 'sqlite', file, sealKey: null });
  try {
    const registry = new IdentityRegistry(state.identity, systemClock);
    const made = await registry.add(
      'client',
      'harbour-office',
      ['orders:read'],
      'Orders of the harbour office',
      {},
    );
    await registry.add('client', 'bookkeeper', ['orders:read'], 'Reports at night', {
      addresses: ['10.0.0.0/8'],
    });
    await registry.add('service', 'mailroom', ['orders:read', 'orders:write'], '', {
      lifetimeMs: 30 * 86_400_000,
    });
    // The authority for services; its root's key stays in the state, so that it rotates by itself.
    await registry.add('service', SERVICE, ['ledger:read'], 'Compares the books', null);
    const root = await createRoot(OWN_TRUST_DOMAIN, Date.now());
    await installRoot(state.services, root, true, { keepRootKey: true }, systemClock);
    // Somebody who can sign in, and what she signs in to.
    const oneTimePassword = randomBytes(9).toString('base64url');
    await registry.add('user', 'ingrid', [...WEB_SCOPES], 'Ingrid, a customer', null);
    const hash = hashPassword(oneTimePassword, { memoryKib: 19_456, passes: 2, lanes: 1 });
    await state.oauth.setCredential(newTemporaryPassword(hash, 'ingrid', Date.now()));
    await registry.add('client', WEB_APP, [...WEB_SCOPES], 'Fjordbank on the web', null);
    await registerClient(state.oauth, WEB_APP, {
      ...defaultSettings,
      redirectUris: [`http://localhost:${appPort}/callback`],
      postLogoutRedirectUris: [`http://localhost:${appPort}/`],
      grantTypes: ['authorization_code'],
      authMethod: 'none',
    });
    return { harbourKey: made!.key, oneTimePassword };
  } finally {
    await state.close();
  }
}

function configuration(
  ports: {
    readonly apiPort: number;
    readonly port: number;
    readonly tlsPort: number;
    readonly internalPort: number;
    readonly telemetryPort: number;
    readonly consolePort: number;
  },
  partnerHash: string,
): string {
  const { apiPort, port, tlsPort, internalPort, telemetryPort, consolePort } = ports;
  return `# The demo's configuration. Yours is written by "gatewright init".
listeners:
  public:
    port: ${port}
    host: 127.0.0.1
    trusted-proxies: [ 127.0.0.1 ]   # so that the traffic of --traffic can come from several addresses
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
      trust: [ { file: ./tls/services-ca.pem, trust-domain: ${TRUST_DOMAIN} }, gatewright ]
  console:                           # people who run the gate; loopback, and by this name alone
    port: ${consolePort}
    exposure: internal

state: { sqlite: ./state.db }        # callers and keys that are not in this file, and who may use the console
audit: { folder: ./audit }           # who did what, in a signed tree

detect:                              # try: gatewright incidents list
  runbooks:
    guessing:                        # who guesses credentials is kept out for a quarter of an hour
      when: { detectors: [ credential-stuffing, brute-force ], min-priority: medium }
      do: [ { ban: { for: 15m, most: 100 } } ]

upstreams:
  bank:
    targets: [ http://127.0.0.1:${apiPort} ]
    health: { path: /health }

identity:
  issuers:
    fjordbank: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256 ] }
  authorization-server:              # people sign in here; try http://localhost:${port}/login/account
    issuer: http://localhost:${port}/login
    title: Fjordbank
    resources: [ { uri: ${RESOURCE}, scopes: [ 'accounts:read', 'orders:read' ] } ]
    scopes: { 'accounts:read': See your accounts, 'orders:read': See your orders }
  services:                          # and services get certificates of their own (SPIFFE)
    trust-domain: ${OWN_TRUST_DOMAIN}
    sockets: [ { path: ./${SERVICE}.sock, service: ${SERVICE}, mode: "0600" } ]
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
      - jwt: { issuer: authorization-server, audience: ${RESOURCE} }
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
      listOrders: { readable: { "/*/customer": [ sales ] } }   # whose orders they are is for sales alone
      createOrder: { writable: { /discount: [ sales ] } }
  login: { service: authorization-server, base: /login, limits: [ { per: address, rate: 20/s, burst: 100 } ] }
  console: { service: admin, exposure: internal, listeners: [ console ], hosts: [ localhost ] }

risk:                                # read by bank.cedar; see it with gatewright policy explain
  addresses: [ { from: [ 198.51.100.0/24 ], adds: 60 } ]
  refusals: { over: 30/m, adds: 20 }
  new-device: { adds: 20 }

telemetry:
  listen: { port: ${telemetryPort} }
  access-log: { to: { file: ./access.log } }
`;
}
