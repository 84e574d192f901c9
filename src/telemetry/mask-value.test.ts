// Matched values in the log: attacks show, secrets do not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { maskMatchedValue } from './mask-value.ts';

const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJpbmdyaWQifQ.c2lnbmF0dXJlc2lnbmF0dXJl';

test('values of variables with a secret name never show', () => {
  const names = [
    'ARGS:password',
    'ARGS:json.user.Passwd',
    'REQUEST_HEADERS:authorization',
    'REQUEST_COOKIES:session_id',
    'ARGS:client_secret',
    'ARGS:apiKey',
    'ARGS:card_number',
    'ARGS:pin',
  ];
  for (const name of names) assert.equal(maskMatchedValue(name, "' or 1=1", 'mask'), '***', name);
});

test('secrets within a value do not show, the attack around them does', () => {
  const cases: readonly (readonly [string, string])[] = [
    [`<script>${jwt}</script>`, '<script>***</script>'],
    ['1 union select Bearer abcdefgh12345', '1 union select ***'],
    ['card 4111 1111 1111 1111 or 1=1', 'card *** or 1=1'],
    [`x' or '${'A1b2'.repeat(10)}'`, "x' or '***'"],
    ["' OR '1'='1", "' OR '1'='1"],
    ['/etc/passwd', '/etc/passwd'],
  ];
  for (const [value, shown] of cases) assert.equal(maskMatchedValue('ARGS:q', value, 'mask'), shown);
});

test('a secret whose end is beyond the cut does not show either', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), (before) => {
      const value = `${'- '.repeat(before)}${jwt}`;
      assert.ok(!maskMatchedValue('ARGS:q', value, 'mask').includes('eyJhbGci'));
    }),
  );
});

test('whatever the value, what is written is short', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 5000 }), fc.constantFrom('mask', 'keep', 'none'), (value, policy) => {
      assert.ok(maskMatchedValue('ARGS:q', value, policy).length <= 129);
    }),
  );
});
