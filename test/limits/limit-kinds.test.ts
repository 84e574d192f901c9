// Limits of all kinds over the wire: what is counted, whom it is counted for, what refusals say, and what a restart keeps.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createApiKey } from '../../src/credentials/index.ts';
import { openState, SqlQuotaStore } from '../../src/stores/index.ts';
import { startTestGate, type TestGate } from '../support/gate.ts';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer.ts';
import { freshSchema, postgresUrl, skipPostgres } from '../support/postgres.ts';
import { exchange, RawClient, type RawResponse, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const names = [
  'consumer',
  'quota',
  'once',
  'bytes',
  'queue',
  'cost',
  'tenant',
  'claim',
  'network',
  'header',
  'plans',
] as const;
const contract = `openapi: 3.1.0
info: { title: Things, version: '1' }
paths:
${names.map((name) => `  /${name}: { get: { operationId: ${name}, responses: { '200': { description: ok } } } }`).join('\n')}
`;

const issuer = new TestIssuer();
const [gold, free] = [createApiKey('gold-1'), createApiKey('free-1')];

async function setUp(
  t: TestContext,
  state = './state.db',
): Promise<{ gate: TestGate; upstream: Awaited<ReturnType<typeof startRawUpstream>> }> {
  const upstream = await startRawUpstream(t);
  const config = `listeners: { public: { port: 0, host: 127.0.0.1, trusted-proxies: [ 127.0.0.1 ] } }
upstreams: { things: { targets: [ http://127.0.0.1:${upstream.port} ] } }
state: { sqlite: ${state} }
identity:
  issuers:
    corp: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256 ] }
  plans: { claim: plan, default: free }
  tenants: { claim: org }
  consumers:
    one: { plan: gold, tenant: acme, keys: [ { id: gold-1, sha256: ${gold.sha256} } ] }
    two: { tenant: acme, keys: [ { id: free-1, sha256: ${free.sha256} } ] }
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } }, { api-key: {} } ]
    limits: []
    validate: false
    operations:
      consumer: { limits: [ { per: consumer, rate: 2/h } ] }
      quota: { limits: [ { per: consumer, quota: 3/month, zone: Europe/Zurich, carry: 0.5, name: monthly } ] }
      once: { limits: [ { per: consumer, concurrent: 1 } ] }
      bytes: { limits: [ { per: consumer, rate: 1KiB/h, burst: 1024 } ] }
      queue: { limits: [ { per: consumer, rate: 5/s, burst: 1, queue: 10s } ] }
      cost: { cost: 4, limits: [ { per: consumer, rate: 10/h } ] }
      tenant: { limits: [ { per: tenant, rate: 2/h } ] }
      claim: { limits: [ { per: 'claim:team.name', rate: 1/h } ] }
      network: { limits: [ { per: network, rate: 1/h } ] }
      header: { limits: [ { per: 'header:X-Device', rate: 1/h } ] }
      plans: { limits: [ { per: consumer, rate: 1/h, plans: { gold: 3/h } } ] }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;
  const gate = await startTestGate(t, {
    config,
    contract,
    workers: 2,
    files: { 'jwks.json': issuer.jwks() },
  });
  return { gate, upstream };
}

const get = (
  gate: TestGate,
  path: string,
  key: string,
  fields: Record<string, string> = {},
): Promise<RawResponse> => exchange(gate.port, request('GET', path, { 'x-api-key': key, ...fields }));

const token = (claims: Record<string, unknown>): Record<string, string> => ({
  authorization: `Bearer ${issuer.token(claims)}`,
});
const statuses = async (times: number, one: () => Promise<RawResponse>): Promise<number[]> => {
  const found: number[] = [];
  for (let i = 0; i < times; i++) found.push((await one()).status);
  return found;
};

test('limits of all kinds', async (t) => {
  const { gate, upstream } = await setUp(t);
  const answers = upstream.onRequest;

  await t.test('plans, tenants, claims, headers and networks are counted apart', async () => {
    assert.deepEqual(await statuses(4, () => get(gate, '/plans', gold.key)), [200, 200, 200, 429]);
    assert.deepEqual(await statuses(2, () => get(gate, '/plans', free.key)), [200, 429]);
    const withPlan = (plan: string) => () =>
      exchange(gate.port, request('GET', '/plans', token({ sub: plan, plan })));
    assert.deepEqual(await statuses(4, withPlan('gold')), [200, 200, 200, 429]);
    assert.deepEqual(await statuses(2, withPlan('none')), [200, 429]);
    // Two consumers of one tenant share.
    assert.deepEqual(await statuses(1, () => get(gate, '/tenant', gold.key)), [200]);
    assert.deepEqual(await statuses(2, () => get(gate, '/tenant', free.key)), [200, 429]);
    const team = (name: string, sub: string) => () =>
      exchange(gate.port, request('GET', '/claim', token({ sub, team: { name } })));
    assert.deepEqual(await statuses(1, team('blue', 'a')), [200]);
    assert.deepEqual(await statuses(1, team('blue', 'b')), [429]);
    assert.deepEqual(await statuses(1, team('red', 'b')), [200]);
    const from = (path: string, address: string, fields: Record<string, string> = {}) =>
      get(gate, path, gold.key, { 'x-forwarded-for': address, ...fields }).then(({ status }) => status);
    assert.equal(await from('/network', '198.51.100.7'), 200);
    assert.equal(await from('/network', '198.51.100.8'), 429);
    assert.equal(await from('/network', '198.51.101.8'), 200);
    assert.equal(await from('/network', '2001:db8:0:7700::1'), 200);
    assert.equal(await from('/network', '2001:db8:0:77ff::1'), 429);
    assert.equal(await from('/network', '2001:db8:0:7800::1'), 200);
    assert.equal(await from('/header', '198.51.100.1', { 'x-device': 'a' }), 200);
    assert.equal(await from('/header', '198.51.100.1', { 'x-device': 'a' }), 429);
    assert.equal(await from('/header', '198.51.100.1', { 'x-device': 'b' }), 200);
    assert.equal(await from('/header', '198.51.100.1'), 200);
    assert.equal(await from('/header', '198.51.100.1'), 429);
  });

  await t.test('a dear request counts for more', async () => {
    assert.deepEqual(await statuses(3, () => get(gate, '/cost', gold.key)), [200, 200, 429]);
  });

  await t.test('bytes are charged when they have passed', async () => {
    upstream.onRequest = ({ connection }) => void connection.socket.write(answer(200, 'x'.repeat(3000)));
    assert.equal((await get(gate, '/bytes', gold.key)).status, 200);
    const refused = await get(gate, '/bytes', gold.key);
    assert.equal(refused.status, 429);
    assert.match(refused.fields.get('ratelimit-policy')!, /"consumer";q=1024;qu="content-bytes";w=3600/);
    // 3000 bytes at 1024 an hour: nearly two hours beyond the burst.
    assert.ok(Number(refused.fields.get('retry-after')) > 3600);
    upstream.onRequest = answers;
  });

  await t.test('requests under way are counted, and no longer when they are over', async () => {
    let release = (): void => {};
    upstream.onRequest = ({ connection }) => {
      release = () => void connection.socket.write(answer(200, 'late'));
    };
    const before = upstream.requests.length;
    const first = get(gate, '/once', gold.key);
    await until(() => upstream.requests.length > before, 'the first request');
    const second = await get(gate, '/once', gold.key);
    assert.equal(second.status, 429);
    assert.equal(second.json()['type'], 'urn:gatewright:problem:too-many-at-once');
    upstream.onRequest = answers;
    assert.equal((await get(gate, '/once', free.key)).status, 200);
    release();
    assert.equal((await first).status, 200);
    await until(async () => (await get(gate, '/once', gold.key)).status === 200, 'the end of the first');
    // A client that goes away gives its place up as well.
    upstream.onRequest = () => {};
    const count = upstream.requests.length;
    const client = await RawClient.connect(gate.port);
    client.socket.write(request('GET', '/once', { 'x-api-key': gold.key }));
    await until(() => upstream.requests.length > count, 'the request');
    assert.equal((await get(gate, '/once', gold.key)).status, 429);
    client.socket.destroy();
    upstream.onRequest = answers;
    await until(async () => (await get(gate, '/once', gold.key)).status === 200, 'the place to be free');
  });

  await t.test('who may queue waits for his turn', async () => {
    const beganMs = performance.now();
    const answers = await Promise.all([1, 2, 3].map(() => get(gate, '/queue', gold.key)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    // The third has to wait for two intervals of 200 ms.
    assert.ok(performance.now() - beganMs >= 390);
  });

  await t.test('a thread that dies gives up what it held', async () => {
    upstream.onRequest = () => {};
    const clients = await Promise.all([0, 1].map(() => RawClient.connect(gate.port)));
    const count = upstream.requests.length;
    clients[0]!.socket.write(request('GET', '/once', { 'x-api-key': free.key }));
    await until(() => upstream.requests.length > count, 'the request');
    assert.equal((await get(gate, '/once', free.key)).status, 429);
    upstream.onRequest = answers;
    await gate.gate.killWorker(0);
    await gate.gate.killWorker(1);
    await until(
      async () => (await get(gate, '/once', free.key).catch(() => null))?.status === 200,
      'the place of a dead thread',
    );
    for (const client of clients) client.socket.destroy();
  });
});

test('a quota outlasts the gate', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-quota-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const state = join(folder, 'state.db');
  const first = await setUp(t, state);
  const answered = await get(first.gate, '/quota', gold.key);
  assert.equal(answered.status, 200);
  assert.match(answered.fields.get('ratelimit-policy')!, /^"monthly";q=3;w=2592000$/);
  assert.deepEqual(await statuses(1, () => get(first.gate, '/quota', gold.key)), [200]);
  await first.gate.gate.close();
  const { gate } = await setUp(t, state);
  assert.deepEqual(await statuses(1, () => get(gate, '/quota', gold.key)), [200]);
  const refused = await get(gate, '/quota', gold.key);
  assert.equal(refused.status, 429);
  assert.equal(refused.json()['type'], 'urn:gatewright:problem:quota-exhausted');
  assert.ok(Number(refused.fields.get('retry-after')) > 0);
  assert.equal((await get(gate, '/quota', free.key)).status, 200);
});

for (const [name, skip] of [
  ['sqlite', false],
  ['postgres', skipPostgres],
] as const)
  test(`quotas in ${name}: leased, given back, carried over`, { skip }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'gatewright-quota-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const sealKey = 'a seal key of more than thirty-two characters';
    const state = await openState(
      name === 'sqlite'
        ? { kind: 'sqlite', file: join(folder, 'state.db'), sealKey }
        : { kind: 'postgres', url: postgresUrl!, schema: freshSchema(t), sealKey },
    );
    t.after(() => state.close());
    const store = new SqlQuotaStore(state.database);
    const ask = async (period: string, previous: string, parts: object): Promise<[number, number]> => {
      const base = {
        kind: 'quota' as const,
        name: 'q',
        intervalMs: 1,
        burst: 100,
        carry: 20,
        untilEpochMs: 5e12,
      };
      const given = { ...base, period, previous, wanted: 0, debt: 0, unused: 0, ...parts };
      const [reply] = await store.exchange([given]);
      return [reply!.granted, reply!.level];
    };
    assert.equal(await store.greet(), 1);
    assert.deepEqual(await ask('10', '09', { debt: 30, wanted: 10 }), [10, 60]);
    assert.deepEqual(await ask('10', '09', { unused: 20 }), [0, 80]);
    assert.deepEqual(await ask('11', '10', { debt: 1 }), [0, 119]);
    assert.deepEqual(await ask('11', '10', { debt: 109 }), [0, 10]);
    assert.deepEqual(await ask('12', '11', {}), [0, 110]);
    assert.deepEqual(await ask('02', '01', { debt: 99, wanted: 5 }), [1, 0]);
    assert.deepEqual((await state.fsck()).problems, []);
  });
