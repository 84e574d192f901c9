// What is read and what is refused, as the reference reads and refuses it; and what a user is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { Diagnostics, formatDiagnostic } from '../core/index.ts';
import { parsePolicies } from './index.ts';

function parse(text: string) {
  const diagnostics = new Diagnostics();
  const policies = parsePolicies(text, 'orders.cedar', diagnostics);
  return { policies, diagnostics: diagnostics.all };
}

const conditions: readonly (readonly [string, boolean])[] = [
  ['1 < 2 < 3', false],
  ['1 == 2 != 3', false],
  ['principal has a has b', false],
  ['----1 == 1', true],
  ['-----1 == 1', false],
  ['!!!!true', true],
  ['!!!!!true', false],
  ['!-1', false],
  ['9223372036854775807 == 0', true],
  ['9223372036854775808 == 0', false],
  ['-9223372036854775808 == 0', true],
  ['-(9223372036854775808) == 0', false],
  ['--9223372036854775808 == 0', true],
  ['{a: 1, "a b": 2,} == {}', true],
  ['{a: 1, a: 2} == {}', false],
  ['{if: 1} == {}', false],
  ['context.if', false],
  ['context["if"]', true],
  ['context has a.b.c', true],
  ['context has a.b."c"', false],
  ['context has "a b"', true],
  ['"\\x41\\u{1F600}\\0\\\'\\"" == ""', true],
  ['"\\x80" == ""', false],
  ['"\\u{d800}" == ""', false],
  ['"\\u{110000}" == ""', false],
  ['"\\*" == ""', false],
  ['"a" like "\\*a*"', true],
  ['principal is a::b in [User::"x"]', true],
  ['principal is "User"', false],
  ['1 / 2 == 0', false],
  ['1 = 2', false],
  ['context.a.contains(1, 2)', false],
  ['context.a.isEmpty(1)', false],
  ['context.a.isEmpty()', true],
  ['ip("a", "b") == 1', true],
  ['context.isIpv4(1)', true],
  ['isIpv4(ip("::1"))', false],
  ['"a".ip()', false],
  ['context.a.foo()', false],
  ['foo(1)', false],
  ['a', false],
  ['a.b', false],
  ['a::b::"x" == principal', true],
  ['__cedar::X::"a" == principal', false],
  ['principal == ?principal', false],
  ['if true then true else false', true],
  ['1 + if true then 1 else 2 == 1', false],
  ['(if true then 1 else 2) + 1 == 1', true],
  ['[1, 2,] == [[], {}]', true],
  ['/* c */ true', false],
  ['// c\ntrue', true],
  ['', false],
  ['true false', false],
  ["'a' == principal", false],
  ['true & false', false],
];

test('conditions are read and refused as the reference does', () => {
  for (const [condition, good] of conditions) {
    const text = `permit (principal, action, resource) when { ${condition} };`;
    assert.equal(policyToJson(text).type === 'success', good, `the reference on ${condition}`);
    assert.equal(parse(text).diagnostics.length === 0, good, condition);
  }
});

test('heads are read and refused as the reference does', () => {
  const heads: readonly (readonly [string, boolean])[] = [
    ['principal, action, resource', true],
    ['principal, action, resource,', true],
    ['principal == User::"a", action == Action::"b", resource in A::B::"c"', true],
    ['principal is User, action in [Action::"a", Action::"b"], resource is R in R::"x"', true],
    ['principal in User::"a", action in Action::"a", resource', true],
    ['principal, action in [], resource', true],
    ['principal, resource, action', false],
    ['principal, action', false],
    ['principal, action is Action, resource', false],
    ['principal in [User::"a"], action, resource', false],
    ['principal = User::"a", action, resource', false],
    ['principal == "a", action, resource', false],
    ['principal > User::"a", action, resource', false],
  ];
  for (const [head, good] of heads) {
    const text = `permit (${head});`;
    assert.equal(policyToJson(text).type === 'success', good, `the reference on ${head}`);
    assert.equal(parse(text).diagnostics.length === 0, good, head);
  }
});

test('every mistake is told, with place and a way out, and the policies around it are read', () => {
  const { policies, diagnostics } = parse(`@id("first") permit (principal, action, resource);
permit (principal, action, resource) when { context.adress.isInrange(ip("10.0.0.0/8")) };
forbid (principal, action, resource) unles { true };
@id("last") @advice("ask") forbid (principal, action, resource) when { principle == resource };
@id("first") permit (principal, action, resource);
`);
  assert.deepEqual(
    policies.map(({ id, line }) => [id, line]),
    [
      ['first', 1],
      ['first', 5],
    ],
  );
  assert.deepEqual(diagnostics.map(formatDiagnostic), [
    'orders.cedar:2:60: error[policy-syntax]: There is no method "isInrange".\n    Did you mean "isInRange"?',
    'orders.cedar:3:38: error[policy-syntax]: "when", "unless" or ";" is expected, but "unles" stands here.\n    A policy ends with ";".',
    'orders.cedar:4:72: error[policy-syntax]: "principle" is no variable.\n    Did you mean "principal"?',
    'orders.cedar:5:14: error[policy-duplicate-id]: The id "first" belongs to the policy in line 1 already.\n    Give each policy its own @id.',
  ]);
});

test('a template is refused: nothing would link it', () => {
  const { diagnostics } = parse('permit (principal == ?principal, action, resource);');
  assert.equal(diagnostics[0]?.id, 'policy-syntax');
  assert.match(diagnostics[0]?.suggestion ?? '', /User::"alice"/);
});

test('no text makes the parser throw, and what it takes the reference takes', () => {
  const piece = fc.constantFrom(
    ...'permit forbid ( ) { } [ ] , ; : :: . @ == != < <= in is has like && || ! - + * if then else when unless'.split(
      ' ',
    ),
    ...'principal action resource context User::"a" "x" 1 9223372036854775808 ip true contains id'.split(' '),
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(' ')),
    fc
      .array(piece, { maxLength: 12 })
      .map((pieces) => `permit(principal, action, resource) when { ${pieces.join(' ')} };`),
    fc.string({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(text, (source) => {
      const { policies, diagnostics } = parse(source);
      if (policies.length !== 1 || diagnostics.length > 0) return;
      assert.equal(policyToJson(source).type, 'success', source);
    }),
    { numRuns: 3000, seed: 7 },
  );
});

test('nesting is bounded: deep texts are refused, not recursed into', () => {
  for (const deep of [
    '('.repeat(100_000),
    '['.repeat(100_000),
    '{a:'.repeat(50_000),
    'if '.repeat(100_000),
  ]) {
    const { diagnostics } = parse(`permit(principal, action, resource) when { ${deep} };`);
    assert.ok(diagnostics.length > 0);
  }
  for (const chain of [' + 1'.repeat(20_000), ' * 1'.repeat(20_000), '.a'.repeat(20_000)]) {
    const { diagnostics } = parse(`permit(principal, action, resource) when { context${chain} };`);
    assert.match(diagnostics[0]?.message ?? '', /too many operations/);
  }
  const long = new Array(1900).fill('context.a == 1').join(' || ');
  assert.equal(parse(`permit(principal, action, resource) when { ${long} };`).diagnostics.length, 0);
});
