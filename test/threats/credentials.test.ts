// Keys that are kept and found by their hashes alone, and guesses that come from everywhere.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import * as client from 'openid-client';
import { systemClock } from '../../src/core/index.ts';
import { hashApiKey } from '../../src/credentials/index.ts';
import { ApiKeyTable, StoredKeys } from '../../src/guards/authenticate/api-key-table.ts';
import { IdentityRegistry } from '../../src/identity/index.ts';
import { LoginThrottle } from '../../src/oauth/login-throttle.ts';
import { openState } from '../../src/stores/index.ts';
import { CALLBACK, ORDERS, PageBrowser, startAuthServer } from '../support/auth-server.ts';

test('API keys are not stored in clear, and none is compared: a hash finds it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-keys-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const state = await openState({ kind: 'sqlite', file: join(folder, 'state.db'), sealKey: 'x'.repeat(40) });
  const registry = new IdentityRegistry(state.identity, systemClock);
  const created = (await registry.add('client', 'shop', ['a'], '', {}))!;
  const secret = created.key.split('_').at(-1)!;
  const files = await readdir(folder);
  assert.ok(files.length >= 1);
  for (const file of files) {
    const bytes = await readFile(join(folder, file));
    assert.ok(!bytes.includes(created.key) && !bytes.includes(secret), file);
  }
  await state.close();

  const stored = new StoredKeys(null);
  stored.update({
    rows: [
      {
        id: 'shop-1',
        consumer: 'shop',
        sha256: hashApiKey(created.key),
        scopes: [],
        createdMs: 0,
        expiresMs: null,
        addresses: [],
      },
    ],
    removed: [],
  });
  const table = new ApiKeyTable([], stored);
  // Whatever compares, compares hashes: what its time tells is about the hash of the guess, which nobody can steer.
  const looked: string[] = [];
  const original = Map.prototype.get;
  const spy = mock.method(Map.prototype, 'get', function get(this: Map<unknown, unknown>, key: unknown) {
    if (typeof key === 'string') looked.push(key);
    return original.call(this, key);
  });
  const found = table.find(created.key);
  const guess = `${created.key.slice(0, -1)}${created.key.endsWith('A') ? 'B' : 'A'}`;
  const missed = table.find(guess);
  spy.mock.restore();
  assert.equal(found?.consumer.id, 'shop');
  assert.equal(missed, null);
  assert.deepEqual(new Set(looked), new Set([hashApiKey(created.key), hashApiKey(guess)]));
});

test('stuffing spread over addresses meets the limit of the account, and of the network', async (t) => {
  const server = await startAuthServer(t);
  await server.addUser('ingrid', ['orders:read']);
  await server.addClient('shop', ['orders:read'], {
    redirectUris: [CALLBACK],
    grantTypes: ['authorization_code'],
    authMethod: 'none',
  });
  const url = new URL(`${server.issuer}/authorize`);
  for (const [name, value] of Object.entries({
    client_id: 'shop',
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid',
    resource: ORDERS,
    code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
    code_challenge_method: 'S256',
  }))
    url.searchParams.set(name, value);
  // One account, every attempt from another network.
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) {
    server.address = `198.${i}.100.7`;
    const browser = new PageBrowser(server.issuer);
    await browser.go(url.href);
    await browser.submit('/login', { user: 'ingrid', password: `leaked password ${i}` });
    statuses.push(browser.status);
  }
  assert.deepEqual(statuses, [400, 400, 400, 400, 400, 429, 429, 429]);

  // Many accounts from one network, every attempt from another address: the neighbourhood is counted.
  const throttle = new LoginThrottle(server.state.oauth);
  const tryFrom = async (address: string, n: number) =>
    (await throttle.begin('password', `user-${n}`, address, '', 1_000_000)).kind;
  for (const [name, addressOf] of [
    ['IPv4 /24', (n: number) => `203.0.113.${n % 250}`],
    ['IPv6 /48', (n: number) => `2001:db8:7:${(n % 250).toString(16)}::${n}`],
  ] as const) {
    let went = 0;
    for (let n = 0; n < 220; n++) if ((await tryFrom(addressOf(n), n)) === 'go') went++;
    assert.equal(went, 200, name);
  }
  assert.equal(await tryFrom('192.0.2.1', 1), 'go');

  // One password at many accounts from many networks: it is counted too, and binds no browser that the account knows.
  const spray = async (n: number, device: string, password: string) =>
    (await throttle.begin('password', `sprayed-${n}`, `10.${n}.0.1`, device, 1_000_000, password)).kind;
  let sprayed = 0;
  for (let n = 0; n < 110; n++) if ((await spray(n, '', 'Summer2026!')) === 'go') sprayed++;
  assert.equal(sprayed, 100);
  assert.equal(await spray(200, 'known', 'Summer2026!'), 'go');
  assert.equal(await spray(201, '', 'another password'), 'go');
});
