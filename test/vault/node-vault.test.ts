// node-vault as it is on npm, unmodified, against this vault: KV version 2, transit, tokens, policies, AppRole, leases, wrapping.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import nodeVault from 'node-vault';
import { startVaultGate } from '../support/vault.ts';

const refused = (status: number) => (error: { response?: { statusCode?: number } }) =>
  error.response?.statusCode === status;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('KV version 2: write, read, versions, check-and-set, delete, undelete, destroy, metadata, list', async (t) => {
  const { address, rootToken } = await startVaultGate(t);
  const vault = nodeVault({ apiVersion: 'v1', endpoint: address, token: rootToken });
  const health = await vault.health();
  assert.equal(health.sealed, false);
  assert.equal((await vault.initialized()).initialized, true);
  assert.equal((await vault.status()).sealed, false);

  const first = await vault.write('secret/data/app/db', {
    data: { user: 'a', password: 'p1' },
    options: { cas: 0 },
  });
  assert.equal(first.data.version, 1);
  await vault.write('secret/data/app/db', { data: { user: 'a', password: 'p2' } });
  const read = await vault.read('secret/data/app/db');
  assert.deepEqual(read.data.data, { user: 'a', password: 'p2' });
  assert.equal(read.data.metadata.version, 2);
  assert.deepEqual((await vault.read('secret/data/app/db?version=1')).data.data, {
    user: 'a',
    password: 'p1',
  });
  await assert.rejects(
    vault.write('secret/data/app/db', { data: { x: 1 }, options: { cas: 1 } }),
    refused(400),
  );

  await vault.update('secret/data/app/db', { data: { password: 'p3' } });
  assert.deepEqual((await vault.read('secret/data/app/db')).data.data, { user: 'a', password: 'p3' });

  await vault.delete('secret/data/app/db');
  await assert.rejects(vault.read('secret/data/app/db'), refused(404));
  await vault.write('secret/undelete/app/db', { versions: [3] });
  assert.equal((await vault.read('secret/data/app/db')).data.data.password, 'p3');
  await vault.destroySecretVersions({ path: 'app/db', versions: [1] });
  await assert.rejects(vault.read('secret/data/app/db?version=1'), refused(404));

  await vault.write('secret/metadata/app/db', { max_versions: 5, custom_metadata: { owner: 'team' } });
  const meta = (await vault.read('secret/metadata/app/db')).data;
  assert.equal(meta.current_version, 3);
  assert.equal(meta.versions['1'].destroyed, true);
  assert.deepEqual(meta.custom_metadata, { owner: 'team' });
  await vault.write('secret/data/top', { data: { a: 1 } });
  assert.deepEqual((await vault.list('secret/metadata')).data.keys, ['app/', 'top']);
  assert.deepEqual((await vault.list('secret/metadata/app')).data.keys, ['db']);
  await vault.delete('secret/metadata/app/db');
  await assert.rejects(vault.list('secret/metadata/app'), refused(404));
});

test('transit: keys, encrypt, decrypt, rotate, rewrap, batches', async (t) => {
  const { address, rootToken } = await startVaultGate(t);
  const vault = nodeVault({ endpoint: address, token: rootToken });
  await vault.mount({ mount_point: 'transit', type: 'transit', description: 'encryption' });
  assert.ok(Object.hasOwn(await vault.mounts(), 'transit/'));
  await vault.transitCreateKey({ name: 'orders' });
  const { data } = await vault.encryptData({ name: 'orders', plaintext: base64('4111') });
  assert.match(data.ciphertext, /^vault:v1:/);
  assert.equal(
    (await vault.decryptData({ name: 'orders', ciphertext: data.ciphertext })).data.plaintext,
    base64('4111'),
  );
  await vault.write('transit/keys/orders/rotate', {});
  const again = await vault.rewrapData({ name: 'orders', ciphertext: data.ciphertext });
  assert.match(again.data.ciphertext, /^vault:v2:/);
  assert.equal(
    (await vault.decryptData({ name: 'orders', ciphertext: again.data.ciphertext })).data.plaintext,
    base64('4111'),
  );
  assert.equal((await vault.transitReadKey({ name: 'orders' })).data.latest_version, 2);
  assert.deepEqual((await vault.transitListKeys()).data.keys, ['orders']);
  const batch = await vault.encryptData({
    name: 'orders',
    batch_input: [{ plaintext: base64('a') }, { plaintext: base64('b') }],
  });
  assert.equal(batch.data.batch_results.length, 2);
  await assert.rejects(vault.transitDeleteKey({ name: 'orders' }), refused(400));
  await vault.write('transit/keys/orders/config', { deletion_allowed: true });
  await vault.transitDeleteKey({ name: 'orders' });
  await assert.rejects(vault.decryptData({ name: 'orders', ciphertext: data.ciphertext }), refused(400));
});

