// Credentials that are made on demand and end with their leases, and passwords that change: PostgreSQL, Redis, and the gate's
// own keys, each real.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import pg from 'pg';
import { systemClock } from '../../src/core/index.ts';
import { openState } from '../../src/stores/index.ts';
import { DatabaseEngine, Unsealing, VaultService } from '../../src/vault/index.ts';
import { startTestGate } from '../support/gate.ts';
import {
  ADMIN_PASSWORD,
  type OwnPostgres,
  skipOwnPostgres,
  startOwnPostgres,
} from '../support/own-postgres.ts';
import { redisLine, skipOwnRedis, startOwnRedis } from '../support/own-redis.ts';
import { until } from '../support/until.ts';
import { startTestVault, startVaultGate, type TestVault } from '../support/vault.ts';

const engines = new Map([['database', (service: VaultService) => new DatabaseEngine(service)]]);

async function logsIn(port: number, user: string, password: string): Promise<boolean> {
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'postgres' });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

async function withDatabase(vault: TestVault, postgres: OwnPostgres): Promise<void> {
  const ok = async (method: string, path: string, body: unknown): Promise<void> => {
    const answer = await vault.call(method, path, body);
    assert.ok(answer.status < 300, `${path}: ${JSON.stringify(answer.body)}`);
  };
  await ok('POST', 'sys/mounts/database', { type: 'database' });
  await ok('POST', 'database/config/main', {
    plugin_name: 'postgresql-database-plugin',
    connection_url: postgres.template,
    username: 'admin',
    password: ADMIN_PASSWORD,
    allowed_roles: ['app', 'static', 'pair'],
  });
  await ok('POST', 'database/roles/app', {
    db_name: 'main',
    creation_statements: [
      `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`,
    ],
    default_ttl: '1h',
    max_ttl: '24h',
  });
}

test('PostgreSQL: an account for a lease, renewed, revoked; another role is denied', {
  skip: skipOwnPostgres,
}, async (t) => {
  const postgres = await startOwnPostgres(t);
  const vault = await startTestVault(t, { engines });
  await withDatabase(vault, postgres);
  const wrong = await vault.call('POST', 'database/config/wrong', {
    plugin_name: 'postgresql-database-plugin',
    connection_url: postgres.template,
    username: 'admin',
    password: 'guess',
  });
  assert.equal(wrong.status, 502);
  assert.doesNotMatch(
    JSON.stringify((await vault.call('GET', 'database/config/main')).body),
    /admin-password/,
  );

  const { body } = await vault.call('GET', 'database/creds/app');
  const { username, password } = body.data;
  assert.equal(body.lease_duration, 3600);
  assert.equal(await logsIn(postgres.port, username, password), true);
  assert.equal(await logsIn(postgres.port, username, `${password}x`), false);
  const renewed = await vault.call('PUT', 'sys/leases/renew', { lease_id: body.lease_id, increment: 7200 });
  assert.equal(renewed.body.lease_duration, 7200);
  const [row] = await postgres.query(
    `SELECT extract(epoch FROM rolvaliduntil) * 1000 AS ms FROM pg_roles WHERE rolname = '${username}'`,
  );
  assert.ok(Math.abs(Number(row!['ms']) - Date.now() - 7_200_000) < 60_000);

  const session = new pg.Client({
    host: '127.0.0.1',
    port: postgres.port,
    user: username,
    password,
    database: 'postgres',
  });
  const cut = new Promise<void>((resolve) => session.on('error', () => resolve()));
  await session.connect();
  assert.equal((await vault.call('PUT', 'sys/leases/revoke', { lease_id: body.lease_id })).status, 204);
  // Sessions end with the account.
  await cut;
  assert.deepEqual(await postgres.query(`SELECT 1 FROM pg_roles WHERE rolname = '${username}'`), []);
  assert.equal((await vault.call('PUT', 'sys/leases/renew', { lease_id: body.lease_id })).status, 400);

  await vault.call('POST', 'database/roles/other', { db_name: 'main', creation_statements: ['SELECT 1'] });
  assert.equal((await vault.call('GET', 'database/creds/other')).status, 403);
  assert.ok(vault.uses.some((use) => use.path === 'database/creds/app' && use.outcome === 'allowed'));
  assert.doesNotMatch(JSON.stringify(vault.uses), new RegExp(password));
});

