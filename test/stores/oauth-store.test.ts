// One suite for every database: what the authorization server needs of its store, on SQLite and on PostgreSQL.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { StateConfig } from '../../src/config/index.ts';
import { IdentityError } from '../../src/identity/index.ts';
import {
  type Artifact,
  ArtifactConflict,
  defaultSettings,
  type UserCredential,
} from '../../src/oauth/contract.ts';
import { openState, type State } from '../../src/stores/index.ts';
import { freshSchema, postgresUrl, skipPostgres } from '../support/postgres.ts';

const sealKey = 'a seal key of more than thirty-two characters';
const id = (text: string): string => Buffer.from(text).toString('hex').padEnd(64, '0');

const artifact = (model: string, name: string, more: Partial<Artifact> = {}): Artifact => ({
  model,
  id: id(name),
  payload: '{"kind":"x"}',
  grantId: '',
  uid: '',
  userCode: '',
  clientId: 'shop',
  user: '',
  expiresMs: 1000,
  ...more,
});

const credential = (name: string, more: Partial<UserCredential> = {}): UserCredential => ({
  id: name,
  user: 'ingrid',
  kind: 'totp',
  label: 'phone',
  value: 'JBSWY3DPEHPK3PXP',
  counter: 0,
  createdMs: 5,
  usedMs: null,
  ...more,
});

async function sqlite(t: TestContext): Promise<StateConfig> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-state-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return { kind: 'sqlite', file: join(folder, 'state.db'), sealKey };
}

const postgres = async (t: TestContext): Promise<StateConfig> => ({
  kind: 'postgres',
  url: postgresUrl!,
  schema: freshSchema(t),
  sealKey,
});

