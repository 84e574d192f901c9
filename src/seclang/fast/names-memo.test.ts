import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NamesMemo } from './names-memo.ts';

test('a list is remembered when it came twice', () => {
  const memo = new NamesMemo();
  memo.add(['host', 'accept'], [1]);
  assert.equal(memo.find(['host', 'accept']), null);
  memo.add(['host', 'accept'], [1]);
  assert.deepEqual(memo.find(['host', 'accept']), [1]);
  assert.equal(memo.find(['accept', 'host']), null);
  assert.equal(memo.find(['host']), null);
});

test('lists and names that are long are not kept', () => {
  const memo = new NamesMemo();
  for (const names of [Array.from({ length: 49 }, () => 'a'), ['a'.repeat(65)]]) {
    for (let i = 0; i < 3; i++) memo.add(names, [1]);
    assert.equal(memo.find(names), null);
  }
});

test('never answers for another list', () => {
  const list = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\xe9'), maxLength: 3 }), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(fc.array(list, { maxLength: 80 }), (lists) => {
      const memo = new NamesMemo();
      const ids = new Map<string, number>();
      const idOf = (names: readonly string[]): number => {
        const key = JSON.stringify(names);
        if (!ids.has(key)) ids.set(key, ids.size);
        return ids.get(key)!;
      };
      for (const names of [...lists, ...lists, ...lists]) {
        const found = memo.find(names);
        if (found === null) memo.add(names, [idOf(names)]);
        else assert.deepEqual(found, [idOf(names)]);
      }
    }),
  );
});
