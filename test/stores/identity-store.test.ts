// One suite for every database: what identity needs of its store, on SQLite and on PostgreSQL.
import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import type { StateConfig } from '../../src/config/index.ts';
import {
  type ApiKeyRecord,
  type ApiKeyState,
  IdentityError,
  type IdentityStore,
  type Principal,
  type SigningKeyRecord,
} from '../../src/identity/index.ts';
import { openState, type State, StateError } from '../../src/stores/index.ts';
import { freshSchema, onPostgres, postgresUrl, skipPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';

interface Subject {
  readonly config: StateConfig;
  /** Runs a statement past the store. */
  tamper(sql: string): Promise<void>;
}

const SEAL = 'a seal key of more than thirty-two characters';

async function sqliteSubject(t: TestContext): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-state-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'state.db');
  return {
    config: { kind: 'sqlite', file, sealKey: SEAL },
    tamper: async (sql) => {
      const database = new DatabaseSync(file);
      database.exec('PRAGMA foreign_keys = OFF');
      database.exec(sql);
      database.close();
    },
  };
}

async function postgresSubject(t: TestContext): Promise<Subject> {
  const schema = freshSchema(t);
  return {
    config: { kind: 'postgres', url: postgresUrl!, schema, sealKey: SEAL },
    tamper: async (sql) => void (await onPostgres(`SET search_path TO "${schema}"; ${sql}`)),
  };
}

async function open(t: TestContext, config: StateConfig): Promise<State> {
  const state = await openState(config, 1);
  t.after(() => state.close());
  return state;
}

const client = (id: string, more: Partial<Principal> = {}): Principal => ({
  id,
  kind: 'client',
  note: '',
  scopes: ['a', 'b'],
  createdMs: 10,
  disabledMs: null,
  ...more,
});

const key = (id: string, principal: string, more: Partial<ApiKeyRecord> = {}): ApiKeyRecord => ({
  id,
  principal,
  sha256: Buffer.from(id).toString('hex').padEnd(64, '0').slice(0, 64),
  scopes: null,
  addresses: [],
  createdMs: 10,
  expiresMs: null,
  revokedMs: null,
  rotatedFrom: '',
  ...more,
});

const signingKey = (id: string, activeMs: number): SigningKeyRecord => ({
  id,
  purpose: 'forward',
  algorithm: 'ES256',
  jwk: '{"kty":"EC","d":"secret"}',
  createdMs: 1,
  activeMs,
  untilMs: 1000,
});

const refuses = (code: IdentityError['code']) => (error: unknown) =>
  error instanceof IdentityError && error.code === code;

async function changes(store: IdentityStore, since: number) {
  const keys: ApiKeyState[] = [];
  const rest = await store.changesSince(since, (page) => void keys.push(...page));
  return { ...rest, keys };
}