function suite(name: string, skip: string | false, configOf: (t: TestContext) => Promise<StateConfig>): void {
  const open = async (t: TestContext): Promise<State> => {
    const state = await openState(await configOf(t), 1);
    t.after(() => state.close());
    for (const [principal, kind] of [
      ['ingrid', 'user'],
      ['shop', 'client'],
    ] as const)
      await state.identity.addPrincipal(
        { id: principal, kind, note: '', scopes: ['a'], createdMs: 1, disabledMs: null },
        null,
      );
    return state;
  };

  describe(`authorization server's store on ${name}`, { skip }, () => {
    test('a code is used once, whoever is first, and with all that it gives or not at all', async (t) => {
      const { oauth } = await open(t);
      await oauth.commit([
        { kind: 'put', artifact: artifact('Grant', 'g', { grantId: 'g' }) },
        { kind: 'put', artifact: artifact('AuthorizationCode', 'c', { grantId: 'g' }) },
      ]);
      const exchange = (token: string) =>
        oauth.commit([
          { kind: 'put', artifact: artifact('RefreshToken', token, { grantId: 'g' }) },
          { kind: 'consume', model: 'AuthorizationCode', id: id('c'), atMs: 7 },
        ]);
      const results = await Promise.allSettled([exchange('one'), exchange('two'), exchange('three')]);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const result of results)
        if (result.status === 'rejected') assert.ok(result.reason instanceof ArtifactConflict);
      const kept = await Promise.all(
        ['one', 'two', 'three'].map((token) => oauth.artifact('RefreshToken', 'id', id(token))),
      );
      assert.equal(kept.filter((found) => found !== null).length, 1);
      assert.equal((await oauth.artifact('AuthorizationCode', 'id', id('c')))?.consumedMs, 7);
      // What was used stays used when it is saved again.
      await oauth.commit([{ kind: 'put', artifact: artifact('AuthorizationCode', 'c', { grantId: 'g' }) }]);
      await assert.rejects(
        oauth.commit([{ kind: 'consume', model: 'AuthorizationCode', id: id('c'), atMs: 8 }]),
        ArtifactConflict,
      );
    });

    test('what exists once can be made once', async (t) => {
      const { oauth } = await open(t);
      const make = () => oauth.commit([{ kind: 'create', artifact: artifact('ReplayDetection', 'jti') }]);
      const results = await Promise.allSettled([make(), make()]);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    });

    test('artifacts are found by their keys, removed by grant and user, and forgotten in time', async (t) => {
      const { oauth, identity, fsck } = await open(t);
      await oauth.commit([
        { kind: 'put', artifact: artifact('Grant', 'g', { grantId: 'g', user: 'ingrid' }) },
        { kind: 'put', artifact: artifact('Session', 's', { uid: id('uid'), user: 'ingrid' }) },
        { kind: 'put', artifact: artifact('DeviceCode', 'd', { userCode: id('ABCD'), grantId: 'g' }) },
        { kind: 'put', artifact: artifact('RefreshToken', 'r', { grantId: 'g', user: 'ingrid' }) },
      ]);
      assert.equal((await oauth.artifact('Session', 'uid', id('uid')))?.id, id('s'));
      assert.equal((await oauth.artifact('DeviceCode', 'user-code', id('ABCD')))?.id, id('d'));
      assert.equal(await oauth.artifact('Session', 'id', id('d')), null);
      assert.deepEqual((await fsck()).problems, []);
      await oauth.commit([{ kind: 'remove-grant', model: 'DeviceCode', grantId: 'g' }]);
      assert.equal(await oauth.artifact('DeviceCode', 'id', id('d')), null);
      await oauth.commit([
        { kind: 'remove-user', user: 'ingrid' },
        {
          kind: 'revoke',
          revocation: {
            kind: 'session',
            value: 'authorization-server|g',
            issuedBeforeMs: null,
            untilMs: 9999,
            createdMs: 1,
            reason: '',
          },
        },
      ]);
      assert.equal(await oauth.artifact('RefreshToken', 'id', id('r')), null);
      assert.equal((await identity.revocations(1)).length, 1);
      await oauth.commit([{ kind: 'put', artifact: artifact('Interaction', 'old', { expiresMs: 10 }) }]);
      assert.equal(await oauth.pruneArtifacts(10), 0);
      assert.equal(await oauth.pruneArtifacts(86_400_000 + 11), 1);
    });

    test('whoever is disabled loses what was issued to them, in the same step', async (t) => {
      const { oauth, identity } = await open(t);
      await oauth.commit([
        { kind: 'put', artifact: artifact('Grant', 'g1', { grantId: 'g1', user: 'ingrid' }) },
        { kind: 'put', artifact: artifact('RefreshToken', 'r1', { grantId: 'g1', user: 'ingrid' }) },
        {
          kind: 'put',
          artifact: artifact('Grant', 'g2', { grantId: 'g2', user: 'olav', clientId: 'other' }),
        },
      ]);
      await identity.setDisabled('shop', 100, 9999);
      const values = (await identity.revocations(1)).map(({ kind, value }) => `${kind} ${value}`).sort();
      assert.deepEqual(values, [
        'session authorization-server|g1',
        'subject authorization-server|shop',
        'subject shop',
      ]);
      assert.equal(await oauth.artifact('RefreshToken', 'id', id('r1')), null);
      assert.notEqual(await oauth.artifact('Grant', 'id', id('g2')), null);
      await identity.setDisabled('shop', null, 0);
      // Grants do not come back.
      assert.deepEqual(
        (await identity.revocations(1)).map(({ value }) => value),
        ['authorization-server|g1'],
      );
    });

    test('credentials are sealed, one password a user, and counters only go up', async (t) => {
      const { oauth, database, fsck } = await open(t);
      await oauth.setCredential(credential('t1'));
      await oauth.setCredential(credential('p1', { kind: 'password', value: '$argon2id$one' }));
      await oauth.setCredential(credential('p2', { kind: 'password', value: '$argon2id$two' }));
      await assert.rejects(oauth.setCredential(credential('t1')), IdentityError);
      await assert.rejects(oauth.setCredential(credential('t2', { user: 'shop' })), IdentityError);
      assert.deepEqual(
        (await oauth.credentials('ingrid')).map(({ id: name, value }) => [name, value]),
        [
          ['p2', '$argon2id$two'],
          ['t1', 'JBSWY3DPEHPK3PXP'],
        ],
      );
      const raw = JSON.stringify(await database.run('SELECT * FROM user_credentials'));
      assert.doesNotMatch(raw, /argon2id|JBSWY/);
      // The same time step twice at once: one is first.
      const uses = await Promise.all([
        oauth.useCredential('t1', 5, false, 1),
        oauth.useCredential('t1', 5, false, 1),
      ]);
      assert.deepEqual(uses.sort(), [false, true]);
      assert.equal(await oauth.useCredential('t1', 4, false, 1), false);
      assert.equal(await oauth.useCredential('t1', 5, true, 1), true);
      assert.equal(await oauth.removeCredential('shop', 't1'), false);
      assert.equal(await oauth.removeCredential('ingrid', 't1'), true);
      assert.equal(await oauth.spendCredential('p2'), true);
      assert.equal(await oauth.spendCredential('p2'), false);
      assert.deepEqual((await fsck()).problems, []);
    });

    test('recovery codes replace those of before, all or none, sealed', async (t) => {
      const { oauth, database, fsck } = await open(t);
      await oauth.setCredential(credential('t1'));
      const code = (name: string) => credential(name, { kind: 'recovery', value: `hash of ${name}` });
      await oauth.replaceRecovery('ingrid', [code('r1'), code('r2')]);
      await assert.rejects(oauth.replaceRecovery('ingrid', [code('r3'), code('t1')]), IdentityError);
      await assert.rejects(oauth.replaceRecovery('nobody', [code('r3')]), IdentityError);
      const ids = async () => (await oauth.credentials('ingrid')).map(({ id: name }) => name).sort();
      assert.deepEqual(await ids(), ['r1', 'r2', 't1']);
      await oauth.replaceRecovery('ingrid', [code('r4')]);
      assert.deepEqual(await ids(), ['r4', 't1']);
      assert.doesNotMatch(JSON.stringify(await database.run('SELECT * FROM user_credentials')), /hash of/);
      assert.deepEqual((await fsck()).problems, []);
    });

    test('a program that registers itself is there with all of it, once, or not at all', async (t) => {
      const { oauth, identity, fsck } = await open(t);
      const client = { id: 'new', note: 'The New', scopes: ['a'], settings: defaultSettings };
      const token = artifact('InitialAccessToken', '7');
      await oauth.commit([{ kind: 'put', artifact: token }]);
      const register = (name: string) =>
        oauth.commit([
          { kind: 'consume', model: 'InitialAccessToken', id: token.id, atMs: 1 },
          { kind: 'client', client: { ...client, id: name }, atMs: 1 },
        ]);
      // Somebody is there already: the token is not used up.
      await assert.rejects(register('ingrid'), ArtifactConflict);
      const race = await Promise.allSettled([register('new'), register('new2')]);
      assert.equal(race.filter(({ status }) => status === 'fulfilled').length, 1);
      const made = race[0]!.status === 'fulfilled' ? 'new' : 'new2';
      assert.deepEqual(await oauth.client(made), { ...client, id: made, disabledMs: null });
      assert.equal(await oauth.client(made === 'new' ? 'new2' : 'new'), null);
      assert.equal((await identity.principal(made))?.note, 'The New');
      assert.deepEqual((await fsck()).problems, []);
    });

    test('clients, links and attempts', async (t) => {
      const { oauth } = await open(t);
      const settings = { redirectUris: ['https://a.example/cb'] } as never;
      await oauth.setClient('shop', settings);
      await assert.rejects(oauth.setClient('ingrid', settings), IdentityError);
      assert.deepEqual((await oauth.client('shop'))?.scopes, ['a']);
      assert.equal(await oauth.client('ingrid'), null);
      assert.equal(await oauth.user('shop'), null);

      await oauth.link('corp', '4711', 'ingrid', 1, null);
      await assert.rejects(oauth.link('corp', '4711', 'ingrid', 1, null), IdentityError);
      await oauth.link('corp', '4712', 'corp:4712', 1, ['a']);
      assert.equal(await oauth.federatedUser('corp', '4712'), 'corp:4712');
      // Half of it is not there: the user exists, so the link is not made.
      await assert.rejects(oauth.link('corp', '4713', 'ingrid', 1, ['a']), IdentityError);
      assert.equal(await oauth.federatedUser('corp', '4713'), null);

      const count = async (nowMs: number) => (await oauth.countAttempt(['x', 'y'], nowMs, 100))[0];
      assert.deepEqual(await count(1000), { count: 1, sinceMs: 1000 });
      assert.deepEqual(await count(1050), { count: 2, sinceMs: 1000 });
      await oauth.forgiveAttempt(['x'], false);
      assert.deepEqual(await count(1051), { count: 2, sinceMs: 1000 });
      assert.deepEqual(await count(1100), { count: 1, sinceMs: 1100 });
      await oauth.forgiveAttempt(['x', 'y'], true);
      assert.deepEqual(await count(1101), { count: 1, sinceMs: 1101 });
    });
  });
}

suite('SQLite', false, sqlite);
suite('PostgreSQL', skipPostgres, postgres);