test('PostgreSQL: leases end with their token, by time, and after a crash in the middle', {
  skip: skipOwnPostgres,
}, async (t) => {
  const postgres = await startOwnPostgres(t);
  const vault = await startTestVault(t, { engines });
  await withDatabase(vault, postgres);
  const roles = async (): Promise<number> =>
    Number((await postgres.query(`SELECT count(*) AS n FROM pg_roles WHERE rolname LIKE 'v-%'`))[0]!['n']);
  const token = (await vault.call('POST', 'auth/token/create', { policies: ['root'], ttl: '1h' })).body.auth
    .client_token;
  await vault.call('GET', 'database/creds/app', undefined, token);
  await vault.call('GET', 'database/creds/app', undefined, token);
  assert.equal(await roles(), 2);
  await vault.call('POST', 'auth/token/revoke', { token });
  await vault.service.tidy();
  assert.equal(await roles(), 0);

  await vault.call('GET', 'database/creds/app');
  const later = (ms: number) => ({ ...systemClock, epochMs: () => Date.now() + ms });
  const after = (ms: number): VaultService =>
    new VaultService({
      barrier: vault.state.vault,
      clock: later(ms),
      audit: () => {},
      unsealing: new Unsealing(vault.state.vault, false),
      engines,
    });
  await after(1_800_000).tidy();
  assert.equal(await roles(), 1);
  await after(3_700_000).tidy();
  assert.equal(await roles(), 0);

  // The program dies when the account is made and nobody was told: the lease stood written before.
  const { leases } = vault.service;
  const never = leases.create(
    {
      kind: 'database',
      path: 'database/creds/app',
      token: 'x',
      tokenExpiresMs: null,
      ttlMs: 3_600_000,
      maxTtlMs: 0,
      renewable: true,
      data: {
        mount: Object.values((await vault.service.mounts.table()).engines).find(
          ({ type }) => type === 'database',
        )!.id,
        database: 'main',
        username: 'v-crash-1',
        revocationStatements: [],
        renewStatements: [],
      },
    },
    async () => {
      await postgres.query('CREATE ROLE "v-crash-1" LOGIN');
      await new Promise(() => {});
    },
  );
  void never;
  await until(async () => (await roles()) === 1, 'the account of the call that never ends');
  await after(30_000).tidy();
  assert.equal(await roles(), 1);
  await after(120_000).tidy();
  assert.equal(await roles(), 0);
});

test('PostgreSQL: a database that is away keeps the lease until it is back', {
  skip: skipOwnPostgres,
}, async (t) => {
  const postgres = await startOwnPostgres(t);
  const vault = await startTestVault(t, { engines });
  await withDatabase(vault, postgres);
  const { body } = await vault.call('GET', 'database/creds/app');
  await postgres.query(`ALTER ROLE admin PASSWORD 'changed by hand'`);
  const answer = await vault.call('PUT', 'sys/leases/revoke', { lease_id: body.lease_id });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.warnings.length, 1);
  await vault.call('POST', 'database/config/main', { password: 'changed by hand' });
  const service = new VaultService({
    barrier: vault.state.vault,
    clock: { ...systemClock, epochMs: () => Date.now() + 3_600_000 },
    audit: () => {},
    unsealing: new Unsealing(vault.state.vault, false),
    engines,
  });
  await service.tidy();
  assert.deepEqual(await vault.state.vault.list('lease/'), []);
  assert.equal(await logsIn(postgres.port, body.data.username, body.data.password), false);
});

