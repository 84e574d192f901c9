// Rows of the authority and of the authorization server, changed by somebody who can write to the database and has no key:
// `fsck` names each, and the server takes none of those that would have given something.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import * as client from 'openid-client';
import {
  createJoinToken,
  createRoot,
  hashJoinToken,
  installRoot,
} from '../../src/identity/services/index.ts';
import { CALLBACK, ORDERS, PageBrowser, startAuthServer } from '../support/auth-server.ts';
import { startTestAuthority } from '../support/service-ca.ts';

test('fsck names every change to the rows of the authority', async (t) => {
  const { state, authority } = await startTestAuthority(t, ['cart', 'orders'], { keepRootKey: true });
  const second = await createRoot('prod.example', Date.now());
  await installRoot(state.services, second, false, { keepRootKey: true }, {
    epochMs: Date.now,
    monotonicMs: () => performance.now(),
  } as never);
  const { token, record } = createJoinToken('cart', 60_000, Date.now());
  await state.services.addJoinToken(record);
  await authority.issueX509('cart', 'join-token', {
    proof: { kind: 'token', sha256: hashJoinToken(token)! },
  });
  const svid = await authority.issueX509('orders', 'command');
  await authority.revoke(svid.serial);
  const run = (sql: string): Promise<unknown> => state.database.run(sql);
  assert.deepEqual((await state.fsck()).problems, []);

  const tables = ['authorities', 'svids', 'join_tokens', 'revocations'] as const;
  for (const table of tables) await run(`CREATE TABLE kept_${table} AS SELECT * FROM ${table}`);
  const restore = async (): Promise<void> => {
    await run('PRAGMA foreign_keys = OFF');
    for (const table of tables) {
      await run(`DELETE FROM ${table}`);
      await run(`INSERT INTO ${table} SELECT * FROM kept_${table}`);
    }
    await run('PRAGMA foreign_keys = ON');
  };
  const roots = `kind = 'root'`;
  const other = (column: string, where: string): string =>
    `(SELECT ${column} FROM kept_authorities WHERE ${where} ORDER BY id DESC LIMIT 1)`;
  const first = (where: string): string => `id = (SELECT MIN(id) FROM kept_authorities WHERE ${where})`;
  for (const [what, sql, expected] of [
    [
      'a key of another authority',
      `UPDATE authorities SET sealed = ${other('sealed', roots)} WHERE ${first(roots)}`,
      /authorities\/\w+ can not be opened/,
    ],
    [
      'a cut key',
      `UPDATE authorities SET sealed = substr(sealed, 1, length(sealed) - 4) WHERE ${first(roots)}`,
      /can not be opened|holds no key/,
    ],
    [
      'an issuing authority without its key',
      `UPDATE authorities SET sealed = '' WHERE kind = 'issuing'`,
      /issues and has no key/,
    ],
    [
      'a certificate of another root',
      `UPDATE authorities SET certificate = ${other('certificate', roots)} WHERE ${first(roots)}`,
      /a key that is not its certificate|another end/,
    ],
    [
      'a certificate that is none',
      `UPDATE authorities SET certificate = 'x' WHERE ${first(roots)}`,
      /can not be read/,
    ],
    [
      'a longer life',
      `UPDATE authorities SET until_ms = until_ms + 86400000 WHERE ${first(roots)}`,
      /another end than its certificate/,
    ],
    [
      'another trust domain',
      `UPDATE authorities SET trust_domain = 'evil.example' WHERE ${first(roots)}`,
      /another trust domain/,
    ],
    [
      'another parent',
      `UPDATE authorities SET parent = id WHERE kind = 'issuing'`,
      /is not signed by its root/,
    ],
    [
      'an issuing authority as a root',
      `UPDATE authorities SET kind = 'root', parent = NULL WHERE kind = 'issuing'`,
      /is not signed by its root/,
    ],
    [
      'an SVID of another service',
      `UPDATE svids SET principal = 'orders' WHERE principal = 'cart'`,
      /an id that is not its service/,
    ],
    [
      'an id of another service',
      `UPDATE svids SET spiffe_id = 'spiffe://prod.example/orders' WHERE principal = 'cart'`,
      /an id that is not its service/,
    ],
    [
      'an SVID that outlives its authority',
      'UPDATE svids SET not_after_ms = not_after_ms + 86400000000',
      /lives longer than its authority/,
    ],
    ['a withdrawal that is gone', 'DELETE FROM revocations', /is withdrawn, and no thread is told/],
    [
      'a withdrawal that ends early',
      'UPDATE revocations SET until_ms = 1',
      /is withdrawn, and no thread is told/,
    ],
    [
      'a withdrawal taken back by half',
      'UPDATE revocations SET removed = 1',
      /is withdrawn, and no thread is told/,
    ],
    [
      'a join token that is fresh again',
      'UPDATE join_tokens SET used_ms = NULL',
      /was used, and there is no SVID|join_tokens\//,
    ],
    ['an SVID that is gone', `DELETE FROM svids WHERE principal = 'cart'`, /there is no SVID of it/],
    ['a revision from the future', 'UPDATE svids SET revision = 999999', /has revision 999999/],
  ] as const) {
    await run('PRAGMA foreign_keys = OFF');
    await run(sql);
    await run('PRAGMA foreign_keys = ON');
    const { problems } = await state.fsck();
    assert.ok(
      problems.some((problem) => expected.test(problem)),
      `${what}: ${problems.join('; ') || 'nothing'}`,
    );
    await restore();
    assert.deepEqual((await state.fsck()).problems, [], `after ${what}`);
  }
});

