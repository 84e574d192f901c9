import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VerdictMemo } from './verdict-memo.ts';

/** What a source does. */
function add(memo: VerdictMemo, value: string, verdict: readonly number[]): void {
  if (memo.find(value) === null) memo.add(value, verdict);
}

test('a value is remembered when it came twice', () => {
  const memo = new VerdictMemo();
  add(memo, 'a', [1]);
  assert.equal(memo.find('a'), null);
  add(memo, 'a', [1]);
  assert.deepEqual(memo.find('a'), [1]);
});

test('what is asked for stays, what is not goes, long values are not kept', () => {
  const memo = new VerdictMemo();
  const keep = (value: string): void => {
    add(memo, value, [value.length]);
    add(memo, value, [value.length]);
  };
  keep('wanted');
  keep('unwanted');
  keep('x'.repeat(257));
  assert.equal(memo.find('x'.repeat(257)), null);
  for (let i = 0; i < 5000; i++) {
    keep(`other ${i}`);
    assert.deepEqual(memo.find('wanted'), [6]);
  }
  assert.equal(memo.find('unwanted'), null);
});

test('never answers for another value', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary-ascii', maxLength: 300 }), { maxLength: 60 }),
      (values) => {
        const memo = new VerdictMemo();
        for (const value of [...values, ...values]) add(memo, value, [value.length, value.charCodeAt(0)]);
        for (const value of values) {
          const found = memo.find(value);
          if (found !== null) assert.deepEqual(found, [value.length, value.charCodeAt(0)]);
        }
      },
    ),
  );
});