test('static roles: one account, two that take turns, a check that fails, the own password', {
  skip: skipOwnPostgres,
}, async (t) => {
  const postgres = await startOwnPostgres(t);
  const vault = await startTestVault(t, { engines });
  await withDatabase(vault, postgres);
  await postgres.query('CREATE ROLE app LOGIN; CREATE ROLE pair_a LOGIN; CREATE ROLE pair_b LOGIN');
  const creds = async (name: string) => (await vault.call('GET', `database/static-creds/${name}`)).body.data;
  assert.equal(
    (
      await vault.call('POST', 'database/static-roles/static', {
        db_name: 'main',
        username: 'app',
        rotation_period: 3600,
      })
    ).status,
    204,
  );
  const first = await creds('static');
  assert.equal(await logsIn(postgres.port, 'app', first.password), true);
  await vault.call('POST', 'database/rotate-role/static');
  const second = await creds('static');
  assert.equal(await logsIn(postgres.port, 'app', first.password), false);
  assert.equal(await logsIn(postgres.port, 'app', second.password), true);

  await vault.call('POST', 'database/static-roles/pair', {
    db_name: 'main',
    usernames: ['pair_a', 'pair_b'],
    rotation_period: 3600,
  });
  const a = await creds('pair');
  await vault.call('POST', 'database/rotate-role/pair');
  const b = await creds('pair');
  assert.notEqual(a.username, b.username);
  // Overlap: the one before is good until the next rotation.
  for (const one of [a, b]) assert.equal(await logsIn(postgres.port, one.username, one.password), true);
  await vault.call('POST', 'database/rotate-role/pair');
  assert.equal(await logsIn(postgres.port, a.username, a.password), false);
  assert.equal(await logsIn(postgres.port, b.username, b.password), true);

  // A new password that does not do: the old one is put back.
  await vault.call('POST', 'database/static-roles/static', { check_statement: 'SELECT * FROM not_there' });
  assert.equal((await vault.call('POST', 'database/rotate-role/static')).status, 502);
  assert.deepEqual((await creds('static')).password, second.password);
  assert.equal(await logsIn(postgres.port, 'app', second.password), true);
  const report = (await vault.call('GET', 'database/static-roles/static')).body.data;
  assert.match(report.problem, /the old password is in force/);
  assert.equal(report.pending, false);

  assert.equal((await vault.call('POST', 'database/rotate-root/main')).status, 204);
  await assert.rejects(postgres.query('SELECT 1'));
  await vault.call('POST', 'database/static-roles/static', { check_statement: '' });
  assert.equal((await vault.call('POST', 'database/rotate-role/static')).status, 204);
  assert.equal(await logsIn(postgres.port, 'app', (await creds('static')).password), true);
});

