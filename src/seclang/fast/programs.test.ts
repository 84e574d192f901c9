// Made-up programs: rules that jump, count, remove each other and look at the same bytes in many ways. The fast path does with
// several requests, one after the other, what the plain interpreter does with each.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Diagnostics } from '../../core/index.ts';
import { compileProfile, compileRuleSet, type Profile, parseRuleFiles, Transaction } from '../index.ts';

const noFiles = { readData: () => null, expandInclude: () => [] };

const text = fc.constantFrom(
  ...['REQUEST_URI_RAW', 'REQUEST_FILENAME', 'REQUEST_URI_RAW', 'REQUEST_URI', 'ARGS'],
  ...['ARGS', 'ARGS_NAMES', 'ARGS:a', 'REQUEST_URI', 'REQUEST_URI_RAW', 'QUERY_STRING', 'REQUEST_FILENAME'],
  ...['REQUEST_BASENAME', 'REQUEST_LINE', 'REQUEST_HEADERS:X', 'REQUEST_HEADERS_NAMES', 'ARGS|!ARGS:b'],
  ...['RESPONSE_BODY', 'TX:v', 'TX:/^v/', 'MATCHED_VAR'],
);
const count = fc.constantFrom('&ARGS', '&ARGS:a', '&REQUEST_HEADERS:X', 'TX:v', 'TX:w', '&TX:other');
const look = fc.oneof(
  fc.tuple(
    text,
    fc.constantFrom(
      ...['@rx abc', '@rx a b', '@rx ^/a', '@rx [A-Z]', '@rx b.c', '!@rx ^[a-z]*$', '@contains foo'],
      ...['@streq abc', '@pm foo bar abc', '!@pm foo bar', '@beginsWith a', '@within abc foo', '@rx %{tx.v}'],
    ),
  ),
  fc.tuple(count, fc.constantFrom('@eq 0', '@eq 1', '@gt 0', '@lt 2', '!@eq 1', '@ge %{tx.w}')),
);
const transformations = fc.array(
  fc.constantFrom(
    ...['lowercase', 'uppercase', 'urlDecodeUni', 'urlDecode', 'base64Decode', 'removeWhitespace', 'trim'],
    ...['compressWhitespace', 'normalizePath', 'cmdLine', 'length', 'none', 'htmlEntityDecode'],
  ),
  { maxLength: 3 },
);
const flow = fc.constantFrom('', '', '', 'skipAfter:M1', 'skipAfter:M2', 'skip:1');
const deeds = fc.array(
  fc.constantFrom(
    ...['setvar:tx.v=1', 'setvar:tx.v=+1', 'setvar:tx.w=%{tx.v}', 'setvar:tx.v=abc', 'capture', 'multiMatch'],
    ...['ctl:ruleRemoveById=103', 'ctl:ruleRemoveById=104-106', 'ctl:ruleRemoveTargetById=105;ARGS', 'log'],
    ...["setvar:'tx.v_%{MATCHED_VAR}=x'", 'allow', 'ctl:ruleEngine=Off'],
  ),
  { maxLength: 2 },
);
const rule = fc.record({
  phase: fc.constantFrom(1, 2, 2, 4),
  links: fc.array(fc.tuple(look, transformations), { minLength: 1, maxLength: 2 }),
  end: fc.constantFrom('pass,nolog', 'pass,nolog', 'pass', 'deny'),
  flow,
  deeds,
  isAction: fc.boolean(),
});

type RuleShape = typeof rule extends fc.Arbitrary<infer T> ? T : never;

function written(made: RuleShape, id: number): string {
  const { phase, links, end, deeds: own } = made;
  const jump = made.flow === '' ? [] : [made.flow];
  const head = [`id:${id}`, `phase:${phase}`, end, ...jump, ...own];
  if (made.isAction && links.length > 1)
    return `SecAction "${[...head].filter((x) => x !== 'multiMatch').join(',')}"`;
  return links
    .map(([[target, operator], chain], i) => {
      const actions = [...(i === 0 ? head : []), ...chain.map((name) => `t:${name}`)];
      if (i < links.length - 1) actions.push('chain');
      return `SecRule ${target} "${operator}" "${actions.join(',') || 't:none'}"`;
    })
    .join('\n');
}

