// Mutual TLS at the authorization server (RFC 8705), through a real gate with TLS and an unmodified openid-client: clients
// that authenticate by their certificate, and tokens that are worth nothing on another connection.
import assert from 'node:assert/strict';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import { systemClock } from '../../src/core/index.ts';
import { IdentityRegistry } from '../../src/identity/index.ts';
import {
  type ClientSettings,
  certificateKeys,
  defaultSettings,
  registerClient,
  TOKEN_EXCHANGE,
} from '../../src/oauth/index.ts';
import { openState } from '../../src/stores/index.ts';
import { Authority, hasOpenssl, type Issued, needsOpenssl } from '../support/authority.ts';
import { fetchOverTls } from '../support/fetch-over-tls.ts';
import { openContract, startTestGate } from '../support/gate.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const THINGS = 'https://things.example';
const OPAQUE = 'https://opaque.example';
const LEDGER = 'https://ledger.example';

const ca = hasOpenssl ? makeAuthorities() : null;
after(() => {
  for (const authority of [ca?.servers, ca?.clients, ca?.others]) authority?.remove();
});

function makeAuthorities() {
  const [servers, clients, others] = [
    new Authority('servers'),
    new Authority('clients'),
    new Authority('others'),
  ];
  return {
    servers,
    clients,
    others,
    server: servers.issue({ name: 'login', san: 'DNS:localhost,IP:127.0.0.1', usage: 'serverAuth' }),
    batch: clients.issue({ name: 'batch', san: 'DNS:batch.internal', usage: 'clientAuth' }),
    other: clients.issue({ name: 'other', san: 'DNS:other.internal', usage: 'clientAuth' }),
    stranger: others.issue({ name: 'batch', san: 'DNS:batch.internal', usage: 'clientAuth' }),
    ended: clients.issue({ name: 'batch', san: 'DNS:batch.internal', usage: 'clientAuth', days: -1 }),
  };
}