test('rotating the credential of a live path loses no request', { skip: skipOwnPostgres }, async (t) => {
  const postgres = await startOwnPostgres(t);
  const vault = await startTestVault(t, { engines });
  await withDatabase(vault, postgres);
  await postgres.query('CREATE ROLE pair_a LOGIN; CREATE ROLE pair_b LOGIN');
  await vault.call('POST', 'database/static-roles/pair', {
    db_name: 'main',
    usernames: ['pair_a', 'pair_b'],
    rotation_period: 3600,
  });

  // A service that reads its credential from the vault every few milliseconds, and asks the database for every request on a
  // connection of its own: each proves that the credential it had was good.
  let current = (await vault.call('GET', 'database/static-creds/pair')).body.data;
  const users = new Set<string>();
  const refresh = setInterval(async () => {
    current = (await vault.call('GET', 'database/static-creds/pair')).body.data;
  }, 20);
  t.after(() => clearInterval(refresh));
  const upstream = createServer((_request, response) => {
    const { username, password } = current;
    const client = new pg.Client({
      host: '127.0.0.1',
      port: postgres.port,
      user: username,
      password,
      database: 'postgres',
    });
    client.on('error', () => {});
    client
      .connect()
      .then(() => client.query('SELECT current_user AS me'))
      .then(({ rows }) => {
        users.add(rows[0].me);
        response.end(rows[0].me);
      })
      .catch(() => response.writeHead(500).end())
      .finally(() => client.end().catch(() => {}));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => upstream.close());
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { things: { targets: [ http://127.0.0.1:${(upstream.address() as AddressInfo).port} ], retries: { attempts: 0 } } }
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    validate: false
    operations: { listThings: { public: true, reason: test }, headThings: { public: true, reason: test }, createThing: { public: true, reason: test }, replaceThings: { public: true, reason: test }, getThing: { public: true, reason: test }, deleteThing: { public: true, reason: test }, openSocket: { public: true, reason: test, websocket: true } }
telemetry: { listen: false, access-log: { to: none } }
`,
  });
  let running = true;
  const statuses = new Map<number, number>();
  const clients = Array.from({ length: 4 }, async () => {
    while (running) {
      const status = await fetch(`http://127.0.0.1:${gate.port}/things`).then(
        (answer) => answer.status,
        () => 0,
      );
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  for (let rotation = 0; rotation < 5; rotation++) {
    const before = current.password;
    assert.equal((await vault.call('POST', 'database/rotate-role/pair')).status, 204);
    await until(() => current.password !== before, 'the service to have the new credential');
    const served = statuses.get(200) ?? 0;
    await until(() => (statuses.get(200) ?? 0) > served + 5, 'requests under the new credential');
  }
  running = false;
  await Promise.all(clients);
  assert.deepEqual([...statuses.keys()], [200]);
  assert.deepEqual([...users].sort(), ['pair_a', 'pair_b']);
});

test('Redis: an account for a lease with its rules, gone with it; passwords that change', {
  skip: skipOwnRedis,
}, async (t) => {
  const port = await startOwnRedis(t);
  const vault = await startTestVault(t, { engines });
  await vault.call('POST', 'sys/mounts/database', { type: 'database' });
  const configured = await vault.call('POST', 'database/config/cache', {
    plugin_name: 'redis-database-plugin',
    host: '127.0.0.1',
    port,
    allowed_roles: '*',
  });
  assert.equal(configured.status, 204, JSON.stringify(configured.body));
  await vault.call('POST', 'database/roles/reader', {
    db_name: 'cache',
    creation_statements: '["~app:*", "+get", "+ping"]',
  });
  const { body } = await vault.call('GET', 'database/creds/reader');
  const { username, password } = body.data;
  assert.equal(
    await redisLine(port, [
      ['AUTH', username, password],
      ['GET', 'app:1'],
    ]),
    '$-1',
  );
  assert.match(
    await redisLine(port, [
      ['AUTH', username, password],
      ['GET', 'other'],
    ]),
    /^-NOPERM/,
  );
  assert.match(await redisLine(port, [['AUTH', username, 'x']]), /^-WRONGPASS/);
  await vault.call('PUT', 'sys/leases/revoke', { lease_id: body.lease_id });
  assert.match(await redisLine(port, [['AUTH', username, password]]), /^-WRONGPASS/);
  await vault.call('POST', 'database/roles/evil', {
    db_name: 'cache',
    creation_statements: '["nopass", "~*", "+@all"]',
  });
  assert.equal((await vault.call('GET', 'database/creds/evil')).status, 400);

  await redisLine(port, [['ACL', 'SETUSER', 'app', 'on', '>old', '~*', '+@all']]);
  await vault.call('POST', 'database/static-roles/app', {
    db_name: 'cache',
    username: 'app',
    rotation_period: 3600,
  });
  const made = (await vault.call('GET', 'database/static-creds/app')).body.data;
  assert.equal(await redisLine(port, [['AUTH', 'app', made.password]]), '+OK');
  assert.match(await redisLine(port, [['AUTH', 'app', 'old']]), /^-WRONGPASS/);
});

test("the gate's own keys: good at the gate while the lease lasts", async (t) => {
  const gate = await startVaultGate(t);
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${gate.address}/v1/${path}`, {
      method,
      headers: { 'x-vault-token': gate.rootToken },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  };
  assert.equal((await call('POST', 'sys/mounts/gatewright', { type: 'gatewright' })).status, 204);
  await call('POST', 'gatewright/roles/batch', { scopes: ['orders:read'], default_ttl: '1h' });
  const { body } = await call('GET', 'gatewright/creds/batch');
  assert.match(body.data.key, /^gwk_v-batch-/);
  const state = await openState(gate.gate.config.state!);
  t.after(() => state.close());
  const key = await state.identity.key(body.data.id);
  assert.deepEqual([key?.principal, key?.revokedMs], [body.data.client, null]);
  assert.ok(key!.expiresMs! <= Date.now() + 3_600_000);
  assert.equal((await call('PUT', 'sys/leases/revoke', { lease_id: body.lease_id })).status, 204);
  assert.notEqual((await state.identity.key(body.data.id))?.revokedMs, null);
  assert.notEqual((await state.identity.principal(body.data.client))?.disabledMs, null);
});
