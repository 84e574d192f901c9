import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BareItem, type Member, parseDictionary, writeMember } from './index.ts';

const key = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,8}$/);
const bare: fc.Arbitrary<BareItem> = fc.oneof(
  fc.record({
    kind: fc.constant('integer' as const),
    value: fc.integer({ min: -999_999_999, max: 999_999_999 }),
  }),
  fc.record({
    kind: fc.constant('decimal' as const),
    value: fc.integer({ min: -1_000_000, max: 1_000_000 }).map((n) => n / 1000),
  }),
  fc.record({ kind: fc.constant('string' as const), value: fc.stringMatching(/^[\x20-\x7e]{0,12}$/) }),
  fc.record({
    kind: fc.constant('token' as const),
    value: fc.stringMatching(/^[A-Za-z*][A-Za-z0-9:/!#]{0,8}$/),
  }),
  fc.record({
    kind: fc.constant('bytes' as const),
    value: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({ kind: fc.constant('boolean' as const), value: fc.boolean() }),
);
const parameters = fc.array(fc.tuple(key, bare), { maxLength: 3 }).map((list) => new Map(list));
const item = fc.record({ kind: fc.constant('item' as const), value: bare, parameters });
const member: fc.Arbitrary<Member> = fc.oneof(
  item,
  fc.record({ kind: fc.constant('list' as const), items: fc.array(item, { maxLength: 4 }), parameters }),
);

test('what is written is read as it was', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(key, member), { selector: ([name]) => name, maxLength: 4 }),
      (entries) => {
        const text = entries.map(([name, value]) => `${name}=${writeMember(value)}`).join(', ');
        const read = parseDictionary(text);
        assert.ok(read !== null, text);
        assert.deepEqual([...read].map(([name, value]) => `${name}=${writeMember(value)}`).join(', '), text);
        assert.deepEqual(
          [...read.keys()],
          entries.map(([name]) => name),
        );
      },
    ),
  );
});

test('no text makes it throw', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~\t]{0,40}$/), (text) => {
      parseDictionary(text);
    }),
    { numRuns: 2000 },
  );
});

test('what is not well formed is refused', () => {
  for (const text of [
    'a=1,',
    'a=1,,b=2',
    'A=1',
    'a=',
    'a=(1',
    'a=(1 2',
    'a="x',
    'a=:x',
    'a=:x===:',
    'a=1.',
    'a=1.2345',
  ])
    assert.equal(parseDictionary(text), null, text);
  for (const text of ['a=1, a=2', 'a=?2', 'a=1 b=2', 'a=("x""y")', 'a="\u00e9"', `a="${'x'.repeat(20_000)}"`])
    assert.equal(parseDictionary(text), null, text);
  assert.equal(parseDictionary('')!.size, 0);
  assert.equal(writeMember(parseDictionary('a=( "x"  "y" );b;c=?1;d=?0')!.get('a')!), '("x" "y");b;c;d=?0');
});
