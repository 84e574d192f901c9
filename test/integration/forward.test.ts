// What services are told of callers, over the wire: a token that only the gate can have made, for this service alone.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createApiKey } from '../../src/credentials/index.ts';
import { compileKeySet, parseJwt, verifyJwt } from '../../src/jose/index.ts';
import { run } from '../support/command.ts';
import { startTestGate } from '../support/gate.ts';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const contract = `openapi: 3.1.0
info: { title: Orders, version: '1' }
paths:
  /orders:
    get: { operationId: listOrders, responses: {} }
    post:
      operationId: createOrder
      requestBody: { content: { text/plain: {} } }
      responses: {}
  /health:
    get: { operationId: health, responses: {} }
`;
const key = createApiKey('partner-1');
const HEADER = 'x-caller-identity';

async function setUp(t: TestContext, forward = '{ claims: [ email, iss ] }', workers = 1) {
  const upstream = await startRawUpstream(t);
  const issuer = new TestIssuer();
  const api = (name: string) => `  ${name}:
    contract: ./openapi.yaml
    base: /${name}
    upstream: ${name}
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } }, { api-key: {} } ]
    authorize: { scopes: none }
    limits: []
    operations: { health: { public: true, reason: test } }
`;
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams:
  orders: { targets: [ http://127.0.0.1:${upstream.port} ] }
  billing: { targets: [ http://127.0.0.1:${upstream.port} ] }
state: { sqlite: ./state.db }
identity:
  issuers: { corp: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256 ] } }
  consumers:
    partner: { scopes: [ 'orders:read' ], keys: [ { id: partner-1, sha256: ${key.sha256} } ] }
  forward: ${forward}
apis:
${api('orders')}${api('billing')}
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`,
    contract,
    files: { 'jwks.json': issuer.jwks() },
    workers,
  });
  const keySet = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/.well-known/jwks.json`)).text();
  const send = (target: string, fields: Record<string, string> = {}) =>
    exchange(gate.port, request('GET', target, fields));
  return { gate, upstream, issuer, keySet, send };
}

/** As a service would verify it. */
function verify(token: string, keys: string, audience: string, nowMs = Date.now()) {
  const jws = parseJwt(token);
  assert.ok(typeof jws !== 'string', String(jws));
  return verifyJwt(
    jws,
    compileKeySet(keys),
    {
      issuer: 'gatewright',
      audiences: [audience],
      algorithms: new Set(['ES256', 'EdDSA']),
      types: ['jwt'],
      requiredClaims: ['sub', 'jti', 'iat'],
      clockSkewMs: 0,
    },
    nowMs,
  );
}

for (const algorithm of ['ES256', 'EdDSA']) {
  test(`a service verifies who calls (${algorithm}): for itself alone, and not for long`, async (t) => {
    const { upstream, issuer, keySet, send } = await setUp(
      t,
      `{ algorithm: ${algorithm}, claims: [ email, iss, scope ], lifetime: 30s }`,
    );
    const token = issuer.token({ email: 'ingrid@example.com', scope: 'a b', roles: ['x'] });
    assert.equal((await send('/orders/orders', { authorization: `Bearer ${token}` })).status, 200);
    assert.equal((await send('/billing/orders', { 'x-api-key': key.key })).status, 200);
    const [one, two] = upstream.requests.map((entry) => entry.field(HEADER)!);
    const keys = await keySet();
    assert.ok(!keys.includes('"d"'));
    const verified = verify(one!, keys, 'orders');
    assert.ok(typeof verified !== 'string', String(verified));
    const { claims, expiresMs } = verified;
    assert.deepEqual(
      [claims['sub'], claims['iss'], claims['email'], claims['scope'], claims['roles'], claims['method']],
      ['corp|ingrid', 'gatewright', 'ingrid@example.com', 'a b', undefined, 'jwt'],
    );
    assert.ok(expiresMs - Date.now() <= 30_000);
    assert.equal(verify(one!, keys, 'billing'), 'audience');
    assert.equal(verify(one!, keys, 'orders', Date.now() + 30_000), 'expired');
    const other = verify(two!, keys, 'billing');
    assert.ok(typeof other !== 'string' && other.claims['sub'] === 'partner');
    // A token of the gate is none of the issuer's, and does not open the gate.
    assert.equal((await send('/orders/orders', { authorization: `Bearer ${one}` })).status, 401);
    assert.equal(upstream.requests[0]!.field('authorization'), undefined);
  });
}

