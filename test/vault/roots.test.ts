// What wraps the root key: each adapter against a server of its protocol, SoftHSM through pkcs11-tool, and what happens when
// the answer is not the right one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { StateConfig } from '../../src/config/index.ts';
import { SealError } from '../../src/envelope/index.ts';
import { openState, StateError } from '../../src/stores/index.ts';
import { createRoot, type RootConfig, VaultError } from '../../src/vault/index.ts';
import { startAwsKms, startAzureKeyVault, startGoogleKms } from '../support/key-services.ts';
import { startVaultGate } from '../support/vault.ts';

const key = randomBytes(32);

async function roundTrip(config: RootConfig): Promise<string> {
  const wrapped = await (await createRoot(config)).wrap(key);
  assert.ok(!wrapped.includes(key.toString('base64')) && !wrapped.includes(key.toString('base64url')));
  assert.deepEqual(await (await createRoot(config)).unwrap(wrapped), key);
  return wrapped;
}

/** Flips a bit in the middle of base64. */
const spoil = (text: string): string => {
  const at = Math.floor(text.length / 2);
  return `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
};

test('AWS KMS: signed requests, the key named, the context bound', async (t) => {
  const { endpoint, accessKeyId, secretAccessKey, keyId } = await startAwsKms(t);
  const config: RootConfig = {
    kind: 'aws-kms',
    region: 'eu-central-1',
    keyId,
    accessKeyId,
    secretAccessKey,
    sessionToken: '',
    endpoint,
  };
  const wrapped = await roundTrip(config);
  await roundTrip({ ...config, sessionToken: 'temporary' });
  await assert.rejects((await createRoot(config)).unwrap(spoil(wrapped)), /InvalidCiphertextException/);
  await assert.rejects(
    (await createRoot({ ...config, keyId: 'other' })).unwrap(wrapped),
    /NotFoundException/,
  );
  await assert.rejects(
    (await createRoot({ ...config, secretAccessKey: 'x' })).wrap(key),
    /IncompleteSignature/,
  );
});

test('Google Cloud KMS: a signed assertion for a token, data bound', async (t) => {
  const { endpoint, key: name, credentials } = await startGoogleKms(t);
  const config: RootConfig = { kind: 'google-kms', key: name, credentials, endpoint };
  const wrapped = await roundTrip(config);
  await assert.rejects((await createRoot(config)).unwrap(spoil(wrapped)), /INVALID_ARGUMENT|400/);
  await assert.rejects((await createRoot({ ...config, credentials: '{}' })).wrap(key), /no client_email/);
});

test('Azure Key Vault: a token for a secret, the version that wrapped unwraps, no other vault is asked', async (t) => {
  const { vault, clientSecret } = await startAzureKeyVault(t);
  const config: RootConfig = {
    kind: 'azure-key-vault',
    vault,
    key: 'root',
    tenant: 'tenant',
    clientId: 'gate',
    clientSecret,
    authority: vault,
  };
  const wrapped = await roundTrip(config);
  const moved = wrapped.replace(vault, 'http://127.0.0.1:1');
  await assert.rejects((await createRoot(config)).unwrap(moved), /another key vault/);
  await assert.rejects((await createRoot({ ...config, clientSecret: 'x' })).wrap(key), /invalid_client/);
});

test('transit of another vault: this product serves it', async (t) => {
  const gate = await startVaultGate(t);
  const call = (path: string, body: unknown) =>
    fetch(`${gate.address}/v1/${path}`, {
      method: 'POST',
      headers: { 'x-vault-token': gate.rootToken },
      body: JSON.stringify(body),
    });
  await call('sys/mounts/transit', { type: 'transit' });
  await call('transit/keys/unseal', {});
  const config: RootConfig = {
    kind: 'transit',
    address: gate.address,
    token: gate.rootToken,
    mount: 'transit',
    key: 'unseal',
    namespace: '',
  };
  const wrapped = await roundTrip(config);
  await call('transit/keys/unseal/rotate', {});
  assert.deepEqual(await (await createRoot(config)).unwrap(wrapped), key);
  await assert.rejects((await createRoot({ ...config, token: 'gwv.no' })).unwrap(wrapped), /403/);
});

const softHsm = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'].find(
  existsSync,
);
const hasTool = (() => {
  try {
    execFileSync('pkcs11-tool', ['--help'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
})();
const skipHsm = softHsm === undefined || !hasTool ? 'softhsm2 and opensc are not installed' : false;

test('PKCS #11: a key pair of SoftHSM that never leaves it', { skip: skipHsm }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-hsm-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'tokens'));
  writeFileSync(
    join(folder, 'softhsm2.conf'),
    `directories.tokendir = ${folder}/tokens\nobjectstore.backend = file\n`,
  );
  process.env['SOFTHSM2_CONF'] = join(folder, 'softhsm2.conf');
  execFileSync(
    'softhsm2-util',
    ['--init-token', '--free', '--label', 'gate', '--pin', '1234', '--so-pin', '5678'],
    { stdio: 'ignore' },
  );
  execFileSync(
    'pkcs11-tool',
    [
      '--module',
      softHsm!,
      '--token-label',
      'gate',
      '--login',
      '--pin',
      '1234',
      '--keypairgen',
      '--key-type',
      'rsa:2048',
      '--label',
      'root',
      '--id',
      '01',
    ],
    { stdio: 'ignore' },
  );
  const config: RootConfig = { kind: 'pkcs11', module: softHsm!, token: 'gate', key: 'root', pin: '1234' };
  const wrapped = await roundTrip(config);
  await assert.rejects((await createRoot({ ...config, pin: '9999' })).unwrap(wrapped), VaultError);
  await assert.rejects((await createRoot({ ...config, key: 'none' })).wrap(key), VaultError);
});

test('a passphrase of few characters, a wrong one, and a service that is away', async () => {
  await assert.rejects(
    (await createRoot({ kind: 'passphrase', passphrase: 'short' })).wrap(key),
    /at least 12/,
  );
  const wrapped = await (await createRoot({ kind: 'passphrase', passphrase: 'long enough to be one' })).wrap(
    key,
  );
  await assert.rejects(
    (await createRoot({ kind: 'passphrase', passphrase: 'long enough to be two' })).unwrap(wrapped),
    SealError,
  );
  const away: RootConfig = {
    kind: 'transit',
    address: 'http://127.0.0.1:1',
    token: 't',
    mount: 'transit',
    key: 'k',
    namespace: '',
  };
  await assert.rejects((await createRoot(away)).unwrap('vault:v1:x'), /does not answer/);
});

test('a state whose root key a service wraps: opens with it, not without', async (t) => {
  const { endpoint, accessKeyId, secretAccessKey, keyId } = await startAwsKms(t);
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-kms-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const root: RootConfig = {
    kind: 'aws-kms',
    region: 'eu-central-1',
    keyId,
    accessKeyId,
    secretAccessKey,
    sessionToken: '',
    endpoint,
  };
  const config: StateConfig = { kind: 'sqlite', file: join(folder, 'state.db'), sealKey: null, root };
  const first = await openState(config);
  await first.vault.transaction((session) => session.put('x/1', 'system', { a: 1 }));
  await first.close();
  const second = await openState(config);
  assert.deepEqual(await second.vault.read('x/1'), { a: 1 });
  await second.close();
  await assert.rejects(
    openState({ ...config, root: { ...root, endpoint: 'http://127.0.0.1:1/' } }),
    StateError,
  );
  await assert.rejects(openState({ ...config, root: null }), /wrapped by aws-kms/);
});
