// Keys and withdrawals of the state over the wire: what another program writes counts on every thread within a second.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/core/index.ts';
import { IdentityRegistry } from '../../src/identity/index.ts';
import { openState } from '../../src/stores/index.ts';
import { run } from '../support/command.ts';
import { startTestGate } from '../support/gate.ts';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer.ts';
import { freshSchema, postgresUrl, skipPostgres } from '../support/postgres.ts';
import { exchange, type RawResponse, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const contract = `openapi: 3.1.0
info: { title: Orders, version: '1' }
components: { securitySchemes: { oauth: { type: oauth2, flows: {} } } }
paths:
  /orders:
    get: { operationId: listOrders, security: [ { oauth: [ 'orders:read' ] } ], responses: {} }
`;

const SEAL = 'a seal key of more than thirty-two characters';

interface SetUp {
  readonly state?: string;
  readonly workers?: number;
  readonly issuer?: TestIssuer;
  readonly env?: Record<string, string>;
  readonly listener?: string;
}

async function setUp(t: TestContext, parts: SetUp = {}) {
  const upstream = await startRawUpstream(t);
  const issuer = parts.issuer ?? new TestIssuer();
  const config = `listeners: { public: { port: 0, host: 127.0.0.1${parts.listener ?? ''} } }
upstreams: { orders: { targets: [ http://127.0.0.1:${upstream.port} ] } }
state: ${parts.state ?? '{ sqlite: ./state.db }'}
identity:
  issuers: { corp: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256 ] } }
apis:
  orders:
    contract: ./openapi.yaml
    upstream: orders
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } }, { api-key: {} } ]
    limits: []
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;
  const gate = await startTestGate(t, {
    config,
    contract,
    files: { 'jwks.json': issuer.jwks() },
    workers: parts.workers ?? 1,
    env: parts.env ?? {},
  });
  const get = (fields: Record<string, string>): Promise<RawResponse> =>
    exchange(gate.port, request('GET', '/orders', fields));
  return { upstream, issuer, gate, get, config };
}

const codeOf = (response: RawResponse): string =>
  String(response.json()['type']).replace('urn:gatewright:problem:', '');

async function registryOf(t: TestContext, folder: string): Promise<IdentityRegistry> {
  const state = await openState({ kind: 'sqlite', file: `${folder}/state.db`, sealKey: null });
  t.after(() => state.close());
  return new IdentityRegistry(state.identity, systemClock);
}

/** Each request comes over a connection of its own, so that all threads are asked. */
const everywhere = async (get: () => Promise<RawResponse>, status: number): Promise<boolean> =>
  (await Promise.all(Array.from({ length: 24 }, get))).every((response) => response.status === status);

test('a key of the state: issued, used, rotated with overlap, revoked, while the gate runs', async (t) => {
  const { gate, get, upstream } = await setUp(t, { workers: 2 });
  const registry = await registryOf(t, gate.folder);
  const first = (await registry.add('client', 'partner', ['orders:read'], '', {}))!;
  const withKey = (key: string) => () => get({ 'x-api-key': key });
  await until(() => everywhere(withKey(first.key), 200), 'the key to be known to every thread');
  assert.equal(upstream.requests[0]!.field('x-api-key'), undefined);
  const second = await registry.rotateKey(first.record.id, 60_000);
  await until(() => everywhere(withKey(second.key), 200), 'the new key');
  assert.ok(await everywhere(withKey(first.key), 200), 'both are good while they overlap');
  await until(
    async () => (await registry.key(second.record.id)).lastUsedMs !== null,
    'the use to be written down',
  );
  await registry.revokeKey(first.record.id);
  await until(() => everywhere(withKey(first.key), 401), 'the revocation to be known to every thread');
  assert.ok(await everywhere(withKey(second.key), 200));
  // A reload and a new thread know the same.
  assert.equal((await gate.gate.reload()).ok, true);
  await gate.gate.killWorker(0);
  await until(() => everywhere(withKey(second.key), 200).catch(() => false), 'the replaced thread');
  assert.ok(await everywhere(withKey(first.key), 401));
});

test('scopes, owner, lifetime and addresses of a stored key count', async (t) => {
  const { gate, get } = await setUp(t, { listener: ', trusted-proxies: [ 127.0.0.1 ]' });
  const registry = await registryOf(t, gate.folder);
  await registry.add('service', 'billing', ['orders:read'], '', null);
  const make = (options: Parameters<IdentityRegistry['createKey']>[1]) =>
    registry.createKey('billing', options);
  const whole = await make({});
  const narrow = await make({ scopes: ['other'] });
  const short = await make({ lifetimeMs: 1500 });
  const bound = await make({ addresses: ['10.1.0.0/16'] });
  const last = await make({});
  await until(async () => (await get({ 'x-api-key': last.key })).status === 200, 'the keys to be known');
  assert.equal((await get({ 'x-api-key': whole.key })).status, 200);
  const refused = await get({ 'x-api-key': narrow.key });
  assert.deepEqual([refused.status, codeOf(refused)], [403, 'scope-insufficient']);
  const from = (address: string) => get({ 'x-api-key': bound.key, 'x-forwarded-for': address });
  assert.equal((await from('10.1.2.3')).status, 200);
  for (const address of ['10.2.0.1', '::ffff:10.2.0.1', '2001:db8::1']) {
    const elsewhere = await from(address);
    assert.deepEqual([elsewhere.status, codeOf(elsewhere)], [401, 'credentials-invalid'], address);
  }
  assert.equal((await get({ 'x-api-key': bound.key })).status, 401, 'from the proxy itself');
  await until(async () => {
    const response = await get({ 'x-api-key': short.key });
    return (
      response.status === 401 && ['credentials-expired', 'credentials-invalid'].includes(codeOf(response))
    );
  }, 'the end of the short key');
  await registry.setScopes('service', 'billing', ['none']);
  await until(async () => (await get({ 'x-api-key': whole.key })).status === 403, 'the new scopes');
  await registry.setScopes('service', 'billing', ['orders:read']);
  await until(async () => (await get({ 'x-api-key': whole.key })).status === 200, 'the old scopes');
  await registry.disable('service', 'billing', 3_600_000);
  await until(async () => (await get({ 'x-api-key': whole.key })).status === 401, 'the owner to be disabled');
  await registry.enable('service', 'billing');
  await until(async () => (await get({ 'x-api-key': whole.key })).status === 200, 'the owner to be enabled');
});

test('a withdrawn token is refused although its verdict is cached: by id, subject, session and issuer', async (t) => {
  const { gate, get, issuer } = await setUp(t, { workers: 2 });
  const registry = await registryOf(t, gate.folder);
  const now = Math.floor(Date.now() / 1000);
  const scope = { scope: 'orders:read', iat: now - 10 };
  const bearer = (claims: Record<string, unknown>) => {
    const token = issuer.token({ ...scope, ...claims });
    return () => get({ authorization: `Bearer ${token}` });
  };
  const cases = [
    { kind: 'token', value: 'corp|t-1', victim: bearer({ jti: 't-1' }), other: bearer({ jti: 't-2' }) },
    { kind: 'session', value: 'corp|s-1', victim: bearer({ sid: 's-1' }), other: bearer({ sid: 's-2' }) },
    { kind: 'subject', value: 'corp|mallory', victim: bearer({ sub: 'mallory' }), other: bearer({}) },
    {
      kind: 'subject',
      value: 'corp|olga',
      issuedBeforeMs: (now - 5) * 1000,
      victim: bearer({ sub: 'olga' }),
      other: bearer({ sub: 'olga', iat: now - 4 }),
    },
    {
      kind: 'issuer',
      value: 'corp',
      issuedBeforeMs: (now - 60) * 1000,
      victim: bearer({ iat: now - 61 }),
      other: bearer({}),
    },
    {
      kind: 'issuer',
      value: 'corp',
      issuedBeforeMs: (now - 2) * 1000,
      victim: bearer({ iat: undefined }),
      other: bearer({ iat: now }),
    },
  ] as const;
  for (const { victim, other, ...what } of cases) {
    const name = JSON.stringify(what);
    if (what.kind !== 'issuer') assert.ok(await everywhere(victim, 200), name);
    await registry.revoke({ ...what, forMs: 3_600_000, reason: 'test' });
    await until(() => everywhere(victim, 401), `${name} to be refused`);
    assert.ok(await everywhere(other, 200), `${name} and nothing else`);
  }
  assert.equal(await registry.restore('subject', 'corp|mallory'), true);
});

test('the command line works on the state of a running gate', async (t) => {
  const { gate, get } = await setUp(t);
  const config = ['--config', `${gate.folder}/gatewright.yaml`];
  const json = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { code, out, err } = await run([...args, '--json', ...config]);
    assert.equal(code, 0, `${args.join(' ')}: ${err}${out}`);
    return JSON.parse(out) as Record<string, unknown>;
  };
  const added = await json('clients', 'add', 'shop', '--scope', 'orders:read', '--key');
  const key = String(added['key']);
  await until(async () => (await get({ 'x-api-key': key })).status === 200, 'the key');
  const list = (await json('keys', 'list')) as unknown as Record<string, unknown>[];
  assert.deepEqual([list.length, list[0]!['principal'], list[0]!['status']], [1, 'shop', 'active']);
  assert.ok(!JSON.stringify(list).includes('sha256'));
  const next = await json('keys', 'rotate', String(added['keyId']), '--overlap', '1h', '--expires', '90d');
  assert.match(String(next['key']), /^gwk_shop-/);
  await json('keys', 'revoke', String(added['keyId']));
  await until(async () => (await get({ 'x-api-key': key })).status === 401, 'the revocation');
  await json('clients', 'disable', 'shop');
  await until(async () => (await get({ 'x-api-key': String(next['key']) })).status === 401, 'the client');
  await json('token', 'revoke', '--jti', 'corp|4711', '--reason', 'lost laptop');
  const revoked = (await json('token', 'list')) as unknown as Record<string, unknown>[];
  assert.deepEqual(revoked.map((entry) => entry['value']).sort(), [
    'authorization-server|shop',
    'corp|4711',
    'shop',
  ]);
  assert.equal((await json('fsck'))['ok'], true);
  const wrong = await run(['clients', 'add', 'shop', ...config]);
  assert.deepEqual([wrong.code, wrong.err.trim()], [1, 'gatewright: "shop" exists already']);
  assert.equal((await run(['token', 'revoke', ...config])).code, 2);
  const shown = await run(['keys', 'list', ...config]);
  assert.match(shown.out, /ID +OWNER +STATUS[^\n]*\nshop-/);
});

test('two nodes on one PostgreSQL: a key that one node’s operator revokes is refused by both', {
  skip: skipPostgres,
}, async (t) => {
  const schema = freshSchema(t);
  const parts: SetUp = {
    state: `{ postgres: '\${env:DATABASE_URL}', schema: ${schema}, seal: '\${env:SEAL}' }`,
    env: { DATABASE_URL: postgresUrl!, SEAL },
  };
  const [one, two] = [await setUp(t, parts), await setUp(t, parts)];
  const state = await openState({ kind: 'postgres', url: postgresUrl!, schema, sealKey: SEAL });
  t.after(() => state.close());
  const registry = new IdentityRegistry(state.identity, systemClock);
  const { key, record } = (await registry.add('client', 'fleet', ['orders:read'], '', {}))!;
  const both = (status: number) => async () => {
    const answers = await Promise.all([one, two].map(({ get }) => get({ 'x-api-key': key })));
    return answers.every((answer) => answer.status === status);
  };
  await until(both(200), 'the key on both nodes');
  await registry.revokeKey(record.id);
  await until(both(401), 'the revocation on both nodes');
});

test('fsck does not make a state where there is none, and says what is wrong with one', async (t) => {
  const { gate } = await setUp(t);
  const config = ['--config', `${gate.folder}/gatewright.yaml`];
  await gate.gate.close();
  const sound = await run(['fsck', ...config]);
  assert.deepEqual([sound.code, /No problems/.test(sound.out)], [0, true]);
  const database = new DatabaseSync(`${gate.folder}/state.db`);
  database.exec(`INSERT INTO principals VALUES ('x', 'client', '', 'no list', 1, NULL, 1)`);
  database.close();
  const broken = await run(['fsck', ...config]);
  assert.equal(broken.code, 1);
  assert.match(broken.out, /PROBLEM principals\/x has scopes that are no list of texts/);
  for (const ending of ['', '-wal', '-shm']) await rm(`${gate.folder}/state.db${ending}`, { force: true });
  const missing = await run(['fsck', ...config]);
  assert.deepEqual([missing.code, /there is no state/.test(missing.err)], [1, true]);
  assert.equal(existsSync(`${gate.folder}/state.db`), false);
});

test('a state that can not be opened stops the start', async (t) => {
  await assert.rejects(setUp(t, { state: '{ sqlite: ./openapi.yaml }' }), /can not be opened/);
});