test('nobody can tell a service who calls but the gate', async (t) => {
  const { upstream, send, gate } = await setUp(t);
  const fake = { [HEADER]: 'eyJhbGciOiJub25lIn0.e30.' };
  assert.equal(
    (await send('/orders/orders', { 'x-api-key': key.key, ...fake, 'X-Caller-Identity': 'b' })).status,
    200,
  );
  assert.equal((await send('/orders/health', fake)).status, 200);
  const [called, open] = upstream.requests;
  const told = called!.fields.filter(([name]) => name.toLowerCase() === HEADER);
  assert.equal(told.length, 1, 'exactly one');
  assert.ok(!told[0]![1].includes('eyJhbGciOiJub25lIn0'));
  assert.equal(open!.field(HEADER), undefined, 'nothing on a public operation');
  assert.equal((await send('/orders/orders', { 'x-api-key': key.key, x_caller_identity: 'a' })).status, 400);
  const nominated = await send('/orders/orders', { 'x-api-key': key.key, connection: HEADER });
  assert.ok(nominated.status === 400 || upstream.requests.at(-1)!.field(HEADER) !== undefined);
  const trailers = await exchange(
    gate.port,
    `POST /orders/orders HTTP/1.1\r\nhost: a\r\nx-api-key: ${key.key}\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${HEADER}: forged\r\n\r\n`,
    'POST',
  );
  assert.equal(trailers.status, 200);
  assert.ok(!JSON.stringify(upstream.requests.at(-1)).includes('forged'));
});

test('the same token serves for a while; the caller keeps his Authorization where services want it', async (t) => {
  const { upstream, issuer, send } = await setUp(t, '{ keep-authorization: true }');
  const authorization = `Bearer ${issuer.token()}`;
  for (let turn = 0; turn < 3; turn++) await send('/orders/orders', { authorization });
  assert.equal(new Set(upstream.requests.map((entry) => entry.field(HEADER))).size, 1);
  assert.equal(upstream.requests[0]!.field('authorization'), authorization);
});

test('keys are replaced by command: the next is published, the last one signs until then', async (t) => {
  const { gate, keySet, send, upstream } = await setUp(t, '{}', 2);
  const before = JSON.parse(await keySet()) as { keys: { kid: string }[] };
  const config = ['--config', `${gate.folder}/gatewright.yaml`];
  const quiet = await run(['rotate', '--json', ...config]);
  assert.equal(quiet.code, 0, quiet.err);
  assert.equal((JSON.parse(quiet.out) as { signing: { rotated: boolean }[] }).signing[0]!.rotated, false);
  const { out, code } = await run(['rotate', '--force', '--max-age', '1s', '--json', ...config]);
  assert.equal(code, 0);
  const [report] = (
    JSON.parse(out) as { signing: { rotated: boolean; current: string; next: { id: string } }[] }
  ).signing;
  assert.deepEqual([report!.rotated, report!.current], [true, before.keys[0]!.kid]);
  assert.notEqual(report!.next.id, report!.current);
  assert.equal((await gate.gate.reload()).ok, true);
  assert.equal((await send('/orders/orders', { 'x-api-key': key.key })).status, 200);
  const jws = parseJwt(upstream.requests[0]!.field(HEADER)!);
  assert.ok(typeof jws !== 'string' && jws.kid === report!.current);
});

test('without state, or with a field that means something else, nothing starts', async (t) => {
  await assert.rejects(setUp(t, '{ header: cookie }'), /config-value|meaning of its own/);
});
