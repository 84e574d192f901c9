// Guessing credentials at the gate and at a service behind it: what is counted, who is refused, and who is not locked out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiKey } from '../../src/credentials/index.ts';
import { startTestGate, type TestGate } from '../support/gate.ts';
import { exchange, type RawResponse, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';

const contract = `openapi: 3.1.0
info: { title: Things, version: '1' }
paths:
  /things: { get: { operationId: listThings, responses: { '200': { description: ok } } } }
  /login:
    post:
      operationId: logIn
      requestBody: { content: { application/json: {}, application/x-www-form-urlencoded: {} } }
      responses: { '200': { description: ok }, '401': { description: wrong } }
`;
const key = createApiKey('partner-1');

test('guesses', async (t) => {
  const upstream = await startRawUpstream(t);
  upstream.onRequest = ({ connection, target, body }) => {
    const good = target !== '/login' || /right/.test(body.toString());
    connection.socket.write(answer(good ? 200 : 401, '{}', { 'content-type': 'application/json' }));
  };
  const gate: TestGate = await startTestGate(t, {
    workers: 2,
    contract,
    config: `listeners: { public: { port: 0, host: 127.0.0.1, trusted-proxies: [ 127.0.0.1 ] } }
upstreams: { things: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  failures: { per-address: 3/h, per-network: 8/h, tarpit: 50ms }
  consumers: { partner: { keys: [ { id: partner-1, sha256: ${key.sha256} } ] } }
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    validate: false
    authenticate: [ { api-key: {} } ]
    operations:
      logIn:
        public: true
        reason: log in
        guesses: { account: /user, secret: /password, per-address: 50/h, per-network: 100/h, per-account: 3/h, per-secret: 4/h, tarpit: 0s }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`,
  });

  await t.test('at the gate, by address and network', async () => {
    const get = async (address: string, apiKey: string): Promise<number> =>
      (
        await exchange(
          gate.port,
          request('GET', '/things', { 'x-forwarded-for': address, 'x-api-key': apiKey }),
        )
      ).status;
    const wrong = createApiKey('partner-1').key;
    for (let i = 0; i < 3; i++) assert.equal(await get('198.51.100.1', wrong), 401);
    // Nobody looks at credentials of this address now, not even at good ones.
    assert.equal(await get('198.51.100.1', wrong), 429);
    assert.equal(await get('198.51.100.1', key.key), 429);
    assert.equal(await get('198.51.100.2', key.key), 200);
    for (let i = 0; i < 5; i++) assert.equal(await get(`198.51.100.${10 + i}`, wrong), 401);
    assert.equal(await get('198.51.100.99', wrong), 429);
    assert.equal(await get('198.51.101.99', key.key), 200);
    const refused = await exchange(
      gate.port,
      request('GET', '/things', { 'x-forwarded-for': '198.51.100.1', 'x-api-key': wrong }),
    );
    assert.equal(refused.json()['type'], 'urn:gatewright:problem:too-many-failures');
    assert.ok(Number(refused.fields.get('retry-after')) > 0);
  });

  const logIn = (address: string, user: string, password: string, form = false): Promise<RawResponse> =>
    exchange(
      gate.port,
      request(
        'POST',
        '/login',
        {
          'x-forwarded-for': address,
          'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json',
        },
        form ? new URLSearchParams({ user, password }).toString() : JSON.stringify({ user, password }),
      ),
      'POST',
    );
  const status = async (...args: Parameters<typeof logIn>): Promise<number> => (await logIn(...args)).status;

  await t.test('at an account: its owner, who has got in from where he is, is not locked out', async () => {
    assert.equal(await status('203.0.113.1', 'Ingrid', 'right'), 200);
    for (let i = 0; i < 3; i++)
      assert.equal(await status(`192.0.2.${i}`, 'ingrid', `guess ${i}`, i === 1), 401);
    assert.equal(await status('192.0.2.77', 'INGRID', 'guess'), 429);
    assert.equal(await status('192.0.2.78', 'ingrid', 'right'), 429);
    assert.equal(await status('203.0.113.1', 'ingrid', 'right'), 200);
    assert.equal(await status('192.0.2.77', 'somebody', 'right'), 200);
  });

  await t.test('one password at many accounts from many addresses', async () => {
    for (let i = 0; i < 4; i++) assert.equal(await status(`10.${i}.0.1`, `user-${i}`, 'Summer2026!'), 401);
    assert.equal(await status('10.99.0.1', 'user-99', 'Summer2026!'), 429);
    assert.equal(await status('10.99.0.1', 'user-99', 'right and different'), 200);
  });

  await t.test('what is wrong in form counts for the address alone', async () => {
    const sent = await exchange(
      gate.port,
      request(
        'POST',
        '/login',
        { 'x-forwarded-for': '10.200.0.1', 'content-type': 'application/json' },
        '{nonsense',
      ),
      'POST',
    );
    assert.equal(sent.status, 401);
  });
});
