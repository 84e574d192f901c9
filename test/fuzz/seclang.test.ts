// The short form of the SecLang fuzzer: a fixed seed and a new one, and that the generators reach something.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { newSeed, Random } from './random.ts';
import { checkTransformation, fuzzSeclang, randomValue } from './seclang-fuzz.ts';
import { references } from './transformation-reference.ts';

const CASES = 12_000;

describe('values', () => {
  for (const seed of [1, newSeed()])
    test(`seed ${seed}: nothing throws, fast and plain agree, promises hold`, () => {
      const result = fuzzSeclang(seed, (cases) => cases >= CASES);
      assert.equal(result.failure, null);
      assert.equal(result.cases, CASES);
      for (const part of [
        'compiled',
        'matched',
        'URLENCODED',
        'MULTIPART',
        'JSON',
        'XML',
        'urlDecodeUni',
        'cssDecode',
      ])
        assert.ok((result.effects[part] ?? 0) > 3, `${part}: ${result.effects[part]} effects`);
    });
});

describe('transformations against plain versions', () => {
  const anyValue = fc.oneof(
    fc.nat().map((seed) => randomValue(new Random(seed))),
    fc.array(fc.nat(255), { maxLength: 60 }).map((bytes) => String.fromCharCode(...bytes)),
  );
  for (const name of Object.keys(references))
    test(`property: ${name}`, () => {
      let effects = 0;
      fc.assert(
        fc.property(anyValue, (value) => {
          assert.equal(
            checkTransformation(name, value, () => effects++),
            null,
          );
        }),
        { numRuns: 400 },
      );
      assert.ok(effects > 0);
    });
});
