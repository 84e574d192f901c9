// The router against a search through all routes one by one, and with ten thousand operations.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileRouter, type Route, RouteMatch } from './router.ts';

const segment = fc.constantFrom('a', 'b', 'c', '{x}', '{y}', '{z}.json', 'v{n}');
const template = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((parts) => `/${parts.map((part, i) => part.replace(/\{(\w)\}/, `{$1${i}}`)).join('/')}`);
const path = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd', 'q.json', 'v1', 'v'), { minLength: 1, maxLength: 5 })
  .map((parts) => `/${parts.join('/')}`);

const expressionOf = (text: string): RegExp =>
  new RegExp(`^${text.replace(/[.]/g, '\\.').replace(/\{[^}]+\}/g, '([^/]+)')}$`);
/** The same template but for its parameters' names. */
const shapeOf = (text: string): string => text.replace(/\{[^}]+\}/g, '{}');

test('property: a route is found exactly when one matches, and it is one that matches', () => {
  fc.assert(
    fc.property(
      fc.array(template, { maxLength: 12 }),
      fc.array(path, { minLength: 1, maxLength: 10 }),
      (templates, paths) => {
        const distinct = [...new Map(templates.map((entry) => [shapeOf(entry), entry])).values()];
        const routes: Route<string>[] = distinct.map((entry) => ({
          hosts: [],
          method: 'GET',
          template: entry,
          value: entry,
        }));
        const router = compileRouter(routes);
        const match = new RouteMatch<string>();
        for (const entry of paths) {
          const matching = distinct.filter((candidate) => expressionOf(candidate).test(entry));
          const result = router.find('any', 'GET', entry, match);
          if (result === 'ambiguous') continue;
          assert.equal(
            result,
            matching.length > 0 ? 'found' : 'unknown',
            `${entry} in ${distinct.join(' ')}`,
          );
          if (result !== 'found') continue;
          assert.ok(matching.includes(match.value!));
          assert.deepEqual(match.params, expressionOf(match.value!).exec(entry)!.slice(1));
          // Fixed text wins over parameters.
          if (distinct.includes(entry)) assert.equal(match.value, entry);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('hosts, wildcards and methods', () => {
  const route = (hosts: string[], method: string, value: string): Route<string> => ({
    hosts,
    method,
    template: '/x',
    value,
  });
  const router = compileRouter([
    route(['a.example'], 'GET', 'exact'),
    route(['*.example'], 'GET', 'wildcard'),
    route(['a.example'], 'POST', 'post'),
  ]);
  const match = new RouteMatch<string>();
  assert.deepEqual([router.find('a.example', 'GET', '/x', match), match.value], ['found', 'exact']);
  assert.deepEqual([router.find('b.example', 'GET', '/x', match), match.value], ['found', 'wildcard']);
  assert.equal(router.find('b.c.example', 'GET', '/x', match), 'unknown');
  assert.equal(router.find('other', 'GET', '/x', match), 'unknown');
  assert.equal(router.find('a.example', 'DELETE', '/x', match), 'method-not-allowed');
  assert.deepEqual(
    match.allow
      .split(', ')
      .filter((name) => name === 'GET' || name === 'POST')
      .sort(),
    ['GET', 'POST'],
  );
});

test('a last parameter with a star takes the rest of the path, after everything that says more', () => {
  const router = compileRouter<string>([
    { hosts: [], method: 'GET', template: '/data/{path*}', value: 'rest' },
    { hosts: [], method: 'GET', template: '/data/{id}', value: 'one' },
    { hosts: [], method: 'GET', template: '/data/a/{id}', value: 'deeper' },
    { hosts: [], method: 'PUT', template: '/data/{path*}', value: 'put' },
  ]);
  const match = new RouteMatch<string>();
  const find = (method: string, path: string) => {
    const result = router.find('any', method, path, match);
    return result === 'found' ? [match.value, ...match.params] : result;
  };
  assert.deepEqual(find('GET', '/data/x'), ['one', 'x']);
  assert.deepEqual(find('GET', '/data/a/x'), ['deeper', 'x']);
  assert.deepEqual(find('GET', '/data/a/x/y'), ['rest', 'a/x/y']);
  assert.deepEqual(find('GET', '/data/b/c%20d'), ['rest', 'b/c d']);
  assert.deepEqual(find('PUT', '/data/a/x'), ['put', 'a/x']);
  assert.equal(find('DELETE', '/data/a/x/y'), 'method-not-allowed');
  assert.equal(find('GET', '/data'), 'unknown');
  assert.equal(find('GET', '/data/'), 'unknown');
});

test('ten thousand operations: each is found', () => {
  const routes = Array.from(
    { length: 10_000 },
    (_, i): Route<number> => ({
      hosts: [],
      method: 'GET',
      template: `/service${i % 100}/v${i % 7}/things${i}/{id}`,
      value: i,
    }),
  );
  const router = compileRouter(routes);
  const match = new RouteMatch<number>();
  for (let i = 0; i < 10_000; i += 37) {
    assert.equal(router.find('any', 'GET', `/service${i % 100}/v${i % 7}/things${i}/abc`, match), 'found');
    assert.deepEqual([match.value, match.params[0]], [i, 'abc']);
  }
});