const piece = fc.constantFrom(
  ...[
    'a',
    'b',
    'abc',
    'foo',
    'A',
    'ABC',
    'bc',
    'oo',
    '%66',
    '%61',
    '+',
    'a+b',
    'b+c',
    '/',
    '..',
    '//',
    'YWJj',
    '=',
    '&',
    'a=',
    '&lt;',
  ],
);
const pieces = fc.array(piece, { maxLength: 6 }).map((all) => all.join(''));
const request = fc.record({
  uri: fc.tuple(pieces, pieces).map(([path, query]) => `/${path}?${query}`),
  header: fc.option(
    pieces.map((value) => value.replaceAll('+', ' ')),
    { nil: null },
  ),
  answer: pieces,
});

test('the fast path does what the plain interpreter does, whatever the program', () => {
  let loud = 0;
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 9 }),
      fc.array(request, { minLength: 1, maxLength: 4 }),
      fc.constantFrom([], [{ name: 'v', value: '1' }], [{ name: 'other', value: 'x' }]),
      (rules, requests, variables) => {
        const lines = rules.map((made, i) => written(made, 101 + i));
        lines.splice(Math.ceil(lines.length / 2), 0, 'SecMarker M1');
        const source = `SecResponseBodyAccess On\nSecResponseBodyMimeType */*\n${lines.join('\n')}\nSecMarker M2\n`;
        const diagnostics = new Diagnostics();
        const ast = parseRuleFiles([{ file: 'a.conf', text: source }], noFiles, diagnostics);
        const ruleSet = compileRuleSet(ast, noFiles, diagnostics);
        assert.ok(!diagnostics.hasErrors, JSON.stringify(diagnostics.all));
        const fast = compileProfile(ruleSet, { variables });
        const plain = { ...compileProfile(ruleSet, { variables, plain: true }), isPlain: false };
        // Twice, so that what is remembered counts.
        for (const asked of [...requests, ...requests]) {
          const expected = outcomeOf(plain, asked, fast);
          if (expected.matches.length > 0) loud++;
          assert.deepEqual(outcomeOf(fast, asked, fast), expected);
        }
      },
    ),
    { numRuns: 600 },
  );
  assert.ok(loud > 500, `only ${loud} requests matched a rule that logs`);
});

interface Request {
  readonly uri: string;
  readonly header: string | null;
  readonly answer: string;
}

function outcomeOf(
  profile: Profile,
  { uri, header, answer }: Request,
  fast: Profile,
): { matches: readonly unknown[]; interruption: unknown; variables: unknown } {
  const transaction = new Transaction(profile, { persistent: null, nowMs: 1000, uniqueId: 'u' });
  transaction.connection('192.0.2.1', 40_000, '192.0.2.2', 443);
  transaction.requestLine('GET', uri, 'HTTP/1.1');
  transaction.requestHeader('Host', 'example.com');
  if (header !== null) transaction.requestHeader('X', header);
  transaction.runRequestHeaders();
  transaction.runRequestBody();
  transaction.responseStatus(200, 'HTTP/1.1');
  transaction.responseHeader('content-type', 'text/plain');
  transaction.runResponseHeaders();
  if (answer !== '' && transaction.wantsResponseBody()) transaction.responseBody(answer);
  transaction.runResponseBody();
  transaction.runLogging();
  const { isPrivate } = fast.plan!;
  return {
    matches: transaction.matches,
    interruption: transaction.interruption,
    variables: [...transaction.variables()].filter(([name]) => !isPrivate(name)).sort(),
  };
}
