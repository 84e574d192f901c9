import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashPassword, parseHash, verifyPassword } from './argon2id.ts';
import { HasherBusyError, PasswordHasher } from './password-hasher.ts';

const cheap = { memoryKib: 64, passes: 1, lanes: 1 };

test('a hash is good for its password alone, and says how it was made', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 }), (password, other) => {
      const hash = hashPassword(password, cheap);
      assert.match(hash, /^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
      assert.equal(verifyPassword(password, hash), true);
      assert.equal(verifyPassword(other, hash), other.normalize('NFC') === password.normalize('NFC'));
      assert.notEqual(hashPassword(password, cheap), hash);
    }),
    { numRuns: 30 },
  );
});

test('hashes of others are read, and what is none is never good', () => {
  // Made with the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
  const known = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  assert.equal(verifyPassword('password', known), true);
  assert.equal(verifyPassword('differentpassword', known), false);
  for (const text of [
    '',
    'password',
    '$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    known.replace('m=65536', 'm=9999999'),
    known.replace('m=65536', 'm=1'),
    known.replace('t=2', 't=0'),
    known.replace('t=2', 't=99'),
    known.replace('p=1', 'p=0'),
  ]) {
    assert.equal(parseHash(text), null, text);
    assert.equal(verifyPassword('password', text), false, text);
  }
  fc.assert(fc.property(fc.string(), (text) => parseHash(text) === null || text.startsWith('$argon2id$')));
});

test('a few at once, a few waiting, the rest come again', async (t) => {
  const hasher = new PasswordHasher({ ...cheap, concurrency: 1, queue: 3 });
  t.after(() => hasher.close());
  const hash = await hasher.hash('the right password');
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => hasher.verify('the right password', hash)),
  );
  assert.deepEqual(
    results.map((result) =>
      result.status === 'fulfilled' ? result.value : result.reason instanceof HasherBusyError,
    ),
    Array(10).fill(true),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 4);
  // Without a hash it takes its time and is never right; too long a password is not hashed at all.
  assert.equal(await hasher.verify('nobody has this password', null), false);
  assert.equal(await hasher.verify('x'.repeat(257), hash), false);
  await hasher.close();
  await assert.rejects(hasher.verify('the right password', hash), HasherBusyError);
});
