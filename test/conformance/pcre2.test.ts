// Expressions against the real PCRE2: what our JavaScript forms match, and which groups they give, is what PCRE says.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { minLength } from '../../src/seclang/patterns/analyse.ts';
import { compilePattern } from '../../src/seclang/patterns/index.ts';
import { parsePattern } from '../../src/seclang/patterns/parse.ts';
import type { PatternNode } from '../../src/seclang/patterns/syntax.ts';
import { PcreSource, randomSubject } from '../fuzz/pcre-source.ts';
import { newSeed, Random } from '../fuzz/random.ts';
import { crsExpressions, crsSkip, crsValues } from '../support/crs.ts';
import { type PcreCase, pcreSkip, printed, runPcre2 } from '../support/pcre2.ts';

/** What we refuse although PCRE takes it, and say so in docs/design/seclang-values.md. */
const refusals =
  /not supported|lookbehind|may have no value|too large|needs Unicode|no meaning|nothing to repeat/;

/** What of a match can be compared, from the least to the most. */
type Comparable = 'nothing' | 'match' | 'text' | 'groups';

/**
 * The two languages differ in rounds of a repeat: JavaScript takes no round that matches nothing, so it may end
 * elsewhere, and forgets groups of earlier rounds. Both can not change whether there is a match, unless an atomic group
 * holds on to what was found.
 */
function comparable(source: string): Comparable {
  let hasEmptyRounds = false;
  let hasGroupsInRounds = false;
  let isAtomic = false;
  const visit = (node: PatternNode, isRepeated: boolean): void => {
    if (node.kind === 'sequence') for (const item of node.items) visit(item, isRepeated);
    else if (node.kind === 'choice') for (const option of node.options) visit(option, isRepeated);
    else if (node.kind === 'repeat') {
      if (minLength(node.item) === 0) hasEmptyRounds = true;
      visit(node.item, true);
    } else if (node.kind === 'capture' || node.kind === 'atomic' || node.kind === 'look') {
      if (node.kind === 'capture' && isRepeated) hasGroupsInRounds = true;
      if (node.kind === 'atomic' || node.kind === 'look') isAtomic = true;
      visit(node.item, isRepeated);
    } else if (node.kind === 'back-reference') isAtomic = true;
  };
  visit(parsePattern(source).root, false);
  if (hasEmptyRounds) return isAtomic ? 'nothing' : 'match';
  return hasGroupsInRounds ? 'text' : 'groups';
}

interface Tally {
  compared: number;
  matches: number;
  refused: number;
}

function compare(cases: readonly PcreCase[]): Tally {
  const tally = { compared: 0, matches: 0, refused: 0 };
  const results = runPcre2(cases);
  results.forEach((result, i) => {
    const { pattern, subjects } = cases[i]!;
    const ours = compilePattern(pattern);
    if (result.kind === 'refused' || ours.kind === 'error') {
      tally.refused++;
      if (ours.kind === 'error' && result.kind === 'ok')
        assert.match(ours.message, refusals, `refused although PCRE takes it: ${JSON.stringify(pattern)}`);
      return;
    }
    const extent = comparable(pattern);
    if (extent === 'nothing') return;
    result.answers.forEach((answer, k) => {
      if (answer.kind === 'gave-up') return;
      const subject = subjects[k]!;
      const captures: string[] = [];
      const isMatch = ours.pattern.exec(subject, captures);
      const what = `${JSON.stringify(pattern)} on ${JSON.stringify(subject)}\n  as ${ours.pattern.fullSource}`;
      assert.equal(isMatch, answer.kind === 'match', what);
      assert.equal(ours.pattern.test(subject), isMatch, what);
      tally.compared++;
      if (answer.kind !== 'match') return;
      tally.matches++;
      const { factors, requiredBytes, minLength } = ours.pattern.requirements;
      const lowered = subject.replace(/[A-Z]/g, (one) => one.toLowerCase());
      assert.ok(factors === null || factors.some((factor) => lowered.includes(factor)), `factors: ${what}`);
      assert.ok(
        requiredBytes === null || [...subject].some((one) => requiredBytes[one.charCodeAt(0)] === 1),
        `bytes: ${what}`,
      );
      const all = answer.groups;
      assert.ok(subject.length >= minLength, `length: ${what}`);
      if (extent === 'match') return;
      assert.equal(printed(captures[0]!), all[0], what);
      if (extent === 'groups')
        for (let g = 1; g < captures.length; g++)
          assert.equal(printed(captures[g]!), all[g] ?? '', `${g}: ${what}`);
    });
  });
  return tally;
}

