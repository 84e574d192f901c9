// The short form of `npm run oracle`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparePolicies } from './compare-policies.ts';

const CASES = 2500;

test('policies mean to the compiler what they mean to the reference', () => {
  const { cases, allowed, withErrors, failure } = comparePolicies(1, (done) => done >= CASES);
  assert.equal(failure, null);
  assert.ok(cases >= CASES, `${cases} cases`);
  // A generator that only makes refusals or only sound policies would prove little.
  assert.ok(allowed > CASES / 20 && withErrors > CASES / 10, `${allowed} allowed, ${withErrors} with errors`);
});
