// What somebody may try who can reach the API, or has a token that may do little.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { capabilitiesAt, parsePolicy } from '../../src/vault/access/policies.ts';
import { VaultError } from '../../src/vault/index.ts';
import { startTestVault, startVaultGate, type TestVault } from '../support/vault.ts';

async function tokenWith(
  vault: TestVault,
  rules: string,
  more: Record<string, unknown> = {},
): Promise<string> {
  const name = `p${Math.random().toString(36).slice(2)}`;
  assert.equal((await vault.call('PUT', `sys/policies/acl/${name}`, { policy: rules })).status, 204);
  const answer = await vault.call('POST', 'auth/token/create', {
    policies: [name],
    ttl: '1h',
    no_default_policy: true,
    ...more,
  });
  return answer.body.auth.client_token;
}

test('without a token, with a wrong one, and with one that ends: 403 and no more', async (t) => {
  const vault = await startTestVault(t);
  await vault.call('POST', 'secret/data/a', { data: { a: 1 } });
  for (const token of [
    '',
    'x',
    'gwv.',
    `gwv.${'A'.repeat(43)}`,
    `${vault.rootToken.slice(0, -1)}A`,
    'root',
  ]) {
    if (token === vault.rootToken) continue;
    const { status, body } = await vault.call('GET', 'secret/data/a', undefined, token);
    assert.equal(status, 403, token);
    assert.deepEqual(body, { errors: ['permission denied'] });
  }
  const token = await tokenWith(vault, 'path "secret/*" { capabilities = ["read"] }');
  await vault.call('POST', 'auth/token/revoke', { token });
  assert.equal((await vault.call('GET', 'secret/data/a', undefined, token)).status, 403);
  assert.ok(vault.uses.some((use) => use.outcome === 'denied' && use.path === 'secret/data/a'));
  assert.doesNotMatch(JSON.stringify(vault.uses), new RegExp(`${vault.rootToken}|${token}`));
});