test('AppRole: a role, its ids, logging in with policy, secret ids that end', async (t) => {
  const { address, rootToken } = await startVaultGate(t);
  const vault = nodeVault({ endpoint: address, token: rootToken });
  await vault.enableAuth({ mount_point: 'approle', type: 'approle', description: 'programs' });
  assert.ok(Object.hasOwn(await vault.auths(), 'approle/'));
  await vault.addPolicy({
    name: 'app',
    rules: 'path "secret/data/app/*" { capabilities = ["read", "create"] }',
  });
  assert.match((await vault.getPolicy({ name: 'app' })).rules, /secret\/data\/app/);
  assert.ok((await vault.policies()).policies.includes('app'));
  await vault.addApproleRole({ role_name: 'shop', policies: 'app', token_ttl: 1200, secret_id_num_uses: 2 });
  assert.deepEqual((await vault.approleRoles()).data.keys, ['shop']);
  const { role_id } = (await vault.getApproleRoleId({ role_name: 'shop' })).data;
  const { secret_id, secret_id_accessor } = (await vault.getApproleRoleSecret({ role_name: 'shop' })).data;
  assert.deepEqual((await vault.approleSecretAccessors({ role_name: 'shop' })).data.keys, [
    secret_id_accessor,
  ]);
  assert.equal(
    (await vault.approleSecretLookup({ role_name: 'shop', secret_id })).data.secret_id_num_uses,
    2,
  );

  const stranger = nodeVault({ endpoint: address });
  const login = await stranger.approleLogin({ role_id, secret_id });
  assert.equal(login.auth.lease_duration, 1200);
  assert.deepEqual(login.auth.policies, ['app', 'default']);
  const app = nodeVault({ endpoint: address, token: login.auth.client_token });
  await app.write('secret/data/app/one', { data: { a: 1 } });
  assert.deepEqual((await app.read('secret/data/app/one')).data.data, { a: 1 });
  // `create` alone does not change what is there; other paths are not for it at all.
  await assert.rejects(app.write('secret/data/app/one', { data: { a: 2 } }), refused(403));
  await assert.rejects(app.read('secret/data/other'), refused(403));
  await assert.rejects(app.mounts(), refused(403));
  assert.equal((await app.tokenLookupSelf()).data.meta.role_name, 'shop');
  await app.tokenRenewSelf({ increment: 600 });
  await app.tokenRevokeSelf();
  await assert.rejects(app.tokenLookupSelf(), refused(403));

  // The second use was its last.
  await stranger.approleLogin({ role_id, secret_id });
  await assert.rejects(stranger.approleLogin({ role_id, secret_id }), refused(400));
  const other = (await vault.getApproleRoleSecret({ role_name: 'shop' })).data.secret_id;
  await vault.approleSecretDestroy({ role_name: 'shop', secret_id: other });
  await assert.rejects(stranger.approleLogin({ role_id, secret_id: other }), refused(400));
  await vault.deleteApproleRole({ role_name: 'shop' });
  await assert.rejects(vault.getApproleRole({ role_name: 'shop' }), refused(404));
});