function suite(name: string, skip: string | false, subject: (t: TestContext) => Promise<Subject>): void {
  describe(`identity store on ${name}`, { skip }, () => {
    test('principals and keys are kept', async (t) => {
      const { config } = await subject(t);
      const { identity } = await open(t, config);
      await identity.addPrincipal(client('one', { note: "it's; DROP TABLE" }), key('k1', 'one'));
      await identity.addPrincipal(client('two', { kind: 'service' }), null);
      await assert.rejects(identity.addPrincipal(client('one'), null), refuses('exists'));
      await assert.rejects(identity.addKey(key('k1', 'two')), refuses('exists'));
      await assert.rejects(identity.addKey(key('k9', 'nobody')), refuses('unknown'));
      await assert.rejects(identity.updatePrincipal('nobody', { note: '' }), refuses('unknown'));
      await identity.addKey(
        key('k2', 'two', { scopes: ['x'], addresses: ['10.0.0.0/8'], expiresMs: 99, rotatedFrom: '' }),
      );
      await identity.updatePrincipal('one', { scopes: ['c'], disabledMs: 77 });
      // Another program that opens the same state sees the same.
      const again = (await open(t, config)).identity;
      assert.deepEqual(
        await again.principal('one'),
        client('one', { note: "it's; DROP TABLE", scopes: ['c'], disabledMs: 77 }),
      );
      assert.deepEqual(
        (await again.principals(null, '', 10)).map(({ id }) => id),
        ['one', 'two'],
      );
      assert.deepEqual(
        (await again.principals('service', '', 10)).map(({ id }) => id),
        ['two'],
      );
      assert.deepEqual(
        (await again.principals(null, 'one', 10)).map(({ id }) => id),
        ['two'],
      );
      assert.deepEqual(await again.key('k2'), {
        ...key('k2', 'two', { scopes: ['x'], addresses: ['10.0.0.0/8'], expiresMs: 99 }),
        lastUsedMs: null,
      });
      assert.equal(await again.key('k3'), null);
      assert.deepEqual(
        (await again.keys('one', '', 10)).map(({ id }) => id),
        ['k1'],
      );
      assert.deepEqual(
        (await again.keys('', '', 1)).map(({ id }) => id),
        ['k1'],
      );
    });

    test('a change that is refused leaves nothing behind', async (t) => {
      const { identity } = await open(t, (await subject(t)).config);
      await identity.addPrincipal(client('one'), key('k1', 'one'));
      const before = await identity.revision();
      await assert.rejects(identity.addPrincipal(client('two'), key('k1', 'two')), refuses('exists'));
      await assert.rejects(
        identity.rotateKey(key('k1', 'one', { rotatedFrom: 'k1' }), 50),
        refuses('exists'),
      );
      assert.equal(await identity.principal('two'), null);
      assert.equal((await identity.key('k1'))!.expiresMs, null);
      assert.equal(await identity.revision(), before);
    });

    test('rotation: the old key ends, never later than it would have, and a revoked one has no successor', async (t) => {
      const { identity } = await open(t, (await subject(t)).config);
      await identity.addPrincipal(client('one'), key('k1', 'one'));
      await identity.rotateKey(key('k2', 'one', { rotatedFrom: 'k1' }), 500);
      assert.equal((await identity.key('k1'))!.expiresMs, 500);
      await identity.rotateKey(key('k3', 'one', { rotatedFrom: 'k1' }), 900);
      assert.equal((await identity.key('k1'))!.expiresMs, 500);
      await identity.revokeKey('k3', 20);
      await identity.revokeKey('k3', 30);
      assert.equal((await identity.key('k3'))!.revokedMs, 20);
      await assert.rejects(
        identity.rotateKey(key('k4', 'one', { rotatedFrom: 'k3' }), 1),
        refuses('revoked'),
      );
      await assert.rejects(identity.revokeKey('k9', 1), refuses('unknown'));
    });

    test('uses: the latest counts, unknown keys are left out, and no revision is spent', async (t) => {
      const { identity } = await open(t, (await subject(t)).config);
      await identity.addPrincipal(client('one'), key('k1', 'one'));
      const before = await identity.revision();
      await identity.noteUses([
        { id: 'k1', usedMs: 50 },
        { id: 'gone', usedMs: 60 },
      ]);
      await identity.noteUses([{ id: 'k1', usedMs: 40 }]);
      await identity.noteUses([]);
      assert.equal((await identity.key('k1'))!.lastUsedMs, 50);
      assert.equal(await identity.revision(), before);
    });

    test('changes are told from a revision on: keys with their principal, withdrawals, what was taken back', async (t) => {
      const { identity } = await open(t, (await subject(t)).config);
      for (let i = 0; i < 5; i++) await identity.addPrincipal(client(`p${i}`), key(`k${i}`, `p${i}`));
      const first = await changes(identity, 0);
      assert.equal(first.keys.length, 5);
      assert.deepEqual((await changes(identity, first.revision)).keys, []);
      await identity.updatePrincipal('p3', { disabledMs: 5 });
      await identity.revokeKey('k1', 6);
      const revocation = {
        kind: 'token',
        value: 'corp|1',
        issuedBeforeMs: null,
        untilMs: 900,
        createdMs: 7,
        reason: 'lost',
      } as const;
      await identity.addRevocation(revocation);
      const second = await changes(identity, first.revision);
      assert.deepEqual(
        second.keys.map((state) => [state.key.id, state.key.revokedMs, state.principal.disabledMs]),
        [
          ['k1', 6, null],
          ['k3', null, 5],
        ],
      );
      assert.deepEqual(second.revocations, [revocation]);
      assert.deepEqual(await identity.revocations(899), [revocation]);
      assert.deepEqual(await identity.revocations(900), []);
      assert.equal(await identity.removeRevocation('token', 'corp|1'), true);
      assert.equal(await identity.removeRevocation('token', 'corp|1'), false);
      const third = await changes(identity, second.revision);
      assert.deepEqual([third.revocations, third.restored], [[], [{ kind: 'token', value: 'corp|1' }]]);
      await identity.addRevocation({ ...revocation, untilMs: 800 });
      assert.equal((await identity.revocations(0)).length, 1);
      assert.equal(await identity.prune(800), 1);
      assert.deepEqual(await identity.revocations(0), []);
    });

    test('disabling and its withdrawal are one step, and so is the way back', async (t) => {
      const { identity } = await open(t, (await subject(t)).config);
      await identity.addPrincipal(client('one'), null);
      await identity.setDisabled('one', 5, 900);
      assert.equal((await identity.principal('one'))!.disabledMs, 5);
      assert.deepEqual(
        (await identity.revocations(0)).map(({ kind, value, issuedBeforeMs }) => [
          kind,
          value,
          issuedBeforeMs,
        ]),
        // What the gate's own authorization server has issued to it goes as well.
        [
          ['subject', 'authorization-server|one', null],
          ['subject', 'one', null],
        ],
      );
      await identity.setDisabled('one', null, 0);
      assert.equal((await identity.principal('one'))!.disabledMs, null);
      assert.deepEqual(await identity.revocations(0), []);
      await assert.rejects(identity.setDisabled('nobody', 5, 900), refuses('unknown'));
      assert.deepEqual(await identity.revocations(0), []);
    });

    test('more keys than a page holds are all told', async (t) => {
      const { config, tamper } = await subject(t);
      const { identity } = await open(t, config);
      await identity.addPrincipal(client('one'), null);
      const rows = Array.from(
        { length: 2500 },
        (_, i) => `('m${i}', 'one', '${String(i).padStart(64, '0')}', NULL, '[]', 1, NULL, NULL, NULL, 1)`,
      );
      await tamper(`INSERT INTO api_keys VALUES ${rows.join(', ')}`);
      assert.equal(new Set((await changes(identity, 0)).keys.map((state) => state.key.id)).size, 2500);
    });

    test('two programs that write at once lose nothing, and a reader misses no revision', async (t) => {
      const { config } = await subject(t);
      const [a, b, reader] = [await open(t, config), await open(t, config), await open(t, config)];
      await a.identity.addPrincipal(client('one'), null);
      const seen = new Set<string>();
      let since = 0;
      const look = async (): Promise<void> => {
        const found = await changes(reader.identity, since);
        since = found.revision;
        for (const state of found.keys) seen.add(state.key.id);
      };
      const write = async (store: IdentityStore, name: string): Promise<void> => {
        for (let i = 0; i < 40; i++) {
          await store.addKey(key(`${name}${i}`, 'one'));
          if (i % 5 === 0) await look();
        }
      };
      await Promise.all([write(a.identity, 'a'), write(b.identity, 'b')]);
      await look();
      assert.equal(seen.size, 80);
    });

    test('a change is announced to others', async (t) => {
      const { config } = await subject(t);
      const [a, b] = [await open(t, config), await open(t, config)];
      let [told, own] = [0, 0];
      t.after(b.identity.onChange(() => void told++));
      t.after(a.identity.onChange(() => void own++));
      await a.identity.addPrincipal(client('one'), null);
      await until(() => told > 0 && own > 0, 'word of the change');
    });

    test('signing keys: sealed, one of several nodes adds the next, the old ones end', async (t) => {
      const { config, tamper } = await subject(t);
      const [a, b] = [await open(t, config), await open(t, config)];
      const added = await Promise.all([
        a.identity.addSigningKey(signingKey('s1', 10), 5),
        b.identity.addSigningKey(signingKey('s2', 10), 5),
      ]);
      assert.deepEqual([...added].sort(), [false, true]);
      const [kept] = await a.identity.signingKeys('forward', 0);
      assert.equal(kept!.jwk, '{"kty":"EC","d":"secret"}');
      assert.equal(await a.identity.addSigningKey(signingKey('s3', 20), 15), true);
      await a.identity.retireSigningKeys('forward', 's3', 40);
      assert.deepEqual(
        (await b.identity.signingKeys('forward', 0)).map(({ id, untilMs }) => [id === 's3', untilMs]),
        [
          [false, 40],
          [true, 1000],
        ],
      );
      assert.deepEqual(
        (await b.identity.signingKeys('forward', 40)).map(({ id }) => id),
        ['s3'],
      );
      // A sealed value in another row, and another seal key, do not open.
      await tamper(
        `UPDATE signing_keys SET sealed = (SELECT sealed FROM signing_keys WHERE id <> 's3') WHERE id = 's3'`,
      );
      await assert.rejects(a.identity.signingKeys('forward', 40), StateError);
      await assert.rejects(openState({ ...config, sealKey: `${SEAL} but another` }), StateError);
    });

    test('fsck: quiet about a good state, and it names what is wrong', async (t) => {
      const { config, tamper } = await subject(t);
      const state = await open(t, config);
      await state.identity.addPrincipal(client('one'), key('k1', 'one'));
      await state.identity.addSigningKey(signingKey('s1', 10), 5);
      const good = await state.fsck();
      assert.deepEqual(good.problems, []);
      assert.deepEqual(
        [good.rows['principals'], good.rows['api_keys'], good.rows['signing_keys']],
        [1, 1, 1],
      );
      await tamper(`UPDATE api_keys SET sha256 = 'x'`);
      await tamper(`UPDATE principals SET scopes = '{}', revision = 99`);
      await tamper(`UPDATE signing_keys SET sealed = 'v1.AAAA'`);
      const { problems } = await state.fsck();
      for (const part of [
        /api_keys\/k1 has no SHA-256/,
        /principals\/one has scopes/,
        /revision 99/,
        /signing_keys\/s1 can not be opened/,
      ])
        assert.ok(
          problems.some((problem) => part.test(problem)),
          String(part),
        );
    });

    test('a state of a newer version, or with a changed migration, is not touched', async (t) => {
      const { config, tamper } = await subject(t);
      await (await openState(config, 1)).close();
      await tamper(`INSERT INTO migrations VALUES (99, 'future', 'x', 1)`);
      await assert.rejects(openState(config, 1), /newer version/);
      await tamper(
        `DELETE FROM migrations WHERE version = 99; UPDATE migrations SET sha256 = 'x' WHERE version = 1`,
      );
      await assert.rejects(openState(config, 1), /not the one of this version/);
    });

    test('nodes that start at once migrate once', async (t) => {
      const { config } = await subject(t);
      const states = await Promise.all(Array.from({ length: 4 }, () => openState(config, 1)));
      for (const state of states) {
        assert.deepEqual((await state.fsck()).problems, []);
        await state.close();
      }
    });
  });
}