describe('expressions against PCRE2', { skip: pcreSkip }, () => {
  // [pattern, subjects]: where PCRE and JavaScript would differ, were the source handed over as it is.
  const table: readonly PcreCase[] = [
    { pattern: '\\s', subjects: ['\v', '\xa0', '\x85', '\u0020'] },
    { pattern: '(?i)\\xe9', subjects: ['\xe9', '\xc9'] },
    { pattern: '(?i)[\\xe0-\\xff]', subjects: ['\xc9', '\xe9', '\xd7', '\xff'] },
    { pattern: '(?i)\\xb5|\\xff|k|s', subjects: ['\xb5', '\xff', 'K', 'S'] },
    { pattern: '(?i)zyxwvutsrqponmlkjihgfedcba', subjects: ['ZYXWVUTSRQPONMLKJIHGFEDCBA'] },
    { pattern: '(?i)[@-Z]\\[', subjects: ['z[', 'Z[', '`[', '@[', '[[', '{{'] },
    { pattern: '(?i)[^a]', subjects: ['a', 'A', 'b'] },
    { pattern: '(?-s).', subjects: ['\n', '\r', '\x85'] },
    { pattern: '^b$', subjects: ['a\nb', 'a\rb', 'b\n', '\nb', 'b\nc'] },
    { pattern: '^', subjects: ['', '\n', 'a\n'] },
    { pattern: '(?<=\\n)^$', subjects: ['\n', 'a\n', 'a\n\n'] },
    { pattern: '(?-m)a$', subjects: ['a', 'a\n', 'a\n\n', 'a\r\n'] },
    { pattern: 'a\\Z', subjects: ['a', 'a\n', 'a\nb'] },
    { pattern: 'a\\z', subjects: ['a', 'a\n'] },
    { pattern: '\\Aa', subjects: ['a', '\na'] },
    { pattern: '\\h\\H\\v\\V', subjects: ['\xa0x\x85x', ' x\nx', '\t\t\n\n'] },
    { pattern: 'a\\Rb', subjects: ['a\r\nb', 'a\nb', 'a\rb', 'a\x85b', 'a\n\nb'] },
    { pattern: '\\N+', subjects: ['\n', '\r'] },
    { pattern: '(?>a+)ab', subjects: ['aaab'] },
    { pattern: 'a++b|a++a', subjects: ['aab', 'aa'] },
    { pattern: '(a)(?>(b)|c)(d)\\3', subjects: ['abdd', 'acdd'] },
    { pattern: '(?<x>a)(?P<y>b)(?P=x)\\k<y>\\k{x}\\g{y}', subjects: ['ababab', 'abab'] },
    { pattern: '(?i)(a)\\1', subjects: ['aA', 'Aa', 'ab'] },
    { pattern: '\\Qa.b*\\E+', subjects: ['a.b***', 'a.b'] },
    { pattern: '[\\Q^]\\E]', subjects: ['^', ']', '\\'] },
    { pattern: '[]a]|[^]b]', subjects: [']', 'a', 'b', 'c'] },
    { pattern: '[[:alpha:][:^digit:]]', subjects: ['a', '1', '\xe9'] },
    { pattern: '(?i)[[:upper:]]', subjects: ['a', 'A', '1'] },
    { pattern: '\\x{41}\\x4\\x\\101\\0\\o{101}\\cA\\e', subjects: ['A\x04\0A\0A\x01\x1b'] },
    { pattern: '(?x) a b # c\n d [ ] \\  e', subjects: ['abd  e', 'a b d'] },
    { pattern: '(?xx)[a b]', subjects: [' ', 'b'] },
    { pattern: 'a{,3}b{x}c{2}', subjects: ['a{,3}b{x}cc', 'aab'] },
    { pattern: '(?U)a+(?-U)b+', subjects: ['aabb'] },
    { pattern: '(?i:a)b(?-i:c)', subjects: ['Abc', 'aBc', 'abC'] },
    { pattern: 'a(?i)b|c', subjects: ['aB', 'C', 'A'] },
    { pattern: '(?#comment)a', subjects: ['a'] },
    { pattern: '(?n)(a)(?<n>b)', subjects: ['ab'] },
    { pattern: '(?<!a)b(?!c)', subjects: ['ab', 'bc', 'xb', 'b'] },
    { pattern: '[a-\\x63-e]', subjects: ['b', '-', 'd', 'e'] },
    { pattern: '\\C\\/\\-\\_\\"', subjects: ['\xff/-_"'] },
    { pattern: '(a|ab)(c|bcd)(d*)', subjects: ['abcd'] },
    { pattern: '(?:a|b)*?c', subjects: ['ababc'] },
    { pattern: '\\b\\w+\\b', subjects: ['\xe9a\xe9', '_'] },
    { pattern: '(?=(a+))a*b\\1', subjects: ['baaabac'] },
    { pattern: '[^]]+?(?:b^){2}|\\b', subjects: ['1B', 'b\nb'] },
    { pattern: '(?:\\s*(?:x\\s*|y\\s+)*\\s*|a)*z', subjects: ['  x  y  z', 'a x'] },
    { pattern: '\\s*\\b\\s*a|\\s*(\\s*)b', subjects: [' a', 'x a', '  b'] },
    { pattern: '\\12\\81', subjects: ['\n'] },
  ];
  test('where the two languages differ', () => {
    const tally = compare(table);
    assert.equal(tally.refused, 1);
    assert.equal(
      tally.compared,
      table.slice(0, -1).reduce((sum, { subjects }) => sum + subjects.length, 0),
    );
  });

  for (const seed of [1, newSeed()])
    test(`random expressions, seed ${seed}`, () => {
      const random = new Random(seed);
      const maker = new PcreSource(random);
      const cases: PcreCase[] = Array.from({ length: 2500 }, () => ({
        pattern: maker.source(),
        subjects: Array.from({ length: 8 }, () => randomSubject(random)),
      }));
      const tally = compare(cases);
      assert.ok(tally.compared > 10_000, `${tally.compared} compared`);
      assert.ok(tally.matches > 2_500, `${tally.matches} matched`);
    });
});