test('tokens: children end with their parents, uses run out, wrapped answers open once', async (t) => {
  const { address, rootToken } = await startVaultGate(t);
  const vault = nodeVault({ endpoint: address, token: rootToken });
  await vault.addPolicy({
    name: 'maker',
    rules: JSON.stringify({ path: { 'auth/token/create': { capabilities: ['update'] } } }),
  });
  const maker = nodeVault({ endpoint: address, token: rootToken });
  const parent = (await maker.tokenCreate({ policies: ['maker'], ttl: '1h' })).auth;
  const child = (await nodeVault({ endpoint: address, token: parent.client_token }).tokenCreate({})).auth;
  await assert.rejects(
    nodeVault({ endpoint: address, token: parent.client_token }).tokenCreate({ policies: ['root'] }),
    refused(400),
  );
  const asChild = nodeVault({ endpoint: address, token: child.client_token });
  assert.equal((await asChild.tokenLookupSelf()).data.orphan, false);
  await vault.tokenRevokeAccessor({ accessor: parent.accessor });
  await assert.rejects(asChild.tokenLookupSelf(), refused(403));

  const once = (
    await nodeVault({ endpoint: address, token: rootToken }).tokenCreate({
      policies: ['default'],
      num_uses: 1,
    })
  ).auth.client_token;
  await nodeVault({ endpoint: address, token: once }).tokenLookupSelf();
  await assert.rejects(nodeVault({ endpoint: address, token: once }).tokenLookupSelf(), refused(403));

  await vault.write('secret/data/w', { data: { a: 1 } });
  const wrapped = await vault.read('secret/data/w', { headers: { 'X-Vault-Wrap-TTL': '60s' } });
  assert.equal(wrapped.data, null);
  const opened = await nodeVault({ endpoint: address }).unwrap({ token: wrapped.wrap_info.token });
  assert.deepEqual(opened.data.data, { a: 1 });
  await assert.rejects(
    nodeVault({ endpoint: address }).unwrap({ token: wrapped.wrap_info.token }),
    refused(400),
  );
  // A wrapping token opens its answer and nothing else.
  const second = await vault.read('secret/data/w', { headers: { 'X-Vault-Wrap-TTL': '60s' } });
  await assert.rejects(
    nodeVault({ endpoint: address, token: second.wrap_info.token }).read('secret/data/w'),
    refused(403),
  );
});

test('shares: init, unseal by three keepers, seal', async (t) => {
  const { address } = await startVaultGate(t, { extra: 'vault: { root: { shares: true } }' });
  const vault = nodeVault({ endpoint: address });
  assert.equal((await vault.initialized()).initialized, false);
  const made = await vault.init({ secret_shares: 5, secret_threshold: 3 });
  assert.equal(made.keys.length, 5);
  await assert.rejects(vault.init({ secret_shares: 5, secret_threshold: 3 }), refused(400));
  assert.equal((await vault.status()).sealed, true);
  vault.token = made.root_token;
  await assert.rejects(vault.read('secret/data/a'), refused(503));
  await vault.unseal({ key: made.keys[0] });
  assert.equal((await vault.unseal({ key: made.keys[0] })).progress, 1);
  await assert.rejects(vault.unseal({ key: `${made.keys[1].slice(0, -2)}AA` }), refused(400));
  assert.equal((await vault.unseal({ key: made.keys[4] })).progress, 2);
  assert.equal((await vault.unseal({ key: made.keys[2] })).sealed, false);
  await vault.write('secret/data/a', { data: { a: 1 } });
  await vault.seal();
  assert.equal((await vault.status()).sealed, true);
  await assert.rejects(vault.read('secret/data/a'), refused(503));
  for (const key of made.keys.slice(1, 4)) await vault.unseal({ key });
  assert.deepEqual((await vault.read('secret/data/a')).data.data, { a: 1 });
});
