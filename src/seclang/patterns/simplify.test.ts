// A simplified expression finds the same first match, with the same groups, as the one that was written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type EmittedPattern, emitPattern } from './emit.ts';
import { parsePattern } from './parse.ts';
import { simplify } from './simplify.ts';

const run = fc.constantFrom(
  '\\s*',
  '\\s+',
  '\\s*?',
  '\\s?',
  '[\\sx]*',
  '[\\sx]+',
  ' *',
  ' {2,}',
  'x*',
  '[^y]*',
);
const piece = fc.oneof(
  { weight: 3, arbitrary: run },
  fc.constantFrom('x', 'y', ' ', '\\b', '^', '$', '(?=x)', '(?!\\s)'),
);
const source = fc.letrec<{ sequence: string; item: string }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 2 },
    piece,
    fc
      .tuple(
        fc.constantFrom('(?:', '(', '(?>'),
        fc.array(tie('sequence'), { minLength: 1, maxLength: 2 }),
        fc.constantFrom('', '*', '+', '?', '*?'),
      )
      .map(([open, options, quantifier]) => `${open}${options.join('|')})${quantifier}`),
  ),
  sequence: fc.array(tie('item'), { minLength: 1, maxLength: 3 }).map((items) => items.join('')),
})).sequence;
const value = fc
  .array(fc.constantFrom(' ', ' ', 'x', 'y', '\n'), { maxLength: 5 })
  .map((letters) => letters.join(''));

/** By PCRE's numbers: an atomic group that is not needed any more takes a number of JavaScript's with it. */
function groupsOf({ full, groups }: EmittedPattern, text: string): (string | undefined)[] | null {
  const match = new RegExp(full).exec(text);
  return match === null ? null : groups.map((index) => match[index]);
}

test('property: the same first match and groups', () => {
  let simplified = 0;
  fc.assert(
    fc.property(source, value, (written, text) => {
      const parsed = parsePattern(written);
      const plain = emitPattern(parsed);
      const simple = emitPattern({ ...parsed, root: simplify(parsed.root) });
      if (simple.flat.length < plain.flat.length) simplified++;
      assert.deepEqual(groupsOf(simple, text), groupsOf(plain, text));
    }),
    { numRuns: 2500 },
  );
  assert.ok(simplified > 30, `${simplified} simplified`);
});

test('what is left out, and what is not', () => {
  const after = (written: string): string =>
    emitPattern({ ...parsePattern(written), root: simplify(parsePattern(written).root) }).flat;
  assert.equal(after(' *(?:x *|y +)* *z'), ' *(?:x *|y +)*z');
  assert.equal(after('[ x]+ *?z'), '[ x]+z');
  assert.equal(after(' *[ x]*z'), ' *[ x]*z');
  assert.equal(after(' *\\b *z'), ' *\\b *z');
  assert.equal(after('( *) *z'), '( *) *z');
  assert.equal(after(' *? *z'), ' *? *z');
});
