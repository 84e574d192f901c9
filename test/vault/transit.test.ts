// Transit: every type of key does what it can and refuses what it can not; what was encrypted opens after rotations, and not
// with another context, other data, or below the lowest version.
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { startTestVault, type TestVault } from '../support/vault.ts';

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes as string).toString('base64');

async function start(
  t: Parameters<typeof startTestVault>[0],
): Promise<(path: string, body?: unknown, method?: string) => ReturnType<TestVault['call']>> {
  const vault = await startTestVault(t);
  await vault.call('POST', 'sys/mounts/transit', { type: 'transit' });
  return (path, body = {}, method = 'POST') =>
    vault.call(method, `transit/${path}`, method === 'GET' ? undefined : body);
}

test('what was encrypted opens again, whatever it is, and nothing else does', async (t) => {
  const call = await start(t);
  for (const type of ['aes256-gcm96', 'aes128-gcm96']) {
    await call(`keys/${type}`, { type });
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 20 }),
        fc.nat(),
        async (clear, data, where) => {
          const sealed = (
            await call(`encrypt/${type}`, { plaintext: base64(clear), associated_data: base64(data) })
          ).body.data.ciphertext;
          const opened = await call(`decrypt/${type}`, { ciphertext: sealed, associated_data: base64(data) });
          assert.equal(opened.body.data.plaintext, base64(clear));
          const at = 9 + (where % (sealed.length - 12));
          const spoiled = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
          assert.equal(
            (await call(`decrypt/${type}`, { ciphertext: spoiled, associated_data: base64(data) })).status,
            400,
          );
          assert.equal(
            (
              await call(`decrypt/${type}`, {
                ciphertext: sealed,
                associated_data: base64([...data, 1] as unknown as string),
              })
            ).status,
            400,
          );
        },
      ),
      { numRuns: 15 },
    );
  }
});

test('derived keys need their context; convergent ones give equal texts for equal ones', async (t) => {
  const call = await start(t);
  await call('keys/c', { derived: true, convergent_encryption: true });
  const seal = async (plain: string, context: string): Promise<string> =>
    (await call('encrypt/c', { plaintext: base64(plain), context: base64(context) })).body.data.ciphertext;
  const [a, b, c] = [await seal('x', 'one'), await seal('x', 'one'), await seal('x', 'two')];
  assert.equal(a, b);
  assert.notEqual(a, c);
  assert.equal((await call('encrypt/c', { plaintext: base64('x') })).status, 400);
  assert.equal((await call('decrypt/c', { ciphertext: a, context: base64('two') })).status, 400);
  assert.equal(
    (await call('decrypt/c', { ciphertext: a, context: base64('one') })).body.data.plaintext,
    base64('x'),
  );
  await call('keys/n', {});
  assert.notEqual(
    (await call('encrypt/n', { plaintext: base64('x') })).body.data.ciphertext,
    (await call('encrypt/n', { plaintext: base64('x') })).body.data.ciphertext,
  );
});

test('versions: rotation, rewrap, the lowest that may be used, trimming', async (t) => {
  const call = await start(t);
  await call('keys/v', {});
  const first = (await call('encrypt/v', { plaintext: base64('one') })).body.data.ciphertext;
  await call('keys/v/rotate');
  const second = (await call('rewrap/v', { ciphertext: first })).body.data.ciphertext;
  assert.match(second, /^vault:v2:/);
  assert.equal((await call('decrypt/v', { ciphertext: first })).body.data.plaintext, base64('one'));
  // The version is bound by its key: another label does not open.
  assert.equal((await call('decrypt/v', { ciphertext: first.replace('v1', 'v2') })).status, 400);
  await call('keys/v/config', { min_decryption_version: 2 });
  assert.equal((await call('decrypt/v', { ciphertext: first })).status, 400);
  assert.equal((await call('decrypt/v', { ciphertext: second })).body.data.plaintext, base64('one'));
  await call('keys/v/config', { min_encryption_version: 2 });
  assert.equal((await call('keys/v/trim', { min_available_version: 2 })).status, 200);
  assert.equal((await call('keys/v/config', { min_decryption_version: 1 })).status, 400);
  assert.equal((await call('encrypt/v', { plaintext: base64('x'), key_version: 1 })).status, 400);
});

test('signing and HMAC with every type that can', async (t) => {
  const call = await start(t);
  const input = base64('message');
  for (const type of ['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa-2048']) {
    await call(`keys/${type}`, { type });
    const { signature } = (await call(`sign/${type}`, { input })).body.data;
    assert.equal((await call(`verify/${type}`, { input, signature })).body.data.valid, true, type);
    assert.equal(
      (await call(`verify/${type}`, { input: base64('other'), signature })).body.data.valid,
      false,
      type,
    );
  }
  const { keys } = (await call('keys/ecdsa-p256', undefined, 'GET')).body.data;
  const { signature } = (await call('sign/ecdsa-p256/sha2-256', { input })).body.data;
  assert.ok(
    verify(
      'sha256',
      Buffer.from('message'),
      createPublicKey(keys['1'].public_key),
      Buffer.from(signature.slice(9), 'base64'),
    ),
  );
  await call('keys/a', {});
  assert.equal((await call('sign/a', { input })).status, 400);
  const { hmac } = (await call('hmac/a', { input })).body.data;
  assert.equal((await call('verify/a', { input, hmac })).body.data.valid, true);
  assert.equal((await call('verify/a', { input: base64('other'), hmac })).body.data.valid, false);
  // What a key is for stays apart: its MAC is no ciphertext, and encryption keys are not given out.
  assert.equal((await call('decrypt/a', { ciphertext: hmac })).status, 400);
  assert.equal((await call('export/encryption-key/a', undefined, 'GET')).status, 400);
});

test('data keys, hashes and randomness', async (t) => {
  const call = await start(t);
  await call('keys/d', {});
  const made = (await call('datakey/plaintext/d')).body.data;
  assert.equal(
    (await call('decrypt/d', { ciphertext: made.ciphertext })).body.data.plaintext,
    made.plaintext,
  );
  assert.equal((await call('datakey/wrapped/d')).body.data.plaintext, undefined);
  assert.equal(
    (await call('hash/sha2-256', { input: base64('abc') })).body.data.sum,
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  assert.equal(Buffer.from((await call('random/24')).body.data.random_bytes, 'base64').length, 24);
  assert.equal((await call('hash/md5', { input: base64('abc') })).status, 400);
});