async function freePort(): Promise<number> {
  const server = createNetServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const fetchWith = (issued: Issued | null): client.CustomFetch =>
  fetchOverTls(ca!.servers.certificate, issued) as client.CustomFetch;

async function setUp(t: TestContext) {
  const upstream = await startRawUpstream(t);
  const [port, mtlsPort] = [await freePort(), await freePort()];
  const tls = '{ certificate: ./cert.pem, key: "${file:./key.pem}"';
  const gate = await startTestGate(t, {
    contract: openContract,
    config: `listeners:
  public: { port: ${port}, host: 127.0.0.1, tls: ${tls} } }
  mtls: { port: ${mtlsPort}, host: 127.0.0.1, tls: ${tls}, clients: optional, trust: [ ./clients.pem ] } }
state: { sqlite: ./state.db }
upstreams: { things: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  authorization-server:
    issuer: https://localhost:${port}/login
    mtls-origin: https://localhost:${mtlsPort}
    resources:
      - { uri: ${THINGS}, scopes: [ 'things:read' ] }
      - { uri: ${OPAQUE}, scopes: [ 'things:read' ], format: opaque }
      - { uri: ${LEDGER}, scopes: [ 'things:read' ] }
apis:
  login: { service: authorization-server, base: /login, limits: [] }
  things:
    contract: ./openapi.yaml
    upstream: things
    base: /api
    strip-base: true
    limits: []
    validate: false
    authenticate: [ { jwt: { issuer: authorization-server, audience: ${THINGS}, bound: mtls } } ]
  opaque:
    contract: ./openapi.yaml
    upstream: things
    base: /opaque
    strip-base: true
    limits: []
    validate: false
    authenticate: [ { introspect: { issuer: authorization-server, audience: ${OPAQUE} } } ]
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`,
    files: {
      'cert.pem': ca!.server.certificate,
      'key.pem': ca!.server.key,
      'clients.pem': ca!.clients.certificate,
    },
  });
  const state = await openState({ kind: 'sqlite', file: join(gate.folder, 'state.db'), sealKey: null });
  t.after(() => state.close());
  const registry = new IdentityRegistry(state.identity, systemClock);
  const add = async (id: string, settings: Partial<ClientSettings>): Promise<void> => {
    await registry.add('client', id, ['things:read'], '', null);
    await registerClient(state.oauth, id, { ...defaultSettings, ...settings });
  };
  const discover = async (id: string, issued: Issued | null): Promise<client.Configuration> => {
    const config = await client.discovery(
      new URL(`https://localhost:${port}/login`),
      id,
      { use_mtls_endpoint_aliases: true },
      client.TlsClientAuth(),
      { [client.customFetch]: fetchWith(null) },
    );
    config[client.customFetch] = fetchWith(issued);
    return config;
  };
  const get = async (id: string, issued: Issued | null, resource = THINGS, scope = 'things:read') =>
    client.clientCredentialsGrant(await discover(id, issued), { resource, scope });
  const use = async (path: string, token: string, issued: Issued | null): Promise<number> => {
    const answer = await fetchWith(issued)(`https://localhost:${mtlsPort}${path}`, {
      method: 'GET',
      headers: { authorization: `Bearer ${token}` },
    } as never);
    return answer.status;
  };
  return { gate, registry, state, add, discover, get, use, port, mtlsPort };
}

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;

const refused = { status: 401 };

test(
  'tls_client_auth: the certificate of the connection is the client, by its name alone',
  needsOpenssl,
  async (t) => {
    const { add, get, use, discover, registry, mtlsPort } = await setUp(t);
    await add('batch', {
      authMethod: 'tls_client_auth',
      certificateName: 'dns:batch.internal',
      tlsBound: true,
    });
    const config = await discover('batch', ca!.batch);
    const metadata = config.serverMetadata();
    assert.equal(metadata.tls_client_certificate_bound_access_tokens, true);
    assert.equal(metadata.mtls_endpoint_aliases?.token_endpoint, `https://localhost:${mtlsPort}/login/token`);

    const { access_token: token } = await get('batch', ca!.batch);
    const thumbprint = Object.values(claimsOf(token)['cnf'] as object)[0] as string;
    assert.deepEqual(claimsOf(token)['cnf'], { 'x5t#S256': thumbprint });
    // It opens the API on a connection with this certificate, and on no other.
    assert.equal(await use('/api/things', token, ca!.batch), 200);
    assert.equal(await use('/api/things', token, ca!.other), 401);
    assert.equal(await use('/api/things', token, null), 401);
    assert.deepEqual((await client.tokenIntrospection(config, token))['cnf'], { 'x5t#S256': thumbprint });

    for (const issued of [ca!.other, ca!.stranger, ca!.ended, null])
      await assert.rejects(get('batch', issued), refused);
    // What a client writes into fields is nobody's certificate.
    const encoded = ca!.batch.certificate.replace(/-----[^-]+-----|\s/g, '');
    const call = Buffer.from(JSON.stringify({ service: 'authorization-server', shown: { encoded } }));
    const forged = await fetchWith(null)(`https://localhost:${mtlsPort}/login/token`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'client-cert': `:${encoded}:`,
        'x-forwarded-client-cert': `Cert="${encodeURIComponent(ca!.batch.certificate)}"`,
        'x-ssl-client-cert': encodeURIComponent(ca!.batch.certificate),
        'gatewright-call': call.toString('base64url'),
      },
      body: `grant_type=client_credentials&client_id=batch&resource=${encodeURIComponent(THINGS)}`,
    } as never);
    assert.ok([400, 401].includes(forged.status), String(forged.status));

    // A certificate that is withdrawn is nobody, here and where its tokens are used.
    const fingerprint = Buffer.from(thumbprint, 'base64url').toString('hex');
    await registry.revoke({ kind: 'key', value: fingerprint, forMs: 3_600_000, reason: 'lost' });
    await until(
      () =>
        get('batch', ca!.batch).then(
          () => undefined,
          (error: { status?: number }) => error.status === 401,
        ),
      'the certificate to be refused',
    );
  },
);

test(
  'self_signed_tls_client_auth: the certificate itself is registered, whoever signed it',
  needsOpenssl,
  async (t) => {
    const { add, get, use } = await setUp(t);
    const jwks = certificateKeys([ca!.stranger.certificate.replace(/-----[^-]+-----|\s/g, '')]);
    await add('batch', { authMethod: 'self_signed_tls_client_auth', jwks, tlsBound: true });
    const { access_token: token } = await get('batch', ca!.stranger, OPAQUE);
    assert.doesNotMatch(token, /\./);
    assert.equal(await use('/opaque/things', token, ca!.stranger), 200);
    assert.equal(await use('/opaque/things', token, ca!.batch), 401);
    assert.equal(await use('/opaque/things', token, null), 401);
    await assert.rejects(get('batch', ca!.batch, OPAQUE), refused);
    await assert.rejects(get('batch', null, OPAQUE), refused);
  },
);

test(
  'what is bound to a certificate is exchanged for what is bound to the certificate of who exchanges',
  needsOpenssl,
  async (t) => {
    const { add, get, discover } = await setUp(t);
    await add('batch', {
      authMethod: 'tls_client_auth',
      certificateName: 'dns:batch.internal',
      tlsBound: true,
      grantTypes: ['client_credentials', TOKEN_EXCHANGE],
      exchange: { from: [THINGS], to: [LEDGER] },
    });
    const { access_token: token } = await get('batch', ca!.batch);
    const exchange = async (issued: Issued | null) =>
      client.genericGrantRequest(await discover('batch', issued), TOKEN_EXCHANGE, {
        subject_token: token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        resource: LEDGER,
      });
    const got = await exchange(ca!.batch);
    assert.deepEqual(claimsOf(got.access_token)['cnf'], claimsOf(token)['cnf']);
    await assert.rejects(exchange(null), refused);
  },
);