test('paths that seem to be another: never past the policy', async (t) => {
  const gate = await startVaultGate(t);
  const call = async (method: string, path: string, token: string, body?: unknown) => {
    const response = await fetch(`${gate.address}${path}`, {
      method,
      headers: { 'x-vault-token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text };
  };
  const root = gate.rootToken;
  await call('POST', '/v1/secret/data/allowed/a', root, { data: { v: 'yours' } });
  await call('POST', '/v1/secret/data/hidden/a', root, { data: { v: 'treasure' } });
  await call('PUT', '/v1/sys/policies/acl/low', root, {
    policy: 'path "secret/data/allowed/*" { capabilities = ["read", "list"] }',
  });
  const made = await call('POST', '/v1/auth/token/create', root, { policies: ['low'] });
  const token = (JSON.parse(made.text) as { auth: { client_token: string } }).auth.client_token;
  assert.equal((await call('GET', '/v1/secret/data/allowed/a', token)).status, 200);
  for (const path of [
    '/v1/secret/data/hidden/a',
    '/v1/secret/data/allowed/../hidden/a',
    '/v1/secret/data/allowed/%2e%2e/hidden/a',
    '/v1/secret/data/allowed/..%2fhidden/a',
    '/v1/secret/data/allowed%2f..%2fhidden/a',
    '/v1/secret/data/allowed//../hidden/a',
    '/v1//secret/data/hidden/a',
    '/v1/secret/data/allowed/a/../../hidden/a',
    '/v1/secret/data/allowed/..\\hidden/a',
    '/v1/secret/data/allowed/%252e%252e/hidden/a',
    '/v1/secret//data/hidden/a',
    '/V1/secret/data/hidden/a',
  ]) {
    const { status, text } = await call('GET', path, token);
    assert.ok(status >= 400, `${path}: ${status}`);
    assert.doesNotMatch(text, /treasure/, path);
  }
  // A list with a slash at its end is the list without.
  const listed = await call('GET', '/v1/secret/metadata/allowed/?list=true', root);
  assert.match(listed.text, /"keys":\["a"\]/);
});

test('a token can not raise itself', async (t) => {
  const vault = await startTestVault(t);
  const everything = `path "auth/token/*" { capabilities = ["create", "update", "read"] }
    path "sys/policies/acl/own" { capabilities = ["read"] }`;
  const token = await tokenWith(vault, everything);
  const as = (method: string, path: string, body?: unknown) => vault.call(method, path, body, token);
  assert.equal((await as('POST', 'auth/token/create', { policies: ['root'] })).status, 400);
  await vault.call('PUT', 'sys/policies/acl/strong', {
    policy: 'path "*" { capabilities = ["sudo", "read"] }',
  });
  assert.equal((await as('POST', 'auth/token/create', { policies: ['strong'] })).status, 400);
  assert.equal((await as('POST', 'auth/token/create', { no_parent: true })).status, 400);
  assert.equal((await as('POST', 'auth/token/create', { period: '1h' })).status, 400);
  assert.equal((await as('POST', 'auth/token/create', { id: 'chosen' })).status, 400);
  assert.equal(
    (await as('PUT', 'sys/policies/acl/own', { policy: 'path "*" { capabilities = ["read"] }' })).status,
    403,
  );
  assert.equal((await as('LIST', 'auth/token/accessors')).status === 200, false);
  assert.equal((await as('POST', 'sys/rotate')).status, 403);
  assert.equal((await as('PUT', 'sys/seal')).status, 403);
  assert.equal((await as('POST', 'sys/auth/approle', { type: 'approle' })).status, 403);
  const sealer = await tokenWith(vault, 'path "sys/seal" { capabilities = ["update"] }');
  // Without sudo the capability alone does not do.
  assert.equal((await vault.call('PUT', 'sys/seal', undefined, sealer)).status, 403);
});

test('a secret that may be read once is read once, by however many at a time', async (t) => {
  const vault = await startTestVault(t);
  await vault.call('POST', 'secret/data/once', { data: { v: 1 }, options: { reads: 1 } });
  const answers = await Promise.all(Array.from({ length: 8 }, () => vault.call('GET', 'secret/data/once')));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  const places = await vault.state.vault.list('kv/');
  assert.ok(!places.some((place) => place.includes('/data/once/')));
  await vault.call('POST', 'secret/data/w', { data: { v: 1 } });
  const { body } = await vault.call('GET', 'secret/data/w', undefined, vault.rootToken, {
    'x-vault-wrap-ttl': '60',
  });
  const opened = await Promise.all(
    Array.from({ length: 8 }, () => vault.call('POST', 'sys/wrapping/unwrap', {}, body.wrap_info.token)),
  );
  assert.equal(opened.filter(({ status }) => status === 200).length, 1);
  assert.deepEqual((await vault.state.fsck()).problems, []);
});

test('bodies that are none, too deep or of other shapes: 400, and nothing is written', async (t) => {
  const vault = await startTestVault(t);
  const raw = async (body: string): Promise<number> =>
    (
      await fetch(`${vault.address}/v1/secret/data/x`, {
        method: 'POST',
        headers: { 'x-vault-token': vault.rootToken },
        body,
      })
    ).status;
  for (const body of [
    '{',
    '[]',
    '"x"',
    '1',
    `{"data":${'['.repeat(200)}${']'.repeat(200)}}`,
    '{"data":1}',
    '{"data":[]}',
    '{}',
  ])
    assert.equal(await raw(body), 400, body.slice(0, 30));
  assert.equal(await raw('{"data":{"__proto__":{"a":1},"constructor":"x"}}'), 200);
  const { body } = await vault.call('GET', 'secret/data/x');
  assert.deepEqual(Object.keys(body.data.data), ['__proto__', 'constructor']);
  assert.equal((await vault.call('POST', 'secret/data/x', { data: { a: 'x'.repeat(600_000) } })).status, 400);
});

test('a use that can not be written down gives nothing away', async (t) => {
  const vault = await startTestVault(t);
  await vault.call('POST', 'secret/data/a', { data: { v: 'treasure' } });
  vault.uses.push = () => {
    throw new Error('the disk is full');
  };
  const answer = await fetch(`${vault.address}/v1/secret/data/a`, {
    headers: { 'x-vault-token': vault.rootToken },
  }).then(
    (response) => response.text(),
    () => 'no answer',
  );
  assert.doesNotMatch(answer, /treasure/);
});

describe('policies', () => {
  const may = (policy: string, path: string): string[] =>
    [...capabilitiesAt(parsePolicy(policy), path)].sort();

  test('the most specific rule counts, denial wins, nothing is given by default', () => {
    const policy = `
      # comment
      path "secret/*" { capabilities = ["read"] }
      path "secret/data/team/*" { capabilities = ["create", "update"] } // another
      path "secret/data/team/locked" { capabilities = ["deny", "read"] }
      path "secret/+/x" { capabilities = ["list"] }
      /* and a last one */
      path "a/+/c" { policy = "read" }
    `;
    assert.deepEqual(may(policy, 'secret/data/other'), ['read']);
    assert.deepEqual(may(policy, 'secret/data/team/a'), ['create', 'update']);
    assert.deepEqual(may(policy, 'secret/data/team/locked'), ['deny']);
    assert.deepEqual(may(policy, 'secret/one/x'), ['list']);
    assert.deepEqual(may(policy, 'a/b/c'), ['list', 'read']);
    assert.deepEqual(may(policy, 'a/b/c/d'), []);
    assert.deepEqual(may(policy, 'other'), []);
    assert.deepEqual(may('', 'secret/a'), []);
  });

  test('what is not understood is refused, not read as less', () => {
    for (const policy of [
      'path "a" { capabilities = ["read"], allowed_parameters = { "a" = [] } }',
      'path "a" { capabilities = ["write"] }',
      'path "a" { capabilities = ["read"] ',
      'path "a*b" { capabilities = ["read"] }',
      'paths "a" { capabilities = ["read"] }',
      '{"path":{"a":{"capabilities":["everything"]}}}',
      '{"paths":{}}',
    ])
      assert.throws(() => parsePolicy(policy), VaultError, policy);
  });

  test('no text makes the parser do anything but answer or refuse', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `path "a" { ${text} }`),
        ),
        (text) => {
          try {
            parsePolicy(text);
          } catch (error) {
            assert.ok(error instanceof VaultError, String(error));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
