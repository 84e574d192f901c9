import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emitPattern } from './emit.ts';
import { modSecurityFlags, parsePattern } from './parse.ts';
import { startAtRuns } from './runs.ts';

const sources = [
  ...[
    '(\\d+)-(\\d+)',
    '[ab]*(c)|b+?d',
    '(?:[ab]+)c',
    '(a+b)a',
    'a++b',
    'a{2,}b|(a)c',
    '.*\\.b',
    '[^a]+a$',
    'ab',
  ],
  ...['(?:a|b)+c', 'a+', '(a*?)(b?)c'],
  ...['[ab]a+c', '[-a]b+[^b]', 'a[ab]+?(c)|d', '(a+)-\\1', 'a(b)*c', '[ab]{2}c', 'a[ab]*+c', '[ab][^c]*d'],
];

test('an expression tried only where runs begin finds the same first match', () => {
  for (const source of sources) {
    const parsed = parsePattern(source, modSecurityFlags);
    const written = new RegExp(emitPattern(parsed).flat);
    const rooted = new RegExp(emitPattern({ ...parsed, root: startAtRuns(parsed.root) }).flat);
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', '1', '-', '.'), maxLength: 24 }),
        (text) => {
          const [one, other] = [written.exec(text), rooted.exec(text)];
          assert.deepEqual(
            other === null ? null : [other.index, ...other],
            one === null ? null : [one.index, ...one],
          );
        },
      ),
      { numRuns: 300 },
    );
  }
});

test('only those that begin with an unbounded class, or a byte of one before it, are changed', () => {
  const isChanged = (source: string): boolean => {
    const { root } = parsePattern(source, modSecurityFlags);
    return startAtRuns(root) !== root;
  };
  assert.deepEqual(sources.map(isChanged), [
    ...[true, true, true, true, true, true, true, true, false],
    ...[false, true, true],
    ...[true, false, true, false, false, false, false, true],
  ]);
});
