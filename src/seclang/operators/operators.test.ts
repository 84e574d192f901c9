// Operators by examples: [argument, value, matches].
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Operator } from '../contract.ts';
import { compileOperator, operatorNames } from './index.ts';

const files: Readonly<Record<string, string>> = {
  'words.data': '# a comment\n\n  Alpha \r\nbeta gamma\n#no\n',
  'huge.data': Array.from({ length: 50_000 }, (_, i) => `phrase${i}`).join('\n'),
  'networks.data': '192.0.2.0/24 # documentation\n\n2001:db8::/32\n',
};
const env = { readData: (file: string): string | null => files[file] ?? null };

function make(name: string, argument: string): Operator {
  const compiled = compileOperator(name, argument, env);
  assert.equal(compiled.kind, 'ok', compiled.kind === 'error' ? compiled.message : '');
  return compiled.kind === 'ok' ? compiled.operator : assert.fail();
}

const examples: Readonly<Record<string, readonly (readonly [string, string, boolean])[]>> = {
  beginsWith: [
    ['ab', 'abc', true],
    ['ab', 'Abc', false],
    ['', 'x', true],
  ],
  contains: [
    ['b', 'abc', true],
    ['x', 'abc', false],
    ['', '', true],
  ],
  containsWord: [
    ['select', 'a select b', true],
    ['select', 'preselect select', true],
    ['select', 'selected', false],
    ['select', 'x_select1', true],
    ['select', 'xselect', false],
    ['select', '(select)', true],
  ],
  endsWith: [
    ['bc', 'abc', true],
    ['bc', 'bcd', false],
  ],
  streq: [
    ['a', 'a', true],
    ['a', 'A', false],
  ],
  strmatch: [['b', 'abc', true]],
  within: [
    ['GET POST', 'POST', true],
    ['GET POST', 'PUT', false],
    ['GET', '', true],
  ],
  eq: [
    ['0', 'abc', true],
    ['5', ' 5x', true],
    ['5', '-5', false],
    ['5', '+5', true],
    ['5', '\xa05', false],
  ],
  ne: [['5', '6', true]],
  ge: [
    ['5', '5', true],
    ['5', '4', false],
  ],
  gt: [
    ['5', '6', true],
    ['5', '99999999999', true],
    ['5', '5', false],
  ],
  le: [['5', '5', true]],
  lt: [
    ['5', '-1', true],
    ['5', '5', false],
  ],
  rx: [
    ['^a.c$', 'a\nc', true],
    ['^b', 'a\nb', true],
    ['(?i)\xe9', '\xc9', false],
    ['\\x{c9}', '\xc9', true],
  ],
  rxGlobal: [['[0-9]+', 'a1', true]],
  pm: [
    ['select union', 'x UNION y', true],
    ['select union', 'x', false],
    ['A|42|C', 'abc', true],
  ],
  pmFromFile: [
    ['words.data', 'ALPHA', true],
    ['words.data', 'beta', false],
    ['words.data', 'beta gamma', true],
    ['words.data', '# a comment', false],
  ],
  pmf: [['words.data', 'alpha', true]],
  ipMatch: [
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.0/25', '192.0.2.127', true],
    ['192.0.2.0/25', '192.0.2.128', false],
    ['10.0.0.0/8, 2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['192.0.2.0/24', '::ffff:192.0.2.9', true],
    ['0.0.0.0/0', 'no address', false],
  ],
  ipMatchFromFile: [
    ['networks.data', '192.0.2.77', true],
    ['networks.data', '2001:db9::', false],
  ],
  validateByteRange: [
    ['32-126', 'abc', false],
    ['32-126', 'a\tb', true],
    ['9,32-126', 'a\tb', false],
    ['0-255', '\0\xff', false],
  ],
  validateUrlEncoding: [
    ['', 'a%20b', false],
    ['', 'a%2', true],
    ['', 'a%zz', true],
  ],
  validateUtf8Encoding: [
    ['', 'a\xc3\xa9\xf0\x9f\x98\x80', false],
    ['', '\xc0\xaf', true],
    ['', '\xed\xa0\x80', true],
    ['', '\xf4\x90\x80\x80', true],
    ['', '\xe2\x82', true],
    ['', '\x80', true],
  ],
  verifyCC: [
    ['\\d{13,16}', 'card 4111111111111111', true],
    ['\\d{16}', 'card 4111111111111112', false],
  ],
  verifyCPF: [
    ['\\d{3}\\.?\\d{3}\\.?\\d{3}-?\\d{2}', '529.982.247-25', true],
    ['\\d{3}\\.?\\d{3}\\.?\\d{3}-?\\d{2}', '529.982.247-26', false],
  ],
  verifySSN: [
    ['\\d{3}-?\\d{2}-?\\d{4}', '987-65-4321', false],
    ['\\d{3}-?\\d{2}-?\\d{4}', '123-45-6780', true],
  ],
  detectSQLi: [
    ['', "1' or '1'='1", true],
    ['', 'a quiet word', false],
  ],
  detectXSS: [
    ['', '<script>alert(1)</script>', true],
    ['', 'a quiet word', false],
  ],
  unconditionalMatch: [['', '', true]],
  noMatch: [['', '', false]],
  rbl: [['rbl.example', '192.0.2.1', false]],
};

describe('examples', () => {
  for (const [name, rows] of Object.entries(examples))
    test(`@${name}`, () => {
      for (const [argument, value, expected] of rows) {
        const operator = make(name, argument);
        const captures: string[] = [];
        assert.equal(
          operator.match(value, argument, null),
          expected,
          `${argument} on ${JSON.stringify(value)}`,
        );
        assert.equal(operator.match(value, argument, captures), expected);
        if (!expected) assert.deepEqual(captures, []);
      }
    });
});

describe('captures', () => {
  const rows: readonly (readonly [string, string, string, readonly string[]])[] = [
    ['rx', '(a)(x)?(?<n>b)', 'zab', ['ab', 'a', '', 'b']],
    ['rx', '(?>a+)(b)', 'aab', ['aab', 'b']],
    ['rxGlobal', '([0-9])x', '1x2x3x', ['1x', '1', '2x', '2', '3x', '3']],
    ['pm', 'one two', 'xTWOone', ['two']],
    ['within', 'GET POST', 'POST', []],
    ['beginsWith', 'a', 'abc', []],
    ['verifyCC', '\\d{13,16}', 'x4111111111111112', ['1111111111112']],
    ['verifyCC', '\\d{13,16}', 'x4111111111111111', ['4111111111111111']],
  ];
  for (const [name, argument, value, expected] of rows)
    test(`@${name} ${argument}`, () => {
      const captures: string[] = [];
      assert.equal(make(name, argument).match(value, argument, captures), true);
      assert.deepEqual(captures, expected);
    });
});

test('@detectSQLi captures its fingerprint', () => {
  const captures: string[] = [];
  assert.equal(make('detectSQLi', '').match("1' or '1'='1", '', captures), true);
  assert.equal(captures.length, 1);
  assert.notEqual(captures[0], '');
});

describe('arguments with macros', () => {
  test('are taken from the call, and only from there', () => {
    for (const name of ['streq', 'contains', 'beginsWith', 'endsWith', 'within', 'eq', 'rx', 'ipMatch']) {
      const operator = make(name, '%{tx.x}');
      assert.equal(operator.isDynamic, true);
      assert.equal(operator.factors, null);
      assert.equal(operator.requiredBytes, null);
      assert.equal(operator.match('192.0.2.1', '192.0.2.1', null), true, name);
      assert.equal(operator.match('192.0.2.1', '7', null), false, name);
    }
  });

  test('an expression that is wrong only then never matches', () => {
    assert.equal(make('rx', 'a%{tx.x}').match('a(', 'a(', null), false);
  });

  test('keep a bounded number of compiled arguments and stay right', () => {
    const operator = make('rx', '^%{tx.x}$');
    for (let round = 0; round < 2; round++)
      for (let i = 0; i < 300; i++) assert.equal(operator.match(String(i), `^${i}$`, null), true);
  });
});

describe('mistakes', () => {
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ['rx', '(a', /parenthesis is not closed/],
    ['rx', '(?R)', /recursion/],
    ['pm', '  ', /no phrase/],
    ['pmFromFile', 'gone.data', /gone\.data/],
    ['pmFromFile', 'huge.data', /more than 400000/],
    ['ipMatch', '10.0.0.0/33', /no address/],
    ['ipMatch', '10.0.0', /no address/],
    ['ipMatchFromFile', 'gone.data', /gone\.data/],
    ['validateByteRange', '1-300', /list of bytes/],
    ['validateSchema', 'a.xsd', /not supported/],
    ['validateDTD', 'a.dtd', /not supported/],
    ['inspectFile', 'x.lua', /not supported/],
    ['contain', 'x', /no operator/],
  ];
  for (const [name, argument, expected] of rows)
    test(`@${name} ${argument}`, () => {
      const compiled = compileOperator(name, argument, env);
      assert.equal(compiled.kind, 'error');
      if (compiled.kind !== 'error') return;
      assert.match(compiled.message, expected);
      assert.notEqual(compiled.suggestion, '');
    });

  test('a wrong name gets the closest one', () => {
    const compiled = compileOperator('contain', '', env);
    assert.equal(compiled.kind === 'error' && compiled.suggestion, 'Did you mean @contains?');
  });
});

test('names are found in any case', () => {
  assert.equal(make('DETECTsqli', '').name, 'detectSQLi');
  assert.equal(new Set(operatorNames.map((name) => name.toLowerCase())).size, operatorNames.length);
});
