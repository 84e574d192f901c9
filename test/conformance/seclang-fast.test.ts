// The fast path against the plain interpreter: the same matches, interruption and TX variables for every request of the
// regression corpus, at several paranoia levels, blocking and not, and for requests made of pieces of attacks.
// TX variables that no other rule can see are left out of the comparison.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compileProfile, type Profile, Transaction } from '../../src/seclang/index.ts';
import {
  caseVariables,
  compileSources,
  crs3Sources,
  crsCases,
  crsSources,
  drive,
  type RawRequest,
  requestOf,
  skipCrs,
  skipCrs3,
} from '../support/crs-engine.ts';

interface Pair {
  readonly fast: Profile;
  readonly plain: Profile;
}

function pairOf(
  sources: Parameters<typeof compileSources>[0],
  mode: 'On' | 'DetectionOnly',
  level: string,
): Pair {
  const { ruleSet } = compileSources(sources, mode);
  const names = ['blocking_paranoia_level', 'detection_paranoia_level', 'paranoia_level'];
  const variables = level === '4' ? caseVariables : names.map((name) => ({ name, value: level }));
  const fast = compileProfile(ruleSet, { variables });
  // Evaluated plainly, but recording no more than the fast one does.
  return { fast, plain: { ...compileProfile(ruleSet, { variables, plain: true }), isPlain: false } };
}

function outcomeOf(profile: Profile, request: RawRequest, isPrivate: (name: string) => boolean): unknown {
  const transaction = new Transaction(profile, {
    persistent: null,
    nowMs: 1_700_000_000_000,
    uniqueId: 'a1',
  });
  drive(transaction, request);
  const { matches, interruption } = transaction;
  const variables = [...transaction.variables()].filter(([name]) => !isPrivate(name)).sort();
  return { matches, interruption, variables };
}

function assertSame(pair: Pair, request: RawRequest, label: string): void {
  const { isPrivate } = pair.fast.plan!;
  assert.deepEqual(
    outcomeOf(pair.fast, request, isPrivate),
    outcomeOf(pair.plain, request, isPrivate),
    label,
  );
}

describe('the fast path does what the plain interpreter does', { skip: skipCrs }, () => {
  for (const [mode, level] of [
    ['On', '1'],
    ['DetectionOnly', '4'],
  ] as const) {
    test(`on the regression corpus, ${mode}, paranoia level ${level}`, () => {
      const pair = pairOf(crsSources(), mode, level);
      let ran = 0;
      for (const { id, stages } of crsCases()) {
        for (const { input } of stages) {
          assertSame(pair, requestOf(input), id);
          ran++;
        }
      }
      assert.equal(ran, 3254);
    });
  }

  test('on requests made of pieces of attacks', () => {
    const pairs = ['1', '2', '3'].map((level) => pairOf(crsSources(), 'On', level));
    fc.assert(
      fc.property(attack, fc.nat(2), (request, which) => assertSame(pairs[which]!, request, 'made up')),
      { numRuns: 400 },
    );
  });
});

test('the fast path does what the plain interpreter does with 3.3', { skip: skipCrs3 || skipCrs }, () => {
  const pair = pairOf(crs3Sources(), 'On', '2');
  for (const { id, stages } of crsCases().filter((_, i) => i % 5 === 0)) {
    for (const { input } of stages) assertSame(pair, requestOf(input), id);
  }
});

const piece = fc.oneof(
  fc.constantFrom(
    ...[
      "' or 1=1--",
      '<script>',
      'onload=',
      'union select',
      '../../etc/passwd',
      '%252e',
      '${jndi:',
      '\\u0061',
    ],
    ...[
      '; cat ',
      '&&',
      '|',
      '`',
      'a',
      '1',
      'Zz',
      '  ',
      'php://',
      '(',
      ')',
      '/*',
      '*/',
      '\0',
      '\x80',
      '\r\n',
      '%',
      '+',
    ],
    ...[
      '__proto__',
      'json.a',
      'http://',
      '.php',
      'Content-Type:',
      'chr(',
      '=',
      ':',
      '"',
      '{{',
      '}}',
      '$_GET',
    ],
  ),
  fc.string({ maxLength: 6 }),
);
const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('').replace(/[^\0-\xff]/g, '?'));
const escaped = text.map((value) => encodeURIComponent(value.replace(/[^\0-\x7f]/g, '?')));

const attack: fc.Arbitrary<RawRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'TRACE'),
    path: escaped,
    query: fc.array(fc.tuple(escaped, escaped), { maxLength: 3 }),
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.0'),
    agent: text,
    cookie: text,
    type: fc.constantFrom(
      'application/json',
      'application/x-www-form-urlencoded',
      'text/xml',
      'text/odd',
      '',
    ),
    body: text,
  })
  .map(({ method, path, query, version, agent, cookie, type, body }) => {
    const wrapped =
      type === 'application/json'
        ? JSON.stringify({ a: body, [body]: [1, body] })
        : type === 'text/xml'
          ? `<a b="${body.replace(/[<&"]/g, '')}">${body.replace(/[<&]/g, '')}</a>`
          : `x=${encodeURIComponent(body.replace(/[^\0-\x7f]/g, '?'))}`;
    const headers: [string, string][] = [
      ['Host', 'example.com'],
      ['User-Agent', agent],
      ['Cookie', cookie],
      ['Accept', '*/*'],
    ];
    if (type !== '') headers.push(['Content-Type', type]);
    headers.push(['Content-Length', String(wrapped.length)]);
    const pairs = query.map(([name, value]) => `${name}=${value}`).join('&');
    return { method, uri: `/${path}${pairs === '' ? '' : `?${pairs}`}`, version, headers, body: wrapped };
  });