suite('SQLite', false, sqliteSubject);
suite('PostgreSQL', skipPostgres, postgresSubject);

test('SQLite: files are for their owner, the seal key is made once, and what is no database is refused', async (t) => {
  const { config } = await sqliteSubject(t);
  const file = (config as { file: string }).file;
  const unsealed: StateConfig = { kind: 'sqlite', file, sealKey: null };
  const states = await Promise.all([openState(unsealed), openState(unsealed)]);
  await states[0]!.identity.addSigningKey(signingKey('s1', 10), 5);
  assert.equal((await states[1]!.identity.signingKeys('forward', 0)).length, 1);
  for (const state of states) await state.close();
  for (const name of [file, `${file}.key`]) assert.equal((await stat(name)).mode & 0o077, 0, name);
  await writeFile(
    `${file}.broken`,
    'this is no database, and it is long enough to be read as one'.repeat(40),
  );
  await assert.rejects(openState({ kind: 'sqlite', file: `${file}.broken`, sealKey: SEAL }), StateError);
  await assert.rejects(openState({ kind: 'sqlite', file: join(file, 'x'), sealKey: SEAL }), StateError);
  await assert.rejects(openState({ ...unsealed, sealKey: 'short' }), StateError);
});

test('PostgreSQL: word of changes comes again after its connection was cut, and so do statements', {
  skip: skipPostgres,
}, async (t) => {
  const { config } = await postgresSubject(t);
  const { schema } = config as { schema: string };
  const [writer, reader] = [await open(t, config), await open(t, config)];
  let told = 0;
  t.after(reader.identity.onChange(() => void told++));
  const listeners = (): Promise<readonly Record<string, unknown>[]> =>
    onPostgres(`SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN "gatewright_${schema}"'`);
  const first = await until(async () => {
    const [row] = await listeners();
    return row?.['pid'] as number | undefined;
  }, 'the connection that listens');
  await onPostgres(`SELECT pg_terminate_backend(${first})`);
  await until(async () => {
    const [row] = await listeners();
    return row !== undefined && row['pid'] !== first;
  }, 'another connection that listens');
  const before = told;
  await writer.identity.addPrincipal(client('one'), null);
  await until(() => told > before, 'word of the change');
  assert.equal((await reader.identity.principal('one'))!.id, 'one');
});

test('PostgreSQL that is not there is told without the password', async () => {
  const url = 'postgres://me:geheim@127.0.0.1:9/nothing';
  await assert.rejects(
    openState({ kind: 'postgres', url, schema: 'x', sealKey: SEAL }),
    (error) => error instanceof StateError && !error.message.includes('geheim'),
  );
});
