// Tokens beyond the plain bearer JWT, over the wire: issuers that are discovered, opaque tokens, tokens bound to a key,
// and several methods at once.
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { connect as connectH2 } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { createApiKey } from '../../src/credentials/index.ts';
import { compileJwk, jwkThumbprint, signJws } from '../../src/jose/index.ts';
import { Authority, needsOpenssl } from '../support/authority.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.ts';
import { startTestGate } from '../support/gate.ts';
import { AUDIENCE } from '../support/issuer.ts';
import { exchange, type RawResponse, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const contract = `openapi: 3.1.0
info: { title: Orders, version: '1' }
components: { securitySchemes: { oauth: { type: oauth2, flows: {} } } }
paths:
  /orders:
    get: { operationId: listOrders, security: [ { oauth: [ 'orders:read' ] } ], responses: {} }
    post: { operationId: createOrder, security: [ { oauth: [ 'orders:read' ] } ], responses: {} }
`;

const SECRET = 'the secret of the gate';
const key = createApiKey('partner-1');

interface Parts {
  /** Members of the issuer. */
  readonly issuer?: string;
  readonly authenticate?: string;
  readonly identity?: string;
  readonly workers?: number;
  /** Members of the listener. */
  readonly listener?: string;
}

async function setUp(
  t: TestContext,
  parts: Parts = {},
  before: (server: AuthorizationServer) => void = () => {},
) {
  const upstream = await startRawUpstream(t);
  const server = await startAuthorizationServer(t);
  before(server);
  const config = `listeners: { public: { port: 0, host: 127.0.0.1${parts.listener ?? ''} } }
upstreams: { orders: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  issuers:
    corp: { discover: '${server.url}', algorithms: [ ES256 ]${parts.issuer ?? ''} }
  consumers:
    partner: { scopes: [ 'orders:read' ], keys: [ { id: partner-1, sha256: ${key.sha256} } ] }
${parts.identity ?? ''}
apis:
  orders:
    contract: ./openapi.yaml
    upstream: orders
    authenticate: ${parts.authenticate ?? `[ { jwt: { issuer: corp, audience: ${AUDIENCE} } } ]`}
    limits: []
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;
  const gate = await startTestGate(t, {
    config,
    contract,
    env: { SECRET },
    workers: parts.workers ?? 1,
  });
  const send = (fields: Record<string, string>, method = 'GET', target = '/orders'): Promise<RawResponse> =>
    exchange(gate.port, request(method, target, { host: `127.0.0.1:${gate.port}`, ...fields }), method);
  const token = (claims: Record<string, unknown> = {}): string =>
    server.issuer.token({ iss: server.url, scope: 'orders:read', ...claims });
  return { gate, upstream, server, send, token };
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const codeOf = (response: RawResponse): string =>
  String(response.json()['type']).replace('urn:gatewright:problem:', '');

test('an issuer is discovered, its keys are refetched, and old ones serve while it is away', async (t) => {
  const { server, send, token } = await setUp(t, { issuer: ', refetch-after: 100ms' });
  assert.equal((await send(bearer(token()))).status, 200);
  assert.deepEqual(server.asked, ['/.well-known/openid-configuration', '/keys']);
  server.issuer.rotate();
  await until(async () => (await send(bearer(token()))).status === 200, 'the new key');
  server.up = false;
  assert.equal(
    (await send(bearer(token({ jti: 'fresh' })))).status,
    200,
    'verified with keys that are known',
  );
});

test('keys that could not be fetched for too long serve no more', async (t) => {
  const { server, send, token } = await setUp(t, { issuer: ', refresh: 50ms, max-stale: 300ms' });
  const good = token();
  assert.equal((await send(bearer(good))).status, 200);
  server.up = false;
  await until(async () => {
    const response = await send(bearer(good));
    return response.status === 503 && codeOf(response) === 'key-source-unavailable';
  }, 'the keys to be too old, and the cached verdict with them');
  server.up = true;
  await until(async () => (await send(bearer(good))).status === 200, 'the keys to be back');
});

for (const [name, metadata] of [
  ['of another issuer', { issuer: 'https://evil.example' }],
  ['that names no keys', { jwks_uri: undefined }],
  ['whose keys are with a metadata service', { jwks_uri: 'http://169.254.169.254/latest/meta-data' }],
  ['whose keys are inside the network', { jwks_uri: 'https://10.0.0.1/keys' }],
  ['whose keys are at a decimal address', { jwks_uri: 'https://2130706433:1/keys' }],
  ['whose keys are behind a mapped address', { jwks_uri: 'https://[::ffff:10.0.0.1]/keys' }],
  ['whose keys are in a file', { jwks_uri: 'file:///etc/passwd' }],
  ['whose keys are at another port of this host', { jwks_uri: 'http://127.0.0.1:1/keys' }],
] as const) {
  test(`a discovery document ${name} is not used`, async (t) => {
    const { send, token, server } = await setUp(t, {}, (s) => {
      s.metadata = metadata;
    });
    const refused = await send(bearer(token()));
    assert.deepEqual([refused.status, codeOf(refused)], [503, 'key-source-unavailable']);
    assert.ok(!server.asked.includes('/keys'));
  });
}

test('a cached verdict does not outlive its token, nor begin before it', async (t) => {
  const { send, token } = await setUp(t, { issuer: ', clock-skew: 0ms' });
  const now = Math.floor(Date.now() / 1000);
  const short = token({ exp: now + 3 });
  assert.equal((await send(bearer(short))).status, 200);
  assert.equal((await send(bearer(short))).status, 200, 'from the cache');
  await until(async () => {
    const response = await send(bearer(short));
    return response.status === 401 && codeOf(response) === 'credentials-expired';
  }, 'the end of the token');
  assert.equal((await send(bearer(token({ nbf: now + 60 })))).status, 401);
});

test('RFC 9068: only access tokens with all of their claims', async (t) => {
  const { send, server } = await setUp(t, { issuer: ', profile: rfc9068' });
  const full = { iss: server.url, scope: 'orders:read', client_id: 'app', jti: 'x' };
  assert.equal((await send(bearer(server.issuer.token(full)))).status, 200);
  for (const claim of ['client_id', 'jti', 'iat', 'sub']) {
    const refused = await send(bearer(server.issuer.token({ ...full, [claim]: undefined })));
    assert.equal(refused.status, 401, claim);
  }
  assert.equal((await send(bearer(server.issuer.token(full, { typ: 'JWT' })))).status, 401, 'typ JWT');
  assert.equal((await send(bearer(server.issuer.token(full, { typ: 'logout+jwt' })))).status, 401);
});

const INTROSPECT = `, introspect: { client-id: 'the gate', client-secret: '\${env:SECRET}', cache: 60s, negative-cache: 100ms }`;

test('opaque tokens: the issuer is asked once, its answer is held to what it says, and remembered no longer than it lives', async (t) => {
  const { server, send } = await setUp(t, {
    issuer: INTROSPECT,
    authenticate: '[ { introspect: { issuer: corp, audience: things } } ]',
    workers: 2,
  });
  const now = Math.floor(Date.now() / 1000);
  const good = { active: true, sub: 'ingrid', scope: 'orders:read', aud: 'things', exp: now + 60 };
  server.tokens.set('good', good);
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(bearer('good'))));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(server.introspections.length, 1, 'twenty requests on two threads, one question');
  const asked = server.introspections[0]!;
  assert.equal(
    asked.authorization,
    `Basic ${Buffer.from(`the%20gate:${encodeURIComponent(SECRET)}`).toString('base64')}`,
  );
  assert.equal(new URLSearchParams(asked.body).get('token'), 'good');
  const bad: Record<string, Record<string, unknown>> = {
    inactive: { active: false },
    'active-as-text': { ...good, active: 'true' },
    expired: { ...good, exp: now - 1 },
    early: { ...good, nbf: now + 600 },
    elsewhere: { ...good, aud: 'others' },
    nobody: { ...good, sub: undefined },
    foreign: { ...good, iss: 'https://evil.example' },
    bound: { ...good, cnf: { jkt: 'A'.repeat(43) } },
    strange: { ...good, cnf: { kid: 'x' } },
  };
  for (const [name, answer] of Object.entries(bad)) {
    server.tokens.set(name, answer);
    assert.equal((await send(bearer(name))).status, 401, name);
  }
  server.tokens.set('narrow', { ...good, scope: 'other' });
  assert.equal((await send(bearer('narrow'))).status, 403);
  // A token that ends soon is not good for longer because it was remembered.
  server.tokens.set('short', { ...good, exp: now + 2 });
  assert.equal((await send(bearer('short'))).status, 200);
  await until(async () => (await send(bearer('short'))).status === 401, 'its end');
  // What was refused may be good later: refusals are remembered for a moment only.
  server.tokens.set('inactive', good);
  await until(async () => (await send(bearer('inactive'))).status === 200, 'the token to be active');
  server.up = false;
  assert.equal((await send(bearer('good'))).status, 200, 'remembered');
  const unknown = await send(bearer('unknown'));
  assert.deepEqual([unknown.status, codeOf(unknown)], [503, 'key-source-unavailable']);
});

test('JWTs are verified and others asked about, side by side', async (t) => {
  const { server, send, token } = await setUp(t, {
    issuer: INTROSPECT,
    authenticate: `[ { jwt: { issuer: corp, audience: ${AUDIENCE} } }, { introspect: { issuer: corp } } ]`,
  });
  server.tokens.set('opaque', { active: true, sub: 'x', scope: 'orders:read' });
  assert.equal((await send(bearer(token()))).status, 200);
  assert.equal((await send(bearer('opaque'))).status, 200);
  const forged = `${token().slice(0, -8)}AAAAAAAA`;
  server.tokens.set(forged, { active: true, sub: 'x', scope: 'orders:read' });
  assert.equal((await send(bearer(forged))).status, 401, 'a bad JWT is not asked about');
});

// Proof of possession.

class DpopClient {
  readonly #jwk: Record<string, unknown>;
  readonly jkt: string;

  constructor() {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#jwk = privateKey.export({ format: 'jwk' }) as Record<string, unknown>;
    this.jkt = jwkThumbprint(this.#jwk);
  }

  get publicJwk(): Record<string, unknown> {
    const { d: _private, ...jwk } = this.#jwk;
    return jwk;
  }

  proof(
    url: string,
    token: string,
    claims: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
  ): string {
    const payload = {
      jti: randomUUID(),
      htm: 'GET',
      htu: url,
      iat: Math.floor(Date.now() / 1000),
      ath: createHash('sha256').update(token).digest('base64url'),
      ...claims,
    };
    return signJws(
      { alg: 'ES256', typ: 'dpop+jwt', jwk: this.publicJwk, ...header },
      Buffer.from(JSON.stringify(payload)),
      compileJwk(this.#jwk),
    );
  }
}

test('DPoP: a bound token needs a fresh proof for this very request', async (t) => {
  const { gate, send, token, upstream } = await setUp(t, { workers: 2 });
  const client = new DpopClient();
  const url = `http://127.0.0.1:${gate.port}/orders`;
  const bound = token({ cnf: { jkt: client.jkt } });
  const use = (proof: string, method = 'GET', target = '/orders') =>
    send({ authorization: `DPoP ${bound}`, dpop: proof }, method, target);
  assert.equal((await use(client.proof(url, bound))).status, 200);
  assert.equal((await use(client.proof(url, bound))).status, 200, 'from the cache, with another proof');
  assert.equal(
    (await use(client.proof(`${url}?a=1#b`, bound))).status,
    200,
    'query and fragment do not count',
  );
  assert.equal(
    (await use(client.proof(`https://127.0.0.1:${gate.port}/orders`, bound))).status,
    200,
    'TLS in front',
  );
  assert.equal(upstream.requests[0]!.field('dpop'), undefined);
  const once = client.proof(url, bound);
  const replays = await Promise.all(Array.from({ length: 16 }, () => use(once)));
  assert.equal(replays.filter(({ status }) => status === 200).length, 1, 'one of sixteen, over all threads');
  const now = Math.floor(Date.now() / 1000);
  const stranger = new DpopClient();
  const { d: _d, ...publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'jwk',
  });
  const bad: Record<string, string> = {
    'of another key': stranger.proof(url, bound),
    'for another method': client.proof(url, bound, { htm: 'POST' }),
    'for another path': client.proof(`${url}/1`, bound),
    'for another host': client.proof(`http://evil.example/orders`, bound),
    'for another port': client.proof(`http://127.0.0.1:1/orders`, bound),
    'for another token': client.proof(url, 'other'),
    'without a token': client.proof(url, bound, { ath: undefined }),
    'without an id': client.proof(url, bound, { jti: undefined }),
    'with an endless id': client.proof(url, bound, { jti: 'x'.repeat(300) }),
    'that is old': client.proof(url, bound, { iat: now - 120 }),
    'from the future': client.proof(url, bound, { iat: now + 120 }),
    'without a time': client.proof(url, bound, { iat: undefined }),
    'of another type': client.proof(url, bound, {}, { typ: 'JWT' }),
    'without a key': client.proof(url, bound, {}, { jwk: undefined }),
    'with a key that did not sign': client.proof(url, bound, {}, { jwk: publicKey }),
    'with a private key': client.proof(url, bound, {}, { jwk: { ...client.publicJwk, d: 'AAAA' } }),
    'with a secret for a key': client.proof(url, bound, {}, { jwk: { kty: 'oct', k: 'A'.repeat(43) } }),
    'with crit': client.proof(url, bound, {}, { crit: ['x'], x: 1 }),
    'that is none': 'x',
  };
  for (const [name, proof] of Object.entries(bad)) {
    const refused = await use(proof);
    assert.equal(refused.status, 401, name);
    assert.match(refused.fields.get('www-authenticate')!, /^DPoP algs=".*error="invalid_dpop_proof"/, name);
  }
  const plain = await send(bearer(bound));
  assert.equal(plain.status, 401, 'a bound token as a bearer token');
  assert.equal((await send({ authorization: `DPoP ${bound}` })).status, 401, 'without a proof');
  const unbound = token();
  assert.equal(
    (await send({ authorization: `DPoP ${unbound}`, dpop: client.proof(url, unbound) })).status,
    401,
    'an unbound token as a DPoP token',
  );
  const two = `GET /orders HTTP/1.1\r\nhost: 127.0.0.1:${gate.port}\r\nauthorization: DPoP ${bound}\r\ndpop: ${client.proof(url, bound)}\r\ndpop: ${client.proof(url, bound)}\r\n\r\n`;
  assert.equal((await exchange(gate.port, two)).status, 401, 'two proofs');
});

