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

const isNamed = (bits: Uint32Array, at: number, row: number): boolean =>
  ((bits[at + (row >>> 5)]! >>> (row & 31)) & 1) === 1;

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
  const value = fc.string({ unit: fc.oneof(letter, fc.constantFrom('A', 'B', 'x')), maxLength: 90 });
  fc.assert(
    fc.property(operators, value, (all, text) => {
      const scanner = new Scanner(all, []);
      const bits = new Uint32Array(scanner.words * 2).fill(5, scanner.words);
      scanner.scan(text, bits, scanner.words);
      all.forEach(({ factors, requiredBytes }, row) => {
        const expected =
          factors === null
            ? [...text].some(
                (char) =>
                  requiredBytes![char.toLowerCase().charCodeAt(0)] === 1 ||
                  requiredBytes![char.toUpperCase().charCodeAt(0)] === 1,
              )
            : factors.some((factor) => text.toLowerCase().includes(factor));
        assert.equal(isNamed(bits, scanner.words, row), expected, `row ${row}`);
      });
      assert.ok(bits.subarray(0, scanner.words).every((w) => w === 0));
    }),
    { numRuns: 1000 },
  );
});

test('operators of which nothing is known are candidates always', () => {
  const scanner = new Scanner([operator(null, null), null, operator([], 'x'), operator(['a', ''], null)], []);
  const bits = new Uint32Array(1);
  scanner.scan('', bits, 0);
  assert.deepEqual(
    [0, 1, 2, 3].map((row) => isNamed(bits, 0, row)),
    [true, true, false, true],
  );
});

test('of long literals a part is looked for', () => {
  const scanner = new Scanner([operator(['information_schema', 'sys.user_objects'], null)], []);
  const bits = new Uint32Array(1);
  const names = (text: string): boolean => {
    scanner.scan(text, bits, 0);
    return isNamed(bits, 0, 0);
  };
  assert.ok(names('from INFORMATION_SCHEMA.tables'));
  assert.ok(names('sys.user_objects'));
  assert.ok(!names('an information of the user'));
});
