// One suite for every database: what the vault needs of its store, and that what other tables hold sealed moves with its
// keys.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { StateConfig } from '../../src/config/index.ts';
import { SealError } from '../../src/envelope/index.ts';
import { openState, type State, StateError } from '../../src/stores/index.ts';
import { KvMount, keyFileRoot, passphraseRoot, writeKeyFile } from '../../src/vault/index.ts';
import { freshSchema, onPostgres, postgresUrl, skipPostgres } from '../support/postgres.ts';

interface Subject {
  readonly config: StateConfig;
  /** Runs a statement past the store. */
  tamper(sql: string): Promise<void>;
}

const SEAL = 'a seal key of more than thirty-two characters';

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-vault-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function sqliteSubject(t: TestContext): Promise<Subject> {
  const file = join(await folderOf(t), 'state.db');
  return {
    config: { kind: 'sqlite', file, sealKey: SEAL },
    tamper: async (sql) => {
      const database = new DatabaseSync(file);
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

const clock = { epochMs: () => 1000, monotonicMs: () => 0 };
const kvOf = async (state: State): Promise<KvMount> => {
  await state.vault.ensureKey('kv-m1');
  return new KvMount(state.vault, clock, 'm1', () => ({
    maxVersions: 0,
    casRequired: false,
    deleteAfterMs: 0,
  }));
};

function suite(name: string, skip: string | false, subject: (t: TestContext) => Promise<Subject>): void {
  describe(name, { skip }, () => {
    test('records read back, are listed in the order of bytes, and fall due', async (t) => {
      const { config } = await subject(t);
      const { vault } = await open(t, config);
      await vault.transaction(async (session) => {
        for (const [index, place] of ['x/b', 'x/B', 'x/a/1', 'x/é', 'x-1', 'y/1'].entries())
          await session.put(place, 'system', { index }, index % 2 === 0 ? null : index);
      });
      assert.deepEqual(await vault.list('x/'), ['x/B', 'x/a/1', 'x/b', 'x/é']);
      assert.deepEqual(await vault.list('x/', 'x/a/1', 1), ['x/b']);
      assert.deepEqual(await vault.read('x/é'), { index: 3 });
      assert.deepEqual(await vault.due('x/', 3, 10), ['x/B', 'x/é']);
      assert.deepEqual(await vault.due('', 100, 10), ['x/B', 'x/é', 'y/1']);
    });

    test('a transaction that fails leaves nothing', async (t) => {
      const { config } = await subject(t);
      const { vault } = await open(t, config);
      await assert.rejects(
        vault.transaction(async (session) => {
          await session.put('x/1', 'system', 1);
          throw new Error('no');
        }),
        /no/,
      );
      assert.equal(await vault.read('x/1'), null);
    });

    test('no clear text and no key lies in the database', async (t) => {
      const { config, tamper } = await subject(t);
      const state = await open(t, config);
      const kv = await kvOf(state);
      await kv.write('db', { password: 'correct horse battery' });
      await state.identity.addPrincipal(
        {
          id: 'ann',
          kind: 'user',
          note: 'Ann Example, Main Street',
          scopes: [],
          createdMs: 1,
          disabledMs: null,
        },
        null,
      );
      const [row] = await state.database.run('SELECT note FROM principals');
      assert.match(String(row!['note']), /^gv1\.state\.1\./);
      assert.equal((await state.identity.principal('ann'))?.note, 'Ann Example, Main Street');
      for (const { table } of [
        { table: 'vault_records' },
        { table: 'vault_keys' },
        { table: 'principals' },
      ]) {
        const rows = JSON.stringify(await state.database.run(`SELECT * FROM ${table}`));
        assert.doesNotMatch(rows, /horse|Main Street/);
      }
      await tamper(`UPDATE principals SET note = 'clear'`);
      // What was written before there was a vault is readable, and sealed at the next start.
      assert.equal((await state.identity.principal('ann'))?.note, 'clear');
      const again = await open(t, config);
      const [sealed] = await again.database.run('SELECT note FROM principals');
      assert.match(String(sealed!['note']), /^gv1\./);
    });

    test('rotation: every record reads back before, between and after, on two nodes; the old key is gone', async (t) => {
      const { config } = await subject(t);
      const [a, b] = [await open(t, config), await open(t, config)];
      const [kvA, kvB] = [await kvOf(a), await kvOf(b)];
      for (let i = 0; i < 150; i++) await kvA.write(`s${i}`, { i });
      assert.equal(await a.vault.rotate('kv-m1'), 2);
      assert.deepEqual((await kvB.read('s7'))?.data, { i: 7 });
      const writes = (async () => {
        for (let i = 0; i < 30; i++) await kvB.write(`t${i}`, { i });
      })();
      const moved = await a.vault.rewrap('kv-m1');
      await writes;
      assert.ok(moved >= 300);
      await a.vault.rewrap('kv-m1');
      // Another node that has not heard of it writes under the current version all the same.
      await kvB.write('last', { here: true });
      for (const kv of [kvA, kvB]) {
        for (let i = 0; i < 150; i += 10) assert.deepEqual((await kv.read(`s${i}`))?.data, { i });
        for (let i = 0; i < 30; i += 5) assert.deepEqual((await kv.read(`t${i}`))?.data, { i });
        assert.deepEqual((await kv.read('last'))?.data, { here: true });
      }
      const status = (await a.vault.keyStatus()).find(({ name }) => name === 'kv-m1');
      assert.deepEqual([status?.current, status?.older], [2, []]);
      assert.deepEqual((await a.fsck()).problems, []);
    });

    test('rotation moves what other tables hold: signing keys and notes', async (t) => {
      const { config } = await subject(t);
      const state = await open(t, config);
      const signing = {
        id: 's1',
        purpose: 'forward',
        algorithm: 'ES256',
        jwk: '{"d":"x"}',
        createdMs: 1,
        activeMs: 1,
        untilMs: 99,
      };
      await state.identity.addSigningKey(signing, 0);
      await state.identity.addPrincipal(
        { id: 'a/b', kind: 'client', note: 'n', scopes: [], createdMs: 1, disabledMs: null },
        null,
      );
      await state.vault.rotate('state');
      assert.equal(await state.vault.rewrap('state'), 2);
      const [row] = await state.database.run('SELECT sealed FROM signing_keys');
      assert.match(String(row!['sealed']), /^gv1\.state\.2\./);
      const other = await open(t, config);
      assert.equal((await other.identity.signingKeys('forward', 0))[0]?.jwk, '{"d":"x"}');
      assert.equal((await other.identity.principal('a/b'))?.note, 'n');
      assert.deepEqual((await other.fsck()).problems, []);
    });

    test('changed, cut, swapped and moved ciphertexts are all found', async (t) => {
      const { config, tamper } = await subject(t);
      const state = await open(t, config);
      const kv = await kvOf(state);
      for (const path of ['a', 'b']) await kv.write(path, { path });
      const select = async (place: string): Promise<string> =>
        String(
          (await state.database.run('SELECT envelope FROM vault_records WHERE place = $1', [place]))[0]![
            'envelope'
          ],
        );
      const [a, b] = [await select('kv/m1/data/a/1'), await select('kv/m1/data/b/1')];
      await fc.assert(
        fc.asyncProperty(
          fc.nat(),
          fc.constantFrom('change', 'cut', 'swap', 'swap-key', 'version'),
          async (where, how) => {
            const at = where % a.length;
            const parts = [a.split('.'), b.split('.')] as [string[], string[]];
            const spoiled =
              how === 'change'
                ? `${a.slice(0, at)}${a[at] === 'A' ? 'B' : 'A'}${a.slice(at + 1)}`
                : how === 'cut'
                  ? a.slice(0, at)
                  : how === 'swap'
                    ? b
                    : how === 'swap-key'
                      ? [...parts[0].slice(0, 3), parts[1][3], parts[0][4]].join('.')
                      : [...parts[0].slice(0, 2), '2', ...parts[0].slice(3)].join('.');
            await state.database.run('UPDATE vault_records SET envelope = $1 WHERE place = $2', [
              spoiled,
              'kv/m1/data/a/1',
            ]);
            await assert.rejects(kv.read('a'), SealError);
          },
        ),
        { numRuns: 40 },
      );
      assert.match((await state.fsck()).problems.join('\n'), /kv\/m1\/data\/a\/1/);
      await state.database.run('UPDATE vault_records SET envelope = $1 WHERE place = $2', [
        a,
        'kv/m1/data/a/1',
      ]);
      assert.deepEqual((await state.fsck()).problems, []);
      // Rows that change their places, and rows that go.
      await tamper(`UPDATE vault_records SET place = 'kv/m1/data/c/1' WHERE place = 'kv/m1/data/a/1'`);
      assert.match((await state.fsck()).problems.join('\n'), /kv\/m1\/data\/c\/1/);
      await tamper(`DELETE FROM vault_records WHERE place = 'kv/m1/data/c/1'`);
      assert.match((await state.fsck()).problems.join('\n'), /version 1 of the secret a is lost/);
      await assert.rejects(kv.read('a'), /lost its data/);
      // A key of another name, though the row is whole.
      await tamper(
        `UPDATE vault_keys SET wrapped = (SELECT wrapped FROM vault_keys WHERE name = 'system' AND version = 1) WHERE name = 'kv-m1'`,
      );
      await assert.rejects(openState(config), StateError);
    });

    test('shredding a key destroys all that was sealed under it and nothing else', async (t) => {
      const { config } = await subject(t);
      const state = await open(t, config);
      const kv = await kvOf(state);
      await kv.write('gone', { a: 1 });
      await state.vault.transaction((session) => session.put('kept/1', 'system', 1));
      await state.vault.shred('kv-m1');
      assert.equal(await kv.read('gone'), null);
      assert.equal(await state.vault.read('kept/1'), 1);
      assert.ok(!(await state.vault.keyStatus()).some(({ name }) => name === 'kv-m1'));
      assert.deepEqual((await state.fsck()).problems, []);
    });

    test('a new root key: the old passphrase opens nothing, other nodes follow or are sealed', async (t) => {
      const { config } = await subject(t);
      const [a, b] = [await open(t, config), await open(t, config)];
      const kv = await kvOf(a);
      await kv.write('s', { a: 1 });
      await a.vault.changeRoot(passphraseRoot('a passphrase that is long'));
      assert.deepEqual((await kv.read('s'))?.data, { a: 1 });
      await assert.rejects(b.vault.refresh());
      assert.equal(b.vault.sealed, true);
      await assert.rejects(openState(config), /passphrase/);
      await assert.rejects(
        openState({ ...config, root: { kind: 'passphrase', passphrase: 'another passphrase' } }),
        /can not be unsealed/,
      );
      const c = await open(t, {
        ...config,
        root: { kind: 'passphrase', passphrase: 'a passphrase that is long' },
      });
      assert.deepEqual((await (await kvOf(c)).read('s'))?.data, { a: 1 });
    });

    test('nodes that start at once set the vault up once', async (t) => {
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

test('a key file that others can read is refused, and so is a seal key', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'vault.key');
  assert.equal(writeKeyFile(file), true);
  assert.equal(writeKeyFile(file), false);
  const key = randomBytes(32);
  const wrapped = await keyFileRoot(file).wrap(key);
  assert.deepEqual(await keyFileRoot(file).unwrap(wrapped), key);
  for (const mode of [0o644, 0o640, 0o604, 0o660]) {
    await chmod(file, mode);
    await assert.rejects(keyFileRoot(file).unwrap(wrapped), /can be read by others/);
  }
  const state = join(folder, 'state.db');
  await writeFile(`${state}.key`, 'a seal key of more than thirty-two characters', { mode: 0o644 });
  await assert.rejects(openState({ kind: 'sqlite', file: state, sealKey: null }), /can be read by others/);
});
