import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Diagnostics } from '../../core/index.ts';
import { compileProfile, compileRuleSet, parseRuleFiles } from '../index.ts';

const noFiles = { readData: () => null, expandInclude: () => [] };

function mistakesOf(text: string): string[] {
  const diagnostics = new Diagnostics();
  const ast = parseRuleFiles([{ file: 'a.conf', text }], noFiles, diagnostics);
  compileRuleSet(ast, noFiles, diagnostics);
  return diagnostics.all.map((d) => `${d.severity} ${d.line}:${d.column} ${d.id}`);
}

describe('compiling rules', () => {
  const mistakes: [string, string][] = [
    ['SecRule ARGS x "pass"', 'error 1:1 seclang-missing-id'],
    ['SecAction "id:1,pass"\nSecAction "id:1,pass"', 'error 2:1 seclang-duplicate-id'],
    ['SecAction "id:1,pass,chain"', 'error 1:1 seclang-chain'],
    ['SecAction "id:1,pass,chain"\nSecMarker x', 'error 1:1 seclang-chain'],
    ['SecAction "id:1,pass,chain"\nSecRule ARGS x "deny"', 'warning 2:17 seclang-chain'],
    ['SecRule ARGS "@rxx a" "id:1,pass"', 'error 1:15 seclang-operator'],
    ['SecRule ARGS "@rx (a" "id:1,pass"', 'error 1:15 seclang-operator'],
    ['SecRule ARGS "@pmFromFile none" "id:1,pass"', 'error 1:15 seclang-operator'],
    ['SecRule ARGS x "id:1,pass,t:lowercas"', 'error 1:27 seclang-unknown-transformation'],
    ['SecRule ARGS:/(/ x "id:1,pass"', 'error 1:9 seclang-target'],
    ['SecRule XML:/a[1] x "id:1,pass"', 'error 1:9 seclang-target'],
    ['SecAction "id:1,pass,skipAfter:none"', 'warning 1:22 seclang-no-such-rule'],
    ['SecRuleRemoveById 7', 'warning 1:1 seclang-no-such-rule'],
    ['SecAction "id:1,pass,setvar:tx.a=%{argz.b}"', 'warning 1:22 seclang-unknown-variable'],
  ];
  for (const [text, expected] of mistakes) {
    test(`finds what is wrong with ${text.replaceAll('\n', ' ↵ ')}`, () =>
      assert.deepEqual(mistakesOf(text), [expected]));
  }

  test('goes on behind a mistake', () => {
    assert.equal(
      mistakesOf('SecRule ARGS "@rxx" "id:1"\nSecRule ARGS x\nSecRule ARGS x "id:3,t:x"').length,
      3,
    );
  });

  test('profiles of one rule set share what they can', () => {
    const text = 'SecRule ARGS "@within %{tx.list}" "id:1,phase:2,pass"';
    const diagnostics = new Diagnostics();
    const ruleSet = compileRuleSet(
      parseRuleFiles([{ file: 'a', text }], noFiles, diagnostics),
      noFiles,
      diagnostics,
    );
    const variables = [{ name: 'list', value: 'a b' }];
    const operatorOf = (profile: ReturnType<typeof compileProfile>) =>
      profile.plan!.rules[0]!.links[0]!.operator;
    const [one, two] = [
      compileProfile(ruleSet, { variables }),
      compileProfile(ruleSet, { variables, mode: 'off' }),
    ];
    assert.equal(operatorOf(one), operatorOf(two));
    assert.notEqual(operatorOf(one), operatorOf(compileProfile(ruleSet)));
  });

  test('a target that a profile leaves out is checked, too', () => {
    const diagnostics = new Diagnostics();
    const ruleSet = compileRuleSet(parseRuleFiles([], noFiles, diagnostics), noFiles, diagnostics);
    compileProfile(ruleSet, { removeTargets: [{ target: 'ARGZ:x', ruleId: null, tag: null }] }, diagnostics);
    assert.deepEqual(
      diagnostics.all.map((d) => d.id),
      ['seclang-unknown-variable'],
    );
  });
});