test('codes, tokens, grants and sessions that are made up or changed are named, and not taken', async (t) => {
  const server = await startAuthServer(t);
  for (const user of ['ingrid', 'admin']) await server.addUser(user, ['orders:read', 'orders:write']);
  await server.addClient('shop', ['orders:read', 'orders:write'], {
    redirectUris: [CALLBACK],
    grantTypes: ['authorization_code', 'refresh_token'],
    authMethod: 'none',
  });
  const config = await server.discover('shop', client.None());
  const run = (sql: string, values: string[] = []) => server.state.database.run(sql, values);
  const signIn = async () => {
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'openid offline_access orders:read',
      prompt: 'consent',
      resource: ORDERS,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
    });
    const browser = new PageBrowser(server.issuer);
    const back = await browser.through(url.href, 'ingrid');
    const tokens = await client.authorizationCodeGrant(config, new URL(back), {
      pkceCodeVerifier: verifier,
      expectedState: state,
    });
    return { browser, refresh: tokens.refresh_token! };
  };
  const rowOf = (token: string): string => hash('sha256', token, 'hex');
  const refuses = async (token: string): Promise<void> => {
    await assert.rejects(client.refreshTokenGrant(config, token), { error: 'invalid_grant' });
  };
  const finds = async (what: RegExp): Promise<void> => {
    const { problems } = await server.state.fsck();
    assert.ok(
      problems.some((problem) => what.test(problem)),
      problems.join('; ') || 'nothing',
    );
  };
  const changed = /RefreshToken\/\w+ was not written by the server, or was changed/;

  // Somebody else's name, more scopes, a longer life.
  for (const [from, to] of [
    ['"accountId":"ingrid"', '"accountId":"admin"'],
    ['orders:read', 'orders:write'],
    ['"exp":1', '"exp":2'],
  ] as const) {
    const { refresh } = await signIn();
    await run('UPDATE oauth_artifacts SET payload = replace(payload, $1, $2) WHERE id = $3', [
      from,
      to,
      rowOf(refresh),
    ]);
    await finds(changed);
    await refuses(refresh);
    await run('DELETE FROM oauth_artifacts');
  }
  // The row of one token under the hash of another, which the attacker knows.
  const { refresh } = await signIn();
  await run('UPDATE oauth_artifacts SET id = $1 WHERE id = $2', [rowOf('known'), rowOf(refresh)]);
  await finds(changed);
  await refuses('known');
  await run('DELETE FROM oauth_artifacts');
  // One of the attacker's own making, without the proof.
  const made = await signIn();
  await run(
    `UPDATE oauth_artifacts SET payload = substr(payload, instr(payload, '{')) WHERE model = 'Grant'`,
  );
  await finds(/Grant\/\w+ was not written by the server/);
  await refuses(made.refresh);
  await run('DELETE FROM oauth_artifacts');
  // A session that is somebody else's.
  const session = await signIn();
  await run(
    `UPDATE oauth_artifacts SET payload = replace(payload, 'ingrid', 'admin') WHERE model = 'Session'`,
  );
  await finds(/Session\/\w+ was not written by the server/);
  assert.equal((await session.browser.send(`${server.issuer}/account`)).status, 401);
  assert.ok(server.problems.some((problem) => /^Session\/\w+ was not written by this server/.test(problem)));
  await run('DELETE FROM oauth_artifacts');
  // A grant that is gone, and columns that say what the payload does not.
  const gone = await signIn();
  await run(`DELETE FROM oauth_artifacts WHERE model = 'Grant'`);
  await finds(/RefreshToken\/\w+ has no grant/);
  await refuses(gone.refresh);
  await run('DELETE FROM oauth_artifacts');
  await signIn();
  await run(`UPDATE oauth_artifacts SET user_id = 'admin' WHERE model = 'RefreshToken'`);
  await finds(/RefreshToken\/\w+ has another user_id than its payload/);
  await run(`UPDATE oauth_clients SET settings = '[]'`);
  await finds(/oauth_clients\/shop has settings that are no object/);
  await run(
    `UPDATE user_credentials SET sealed = (SELECT sealed FROM user_credentials WHERE user_id = 'ingrid') WHERE user_id = 'admin'`,
  );
  await finds(/user_credentials\/password-\S+ can not be opened/);
});