test('DPoP over HTTP/2: the proof is for the authority that the client names', async (t) => {
  const { gate, token } = await setUp(t, { listener: ', http2: true' });
  const client = new DpopClient();
  const origin = `http://127.0.0.1:${gate.port}`;
  const bound = token({ cnf: { jkt: client.jkt } });
  const session = connectH2(origin);
  t.after(() => session.destroy());
  const use = (proof: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': '/orders', authorization: `DPoP ${bound}`, dpop: proof });
      stream.on('response', (head) => resolve(Number(head[':status'])));
      stream.on('error', reject);
      stream.resume();
      stream.end();
    });
  assert.equal(await use(client.proof(`${origin}/orders`, bound)), 200);
  assert.equal(await use(client.proof('http://evil.example/orders', bound)), 401);
});

test('DPoP: nonces of the gate, and operations that take bound tokens only', async (t) => {
  const { gate, send, token } = await setUp(t, {
    identity: '  dpop: { nonce: true }',
    authenticate: `[ { jwt: { issuer: corp, audience: ${AUDIENCE}, bound: dpop } } ]`,
  });
  const client = new DpopClient();
  const url = `http://127.0.0.1:${gate.port}/orders`;
  const bound = token({ cnf: { jkt: client.jkt } });
  const use = (claims: Record<string, unknown>) =>
    send({ authorization: `DPoP ${bound}`, dpop: client.proof(url, bound, claims) });
  const first = await use({});
  assert.equal(first.status, 401);
  assert.match(first.fields.get('www-authenticate')!, /error="use_dpop_nonce"/);
  const nonce = first.fields.get('dpop-nonce')!;
  assert.equal((await use({ nonce })).status, 200);
  assert.equal((await use({ nonce: `${nonce.slice(0, -1)}${nonce.endsWith('A') ? 'B' : 'A'}` })).status, 401);
  assert.equal((await send(bearer(token()))).status, 401, 'an unbound token');
  const nobody = await send({});
  assert.match(nobody.fields.get('www-authenticate')!, /^DPoP algs=/);
});

