import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Diagnostics } from '../../core/index.ts';
import type { RuleFileEnvironment } from '../contract.ts';
import { type DirectiveNode, parseRuleFiles, type RuleNode } from './index.ts';

const noFiles: RuleFileEnvironment = { readData: () => null, expandInclude: () => [] };

function parse(text: string, environment = noFiles): { nodes: readonly DirectiveNode[]; found: string[] } {
  const diagnostics = new Diagnostics();
  const ast = parseRuleFiles([{ file: 'a.conf', text }], environment, diagnostics);
  return { nodes: ast.directives, found: diagnostics.all.map((d) => `${d.line}:${d.column} ${d.id}`) };
}

function parseRule(text: string): RuleNode {
  const { nodes, found } = parse(text);
  assert.deepEqual(found, []);
  assert.equal(nodes.length, 1);
  const node = nodes[0]!;
  assert.ok(node.kind === 'rule');
  return node;
}

describe('the parser of SecLang', () => {
  test('joins lines, unescapes quotes, keeps other backslashes', () => {
    const rule = parseRule('SecRule ARGS "@rx \\"\\s\\x22" \\\n  "id:1,\\\n  msg:\'it\\\'s\',deny"');
    assert.equal(rule.operator?.argument, '"\\s\\x22');
    assert.deepEqual(
      rule.actions.map(({ kind, place }) => `${kind} ${place.line}:${place.column}`),
      ['id 1:2', 'message 2:3', 'deny 2:15'].map((_, i) => ['id 2:4', 'message 3:3', 'deny 3:15'][i]),
    );
    const message = rule.actions[1]!;
    assert.ok(message.kind === 'message');
    assert.equal(message.text, "it's");
  });

  test('reads targets with selectors of every kind', () => {
    const rule = parseRule(
      'SecRule ARGS|!ARGS:pass|&TX:x|ARGS:/^a|b\\/c/|XML:/*|XML://@*|!args:\'/x|y/\' "@eq 1" "id:1"',
    );
    assert.deepEqual(
      rule.targets.map((t) => [t.variable, t.selector, t.isCount, t.isExclusion]),
      [
        ['ARGS', { kind: 'all' }, false, false],
        ['ARGS', { kind: 'key', key: 'pass' }, false, true],
        ['TX', { kind: 'key', key: 'x' }, true, false],
        ['ARGS', { kind: 'pattern', pattern: '^a|b/c' }, false, false],
        ['XML', { kind: 'path', path: '/*' }, false, false],
        ['XML', { kind: 'path', path: '//@*' }, false, false],
        ['ARGS', { kind: 'pattern', pattern: 'x|y' }, false, true],
      ],
    );
  });

  const operators: [string, string, string, boolean][] = [
    ['@rx a b', 'rx', 'a b', false],
    ['!@rx x', 'rx', 'x', true],
    ['a.b', 'rx', 'a.b', false],
    ['!^$', 'rx', '^$', true],
    ['@detectSQLi', 'detectSQLi', '', false],
    ['@eq 0', 'eq', '0', false],
    ['@pm  a b ', 'pm', 'a b', false],
  ];
  for (const [text, name, argument, isNegated] of operators) {
    test(`reads the operator "${text}"`, () => {
      const { operator } = parseRule(`SecRule ARGS "${text}" "id:1"`);
      assert.deepEqual(
        [operator?.name, operator?.argument, operator?.isNegated],
        [name, argument, isNegated],
      );
    });
  }

  const actions: [string, unknown][] = [
    ['setvar:tx.a', { kind: 'set-variable', collection: 'TX', name: 'a', operation: 'set', value: '1' }],
    [
      "setvar:'tx.a=+%{tx.b}'",
      { kind: 'set-variable', collection: 'TX', name: 'a', operation: 'add', value: '%{tx.b}' },
    ],
    ['setvar:!ip.a', { kind: 'set-variable', collection: 'IP', name: 'a', operation: 'unset', value: '' }],
    [
      'setvar:tx.a=-2',
      { kind: 'set-variable', collection: 'TX', name: 'a', operation: 'subtract', value: '2' },
    ],
    ['expirevar:ip.a=60', { kind: 'expire-variable', collection: 'IP', name: 'a', seconds: '60' }],
    ['initcol:ip=%{REMOTE_ADDR}', { kind: 'init-collection', collection: 'IP', key: '%{REMOTE_ADDR}' }],
    ['t:none', { kind: 'transformation', name: 'none' }],
    ['severity:CRITICAL', { kind: 'severity', level: 2 }],
    ['phase:request', { kind: 'phase', phase: 2 }],
    ['allow:phase', { kind: 'allow', scope: 'phase' }],
    ['skipAfter:END', { kind: 'skip-after', marker: 'END' }],
    [
      'ctl:ruleEngine=DetectionOnly',
      { kind: 'control', control: { kind: 'engine', mode: 'detection-only' } },
    ],
    [
      'ctl:ruleRemoveById=1-5',
      {
        kind: 'control',
        control: { kind: 'remove-rules', selector: { kind: 'ids', ranges: [{ from: 1, to: 5 }] } },
      },
    ],
  ];
  for (const [text, expected] of actions) {
    test(`reads the action ${text}`, () => {
      const { place: _, ...action } = parseRule(`SecRule ARGS x "${text}"`).actions[0]!;
      assert.deepEqual(action, expected);
    });
  }

  const mistakes: [string, string][] = [
    ['SecRul ARGS x "id:1"', '1:1 seclang-unknown-directive'],
    ['SecRule ARGS "x', '1:14 seclang-quote-open'],
    ['SecRule ARGS', '1:1 seclang-arguments'],
    ['SecRule ARGZ x', '1:9 seclang-unknown-variable'],
    ['SecRule ARGS||ARGS x', '1:14 seclang-target'],
    ['SecRule REQUEST_URI:a x', '1:9 seclang-target'],
    ['SecRule !ARGS:a x', '1:9 seclang-target'],
    ['SecRule ARGS x "id:1,dony"', '1:22 seclang-unknown-action'],
    ['SecRule ARGS x "id:1,exec:/bin/sh"', '1:22 seclang-unsupported'],
    ['SecRule ARGS x "id:x"', '1:17 seclang-action-value'],
    ['SecRule ARGS x "setvar:args.x=1"', '1:17 seclang-action-value'],
    ['SecRule ARGS x "ctl:ruleEngine=Maybe"', '1:17 seclang-action-value'],
    ['SecRule ARGS x "ctl:ruleRemoveTargetById=1;ARGZ"', '1:44 seclang-unknown-variable'],
    ['SecRuleEngine Maybe', '1:15 seclang-value'],
    ['SecRequestBodyLimit -1', '1:21 seclang-value'],
    ['SecRuleScript x.lua', '1:1 seclang-unsupported'],
    ['Include none.conf', '1:9 seclang-include'],
    ['SecRuleRemoveById x', '1:1 seclang-arguments'],
  ];
  for (const [text, expected] of mistakes) {
    test(`places the mistake in ${text}`, () => assert.equal(parse(text).found[0], expected));
  }

  test('reports all mistakes at once, with a suggestion', () => {
    const diagnostics = new Diagnostics();
    const text = 'SecRulee ARGS x\nSecRule ARG x "id:1"\nSecRule ARGS x \\\n  "id:1,phase:9"\n';
    parseRuleFiles([{ file: 'a.conf', text }], noFiles, diagnostics);
    assert.deepEqual(
      diagnostics.all.map((d) => [d.line, d.column, d.id, d.suggestion]),
      [
        [1, 1, 'seclang-unknown-directive', 'Did you mean SecRule?'],
        [2, 9, 'seclang-unknown-variable', 'Did you mean ARGS?'],
        [4, 9, 'seclang-action-value', 'Write 1 to 5, `request`, `response` or `logging`.'],
      ],
    );
  });

  test('follows includes, and stops in a circle', () => {
    const file = (name: string): { file: string; text: string } => ({ file: name, text: `Include ${name}` });
    assert.deepEqual(parse('Include b', { readData: () => null, expandInclude: file1 }).found, []);
    assert.match(
      parse('Include c', { readData: () => null, expandInclude: () => [file('c')] }).found.join(),
      /seclang-include/,
    );
    function file1(): { file: string; text: string }[] {
      return [{ file: 'b', text: 'SecMarker x' }];
    }
  });

  test('a comment goes on behind a backslash', () => {
    assert.equal(parse('# SecRule ARGS x \\\n  "id:1"\nSecMarker a').nodes.length, 1);
  });

  test('takes any text without throwing, and every place is in the file', () => {
    const word = fc.constantFrom(
      ...[
        'SecRule',
        'SecAction',
        'SecMarker',
        'ARGS',
        '|',
        '!',
        '&',
        ':',
        '/',
        '"',
        "'",
        '\\',
        '\n',
        ' ',
        ',',
      ],
      ...[
        '@rx',
        '@',
        'id:1',
        'setvar:',
        'tx.a=+1',
        'ctl:ruleRemoveTargetById=',
        ';',
        '=',
        '%{',
        '}',
        't:',
        'XML:/*',
        '#',
      ],
    );
    const text = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.array(word, { maxLength: 30 }).map((w) => w.join('')),
    );
    fc.assert(
      fc.property(text, (rules) => {
        const diagnostics = new Diagnostics();
        parseRuleFiles([{ file: 'f', text: rules }], noFiles, diagnostics);
        const lines = rules.split('\n');
        for (const { line, column } of diagnostics.all) {
          assert.ok(line >= 1 && line <= lines.length, `line ${line}`);
          assert.ok(column >= 1 && column <= lines[line - 1]!.length + 1, `column ${column}`);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
