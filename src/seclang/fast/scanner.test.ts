import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Operator } from '../contract.ts';
import { Scanner } from './scanner.ts';

const operator = (factors: readonly string[] | null, bytes: string | null): Operator => ({
  name: 'rx',
  match: () => false,
  factors,
  requiredBytes:
    bytes === null
      ? null
      : Uint8Array.from({ length: 256 }, (_, i) => (bytes.includes(String.fromCharCode(i)) ? 1 : 0)),
  isDynamic: false,
});

const letter = fc.constantFrom('a', 'b', 'c', '\x80', ' ', '(');
const word = fc.string({ unit: letter, minLength: 1, maxLength: 4 });

test('names exactly the operators whose literals or bytes occur', () => {
  const operators = fc.array(
    fc.oneof(
      fc.array(word, { minLength: 1, maxLength: 4 }).map((factors) => operator(factors, null)),
      word.map((bytes) => operator(null, bytes)),
    ),
    { maxLength: 70 },
  );
  const value = fc.string({ unit: fc.oneof(letter, fc.constantFrom('A', 'B', 'x')), maxLength: 40 });
  fc.assert(
    fc.property(operators, value, (all, text) => {
      const scanner = new Scanner(all);
      const bits = new Uint32Array(scanner.words * 2);
      scanner.scan(text, bits, scanner.words);
      all.forEach(({ factors, requiredBytes }, row) => {
        const expected =
          scanner.always.includes(row) ||
          (factors === null
            ? [...text].some((char) => requiredBytes![char.charCodeAt(0)] === 1)
            : factors.some((factor) => text.toLowerCase().includes(factor)));
        const isNamed =
          ((bits[scanner.words + (row >>> 5)]! >>> (row & 31)) & 1) === 1 || scanner.always.includes(row);
        assert.equal(isNamed, expected, `row ${row}`);
      });
      assert.ok(bits.subarray(0, scanner.words).every((w) => w === 0));
    }),
    { numRuns: 1000 },
  );
});

test('operators of which nothing is known are candidates always', () => {
  const scanner = new Scanner([operator(null, null), null, operator([], 'x'), operator(['a', ''], null)]);
  assert.deepEqual(scanner.always, [0, 1, 3]);
});
