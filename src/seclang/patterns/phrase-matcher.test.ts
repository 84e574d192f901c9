// The automaton against looking for each phrase.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PhraseMatcher } from './index.ts';

const letter = fc.constantFrom(...'abAB1\xe9\xc9\0');
const text = fc.array(letter, { maxLength: 40 }).map((letters) => letters.join(''));
const phrase = fc.array(letter, { minLength: 1, maxLength: 5 }).map((letters) => letters.join(''));
const lower = (value: string): string => value.replace(/[A-Z]/g, (one) => one.toLowerCase());

test('property: finds exactly the phrases that are there', () => {
  fc.assert(
    fc.property(fc.array(phrase, { minLength: 1, maxLength: 40 }), text, (phrases, value) => {
      const matcher = new PhraseMatcher(phrases);
      const present = phrases.map((one) => lower(value).includes(lower(one)));
      assert.equal(matcher.test(value), present.includes(true));
      const found = matcher.find(value);
      if (!present.includes(true)) assert.equal(found, -1);
      else {
        const end = (one: string): number => lower(value).indexOf(lower(one)) + one.length;
        const firstEnd = Math.min(...phrases.filter((_, id) => present[id]).map(end));
        const longest = Math.max(
          ...phrases.filter((one, id) => present[id] && end(one) === firstEnd).map((one) => one.length),
        );
        assert.equal(end(phrases[found]!), firstEnd);
        assert.equal(phrases[found]!.length, longest);
      }
    }),
    { numRuns: 2000 },
  );
});

test('every byte may be in a phrase', () => {
  const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  const matcher = new PhraseMatcher([all.join('')]);
  assert.equal(matcher.test(`x${all.join('')}`), true);
  assert.equal(matcher.test(all.slice(1).join('')), false);
  const singles = new PhraseMatcher(all);
  assert.equal(singles.find('A'), 65);
});

test('no phrase matches nothing, an empty one neither', () => {
  assert.equal(new PhraseMatcher([]).test('abc'), false);
  assert.equal(new PhraseMatcher(['']).test('abc'), false);
});
