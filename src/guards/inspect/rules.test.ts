// What a reload compiles anew, and what it keeps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InspectConfig, RuleSetConfig } from './contract.ts';
import { InspectionRules } from './rules.ts';

const config: InspectConfig = {
  ruleSet: 0,
  mode: 'block',
  variables: [],
  exclusions: [],
  maxTimeMs: 1000,
  requestBody: { limitBytes: 1000, beyond: 'refuse', compressed: 'refuse' },
  response: null,
};

const rule = 'SecRule ARGS:a "@pmFromFile words.data" "id:1,phase:2,deny,log"';

const set = (changes: Partial<RuleSetConfig> = {}): RuleSetConfig => ({
  names: ['own'],
  sources: [{ file: '/own.conf', text: rule }],
  data: { '/own.conf\nwords.data': 'word\n' },
  includes: {},
  ruleIds: [1],
  ...changes,
});

test('rules that did not change are not compiled again, however they came', () => {
  const first = new InspectionRules([set()]);
  const { ruleSet } = first.profile(config);
  const second = new InspectionRules([structuredClone(set())], first);
  assert.equal(second.profile(config).ruleSet, ruleSet);
  assert.equal(second.profile(config), first.profile(config));
  assert.equal(second.profile({ ...config, mode: 'detect' }).ruleSet, ruleSet);
});

test('any change of a text, a data file or an included file compiles anew', () => {
  const first = new InspectionRules([set()]);
  const { ruleSet } = first.profile(config);
  const changes: readonly Partial<RuleSetConfig>[] = [
    { sources: [{ file: '/own.conf', text: `${rule}\n` }] },
    { sources: [{ file: '/own2.conf', text: rule }], data: { '/own2.conf\nwords.data': 'word\n' } },
    { data: { '/own.conf\nwords.data': 'other\n' } },
    { data: { '/own.conf\nwords.data': 'word\n', more: null } },
    { includes: { a: [{ file: 'a', text: '' }] } },
  ];
  for (const change of changes) {
    assert.notEqual(new InspectionRules([set(change)], first).profile(config).ruleSet, ruleSet);
  }
});

test('operations that ask for the same share a profile; what came before is let go once all is compiled', () => {
  const first = new InspectionRules([set()]);
  const rules = new InspectionRules([set()], first);
  assert.equal(rules.profile(config), rules.profile({ ...config }));
  assert.notEqual(rules.profile(config), rules.profile({ ...config, mode: 'detect' }));
  const settled = new InspectionRules([set()], first);
  settled.settle();
  assert.notEqual(settled.profile(config).ruleSet, first.profile(config).ruleSet);
});