test('several methods that must all be fulfilled: the first names the caller', async (t) => {
  const { gate, send, token, upstream } = await setUp(t, {
    issuer: INTROSPECT,
    authenticate: `[ { all-of: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } }, { api-key: {} } ] } ]`,
  });
  const both = { ...bearer(token()), 'x-api-key': key.key };
  assert.equal((await send(both)).status, 200);
  assert.equal(upstream.requests[0]!.field('x-api-key'), undefined);
  const [line] = await gate.accessLines(1);
  assert.equal(line!['consumer'], 'corp|ingrid');
  for (const [name, fields, code] of [
    ['token alone', bearer(token()), 'credentials-missing'],
    ['key alone', { 'x-api-key': key.key }, 'credentials-missing'],
    ['a bad key', { ...both, 'x-api-key': 'x' }, 'credentials-invalid'],
    ['a bad token', { ...both, authorization: 'Bearer x' }, 'credentials-invalid'],
    ['nothing', {}, 'credentials-missing'],
  ] as const) {
    const refused = await send(fields);
    assert.deepEqual([refused.status, codeOf(refused)], [401, code], name);
  }
  const lines = await gate.accessLines(6);
  assert.ok(
    lines.slice(1).every((entry) => entry['consumer'] === undefined),
    'nobody has called',
  );
});