describe('expressions of the CRS', { skip: crsSkip }, () => {
  const expressions = crsSkip === false ? crsExpressions() : [];
  const VALUES_PER_EXPRESSION = 60;

  /** Values of the rule's own file, some of them cut or joined. */
  function valuesFor(file: string, random: Random): string[] {
    const known = crsValues(file);
    if (known.length === 0) return [];
    return Array.from({ length: VALUES_PER_EXPRESSION }, () => {
      const value = random.pick(known);
      if (random.chance(0.6)) return value;
      const [from = 0, to = value.length] = random.cuts(value.length, 2);
      return value.slice(from, to) + (random.chance(0.3) ? `\n${random.pick(known)}` : '');
    });
  }

  test('all compile', () => {
    const refused = expressions.filter(({ source }) => compilePattern(source).kind === 'error');
    assert.deepEqual(refused, []);
    assert.ok(expressions.length > 250, `${expressions.length} expressions`);
  });

  test('match what PCRE2 matches', { skip: pcreSkip }, () => {
    const random = new Random(newSeed());
    const cases = expressions.map(({ source, file }) => ({
      pattern: source,
      subjects: valuesFor(file, random),
    }));
    const tally = compare(cases);
    assert.equal(tally.refused, 0);
    assert.ok(tally.compared > 10_000, `${tally.compared} compared`);
    assert.ok(tally.matches > 1_000, `${tally.matches} matched`);
  });

  test('whatever matches holds a factor and a required byte', () => {
    let matches = 0;
    const values = new Map<string, readonly string[]>();
    for (const { source, file } of expressions) {
      const compiled = compilePattern(source);
      if (compiled.kind === 'error') continue;
      const { pattern } = compiled;
      const { factors, requiredBytes, minLength: least } = pattern.requirements;
      if (!values.has(file)) values.set(file, crsValues(file));
      for (const value of values.get(file)!) {
        if (!pattern.test(value)) continue;
        matches++;
        const lowered = value.replace(/[A-Z]/g, (one) => one.toLowerCase());
        const what = `${source} on ${JSON.stringify(value)}`;
        assert.ok(factors === null || factors.some((factor) => lowered.includes(factor)), what);
        assert.ok(
          requiredBytes === null || [...value].some((one) => requiredBytes[one.charCodeAt(0)] === 1),
          what,
        );
        assert.ok(value.length >= least, what);
      }
    }
    assert.ok(matches > 5_000, `${matches} matches`);
  });
});
