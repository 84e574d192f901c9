// Longs against BigInt, which is exact and slow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addLong,
  divideLong,
  type Long,
  longOf,
  MAX_LONG,
  MIN_LONG,
  moduloLong,
  multiplyLong,
  negateLong,
  subtractLong,
} from './numbers.ts';

const long = fc
  .oneof(
    fc.bigInt(MIN_LONG, MAX_LONG),
    fc.maxSafeInteger().map(BigInt),
    fc.integer().map(BigInt),
    fc.constantFrom(MIN_LONG, MAX_LONG, 0n, -1n, 2n ** 53n, -(2n ** 53n)),
  )
  .map((value) => longOf(value)!);

const isCanonical = (value: Long | null): boolean =>
  value === null ||
  (typeof value === 'number'
    ? Number.isSafeInteger(value) && !Object.is(value, -0)
    : !Number.isSafeInteger(Number(value)) || BigInt(Number(value)) !== value);

test('operations are exact, in canonical form, and null beyond 64 bits', () => {
  fc.assert(
    fc.property(long, long, (a, b) => {
      const [x, y] = [BigInt(a), BigInt(b)];
      const expected = [
        [addLong(a, b), longOf(x + y)],
        [subtractLong(a, b), longOf(x - y)],
        [multiplyLong(a, b), longOf(x * y)],
        [negateLong(a), longOf(-x)],
        [divideLong(a, 86_400_000), longOf(x / 86_400_000n)],
        [moduloLong(a, 86_400_000), longOf(((x % 86_400_000n) + 86_400_000n) % 86_400_000n)],
      ] as const;
      for (const [ours, exact] of expected) {
        assert.equal(ours, exact);
        assert.ok(isCanonical(ours), String(ours));
      }
    }),
    { numRuns: 5000, seed: 11 },
  );
});