test('all of them where one has to ask, and a key first', async (t) => {
  const { gate, server, send } = await setUp(t, {
    issuer: INTROSPECT,
    authenticate: '[ { all-of: [ { introspect: { issuer: corp } }, { api-key: {} } ] } ]',
  });
  server.tokens.set('good', { active: true, sub: 'olga', scope: 'orders:read' });
  for (let turn = 0; turn < 2; turn++) {
    assert.equal((await send({ ...bearer('good'), 'x-api-key': key.key })).status, 200);
    assert.equal((await send(bearer('good'))).status, 401);
  }
  const [line] = await gate.accessLines(1);
  assert.equal(line!['consumer'], 'corp|olga');
});

test(
  'a token bound to a certificate is good on connections of that certificate only',
  needsOpenssl,
  async (t) => {
    const [servers, clients] = [new Authority('servers'), new Authority('clients')];
    t.after(() => {
      servers.remove();
      clients.remove();
    });
    const served = servers.issue({ name: 'api', san: 'DNS:localhost,IP:127.0.0.1', usage: 'serverAuth' });
    const owner = clients.issue({ name: 'owner', san: 'DNS:owner.internal', usage: 'clientAuth' });
    const thief = clients.issue({ name: 'thief', san: 'DNS:thief.internal', usage: 'clientAuth' });
    const upstream = await startRawUpstream(t);
    const server = await startAuthorizationServer(t);
    const gate = await startTestGate(t, {
      config: `listeners:
  public:
    port: 0
    host: 127.0.0.1
    tls: { certificate: ./cert.pem, key: "\${file:./key.pem}", clients: optional, trust: [ ./clients.pem ] }
upstreams: { orders: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity: { issuers: { corp: { discover: '${server.url}', algorithms: [ ES256 ] } } }
apis:
  orders:
    contract: ./openapi.yaml
    upstream: orders
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE}, bound: any } } ]
    limits: []
telemetry: { listen: { port: 0 }, access-log: { to: none } }
`,
      contract,
      files: { 'cert.pem': served.certificate, 'key.pem': served.key, 'clients.pem': clients.certificate },
    });
    const der = Buffer.from(owner.certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    const thumbprint = createHash('sha256').update(der).digest('base64url');
    const claims = { iss: server.url, scope: 'orders:read' };
    const bound = server.issuer.token({ ...claims, cnf: { 'x5t#S256': thumbprint } });
    const use = (token: string, shown: { certificate: string; key: string } | null) =>
      exchange(gate.port, request('GET', '/orders', bearer(token)), 'GET', {
        tls: {
          ca: servers.certificate,
          servername: 'localhost',
          ...(shown === null ? {} : { cert: shown.certificate, key: shown.key }),
        },
      });
    for (let turn = 0; turn < 2; turn++) {
      assert.equal((await use(bound, owner)).status, 200);
      assert.equal((await use(bound, thief)).status, 401, 'stolen');
      assert.equal((await use(bound, null)).status, 401, 'without a certificate');
      assert.equal((await use(server.issuer.token(claims), owner)).status, 401, 'not bound at all');
    }
  },
);
