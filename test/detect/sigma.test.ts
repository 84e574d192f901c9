// Sigma rules against records: fields, modifiers, conditions, correlations, and what is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSigma, SigmaError, SigmaMatcher } from '../../src/detect/index.ts';
import { pattern } from '../../src/detect/sigma/rule.ts';
import type { ExchangeRecord } from '../../src/telemetry/index.ts';

const recordOf = (more: Partial<ExchangeRecord> = {}, atMs = 0): ExchangeRecord => ({
  time: new Date(Date.UTC(2026, 0, 5) + atMs).toISOString(),
  id: '0'.repeat(32),
  listener: 'public',
  client_address: '192.0.2.7',
  method: 'GET',
  host: 'api.example.com',
  path: '/.git/config',
  decision: 'refused',
  status: 404,
  request_bytes: 10,
  response_bytes: 20,
  duration_us: 1000,
  user_agent: 'curl/8.9',
  ...more,
});

const ruleOf = (detection: string, more = ''): string => `title: A rule
id: rule-1
level: high
logsource: { category: webserver }
${more}
detection:
${detection.replace(/^/gm, '  ')}
`;

const matches = (detection: string, record: ExchangeRecord): boolean =>
  parseSigma(ruleOf(detection)).rules[0]!.matches(record);

const cases: readonly (readonly [string, Partial<ExchangeRecord>, boolean])[] = [
  ["s: { cs-uri-stem|contains: '/.git/' }\ncondition: s", {}, true],
  ["s: { cs-uri-stem|contains: '/.GIT/' }\ncondition: s", {}, true],
  ["s: { cs-uri-stem|contains|cased: '/.GIT/' }\ncondition: s", {}, false],
  ["s: { cs-uri-stem|endswith: [ '.env', '/config' ] }\ncondition: s", {}, true],
  ["s: { cs-uri-stem|startswith: '/admin' }\ncondition: s", {}, false],
  ['s: { sc-status: [ 403, 404 ] }\ncondition: s', {}, true],
  ['s: { sc-status|gte: 500 }\ncondition: s', {}, false],
  ['s: { c-ip|cidr: 192.0.2.0/24 }\ncondition: s', {}, true],
  ['s: { c-ip|cidr: 198.51.100.0/24 }\ncondition: s', {}, false],
  ["s: { c-useragent|re: '^curl/[0-9.]+$' }\ncondition: s", {}, true],
  ['s: { cs-username|exists: true }\ncondition: s', {}, false],
  ['s: { cs-username: null }\ncondition: s', {}, true],
  ['s: { cs-uri|contains|all: [ git, config ] }\ncondition: s', {}, true],
  ['s: { cs-uri|contains|all: [ git, admin ] }\ncondition: s', {}, false],
  ['a: { cs-method: GET }\nb: { sc-status: 200 }\ncondition: a and not b', {}, true],
  ['a: { cs-method: POST }\nb: { sc-status: 404 }\ncondition: a or b', {}, true],
  ['sel_a: { cs-method: POST }\nsel_b: { sc-status: 404 }\ncondition: 1 of sel_*', {}, true],
  ['sel_a: { cs-method: POST }\nsel_b: { sc-status: 404 }\ncondition: all of them', {}, false],
  ["k: [ wp-login, '.git' ]\ncondition: k", {}, true],
  ['s:\n  - { cs-method: POST }\n  - { sc-status: 404 }\ncondition: s', {}, true],
  ['a: { cs-method: GET }\nb: { sc-status: 1 }\nc: { sc-status: 404 }\ncondition: a and (b or c)', {}, true],
  ['s: { rules: 942100 }\ncondition: s', { rules: [1, 942_100] }, true],
];

test('fields, modifiers and conditions', () => {
  for (const [detection, more, expected] of cases)
    assert.equal(matches(detection, recordOf(more)), expected, detection);
});

test('property: patterns mean what the same expression means', () => {
  const letters = fc
    .array(fc.constantFrom('a', 'b', '*', '?', '.'), { maxLength: 10 })
    .map((list) => list.join(''));
  const values = fc.array(fc.constantFrom('a', 'b', '.'), { maxLength: 12 }).map((list) => list.join(''));
  fc.assert(
    fc.property(letters, values, (wanted, value) => {
      const expression = wanted.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
      assert.equal(pattern(wanted, true)(value), new RegExp(`^${expression}$`).test(value));
    }),
    { numRuns: 2000 },
  );
});

test('what can not be run is refused by name', () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    [ruleOf('s: { nothing: 1 }\ncondition: s'), /no field "nothing"/],
    [ruleOf('s: { cs-uri|base64: x }\ncondition: s'), /no modifier "base64"/],
    [ruleOf('s: { cs-uri|re: "(a+)+$" }\ncondition: s'), /repeats what repeats/],
    [ruleOf('s: { cs-uri: x }\ncondition: s and'), /ends too early/],
    [ruleOf('s: { cs-uri: x }\ncondition: t'), /no selection "t"/],
    [ruleOf('s: { cs-uri: x }\ncondition: s | count() > 5'), /old version/],
    [ruleOf('s: { c-ip|cidr: nonsense }\ncondition: s'), /no block/],
    [ruleOf('s: { cs-uri: x }\ncondition: s').replace('webserver', 'process_creation'), /log source/],
    ['title: [', /no YAML/],
    ['', /no rule/],
  ];
  for (const [text, message] of refused)
    assert.throws(
      () => parseSigma(text),
      (error) => error instanceof SigmaError && message.test(error.message),
      text,
    );
});

test('a match is an alert, once; a correlation counts by group within its time', () => {
  const problems: string[] = [];
  const text = `${ruleOf('s: { sc-status: 404 }\ncondition: s', 'name: not_found')}---
title: Many not found
id: many
level: critical
correlation:
  type: value_count
  rules: [ not_found ]
  group-by: [ c-ip ]
  timespan: 1m
  condition: { field: cs-uri-stem, gte: 3 }
`;
  const matcher = new SigmaMatcher(
    [
      { file: 'many.yml', text },
      { file: 'one.yml', text: ruleOf('s: { cs-method: TRACE }\ncondition: s') },
      { file: 'bad.yml', text: 'title: x' },
    ],
    (file, problem) => problems.push(`${file}: ${problem}`),
  );
  assert.equal(problems.length, 1);
  const at = (path: string, atMs: number, address = '192.0.2.7') =>
    matcher.take(recordOf({ path, client_address: address }, atMs)).map(({ detector }) => detector);
  assert.deepEqual(at('/a', 0), []);
  assert.deepEqual(at('/b', 1000), []);
  assert.deepEqual(at('/b', 2000), []);
  assert.deepEqual(at('/c', 3000, '192.0.2.8'), []);
  assert.deepEqual(at('/c', 61_500), []);
  assert.deepEqual(at('/d', 62_000), []);
  assert.deepEqual(at('/e', 62_500), ['sigma:many']);
  assert.deepEqual(at('/f', 63_000), []);
  const [alert] = matcher.take(recordOf({ method: 'TRACE', status: 200, consumer: 'x' }));
  assert.deepEqual(alert?.entity, { kind: 'consumer', id: 'x' });
});
