// Answers held to their contract, over the wire: undeclared statuses, types and members, secrets that only a request may
// carry, and the ways around the reading of a body: codings, ranges, HEAD, lengths, duplicate members.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { startTestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const contract = `openapi: 3.1.0
info: { title: Accounts, version: '1' }
paths:
  /account:
    get:
      operationId: getAccount
      responses:
        '200': { content: { application/json: { schema: { $ref: '#/components/schemas/Account' } } } }
        4XX: { content: { application/problem+json: { schema: { type: object, properties: { title: { type: string } } } } } }
    head: { operationId: headAccount, responses: { '200': { content: { application/json: {} } } } }
    delete: { operationId: deleteAccount, responses: { '204': { description: gone } } }
  /file:
    get:
      operationId: getFile
      responses: { '200': { content: { application/pdf: {}, application/json: { schema: { type: object } } } } }
components:
  schemas:
    Account:
      type: object
      required: [ id, password ]
      properties:
        id: { type: integer }
        password: { type: string, writeOnly: true }
        owner: { allOf: [ { $ref: '#/components/schemas/Person' }, { properties: { vip: { type: boolean } } } ] }
        list: { type: array, items: { $ref: '#/components/schemas/Account' } }
        pet: { oneOf: [ { $ref: '#/components/schemas/Cat' }, { $ref: '#/components/schemas/Dog' } ], discriminator: { propertyName: kind } }
    Person: { type: object, properties: { name: { type: string } } }
    Cat: { type: object, properties: { kind: { type: string }, lives: { type: integer } } }
    Dog: { type: object, properties: { kind: { type: string }, bark: { type: string } } }
`;
const json = { 'content-type': 'application/json' };

async function setUp(t: TestContext, answers: string) {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { accounts: { targets: [ http://127.0.0.1:${upstream.port} ] } }
apis:
  accounts:
    contract: ./openapi.yaml
    upstream: accounts
    limits: []
    validate: { answers: ${answers} }
    operations:
      getAccount: { public: true, reason: test }
      headAccount: { public: true, reason: test }
      deleteAccount: { public: true, reason: test }
      getFile: { public: true, reason: test }
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
    contract,
  });
  return async (text: string, path = '/account', method = 'GET', fields: Record<string, string> = {}) => {
    upstream.onRequest = ({ connection }) => {
      seen.head = connection.received.slice(connection.received.lastIndexOf(`${method} ${path}`));
      connection.socket.write(text, text.includes('content-encoding') ? 'latin1' : 'utf8');
    };
    const seen = { head: '' };
    const response = await exchange(gate.port, request(method, path, fields), method);
    return { ...response, body: response.body.toString(), seen, gate };
  };
}

const binary = (coding: string, bytes: Buffer, fields: Record<string, string> = json): string =>
  `HTTP/1.1 200 OK\r\n${Object.entries({ ...fields, 'content-encoding': coding })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}content-length: ${bytes.length}\r\n\r\n${bytes.toString('latin1')}`;

test('block: what breaks the contract is replaced, and none of it reaches the client', async (t) => {
  const ask = await setUp(t, '{ mode: block, limit: 100KiB }');
  const good = '{"id":1,"owner":{"name":"Eve","vip":true},"list":[{"id":2}],"pet":{"kind":"Cat","lives":9}}';
  assert.equal((await ask(answer(200, good, json))).body, good);
  const big = `{"id":${'9'.repeat(19)}}`;
  assert.equal(
    (await ask(answer(200, big, json))).body,
    big,
    'numbers that no double holds pass as they came',
  );
  const secret = 's3cret';
  const bad: readonly (readonly [string, string])[] = [
    ['an undeclared member', answer(200, `{"id":1,"hash":"${secret}"}`, json)],
    ['an undeclared member in a list', answer(200, `{"id":1,"list":[{"id":2,"hash":"${secret}"}]}`, json)],
    ['an undeclared member of a composition', answer(200, `{"id":1,"owner":{"ssn":"${secret}"}}`, json)],
    ['a member of another variant', answer(200, `{"id":1,"pet":{"kind":"Cat","bark":"${secret}"}}`, json)],
    ['a variant that is none', answer(200, `{"id":1,"pet":{"kind":"${secret}"}}`, json)],
    ['what only requests carry', answer(200, `{"id":1,"password":"${secret}"}`, json)],
    ['another type', answer(200, `{"id":"${secret}"}`, json)],
    ['a member twice', answer(200, `{"id":"${secret}","id":1}`, json)],
    [
      'a member twice behind a large number',
      answer(200, `{"id":${'9'.repeat(19)},"id":1,"${secret}":1}`, json),
    ],
    ['a prototype', answer(200, `{"id":1,"__proto__":{"x":"${secret}"}}`, json)],
    ['no JSON', answer(200, `<pre>${secret} at /srv/app.js:12</pre>`, json)],
    ['a byte order mark', answer(200, `\ufeff{"id":1}`, json)],
    ['another content type', answer(200, `<pre>${secret}</pre>`, { 'content-type': 'text/html' })],
    ['no content type', answer(200, `<pre>${secret}</pre>`, {})],
    ['another charset', answer(200, `{"id":1}`, { 'content-type': 'application/json; charset=utf-16' })],
    [
      'an undeclared status',
      answer(500, `{"title":"${secret}"}`, { 'content-type': 'application/problem+json' }),
    ],
    ['an undeclared success', answer(201, `{"id":1}`, json)],
    ['a part', answer(206, `{"id":1}`, { ...json, 'content-range': 'bytes 0-7/80' })],
    ['gzip', binary('gzip', gzipSync('{"id":1}'))],
    ['brotli', binary('br', brotliCompressSync('{"id":1}'))],
    ['zstd', binary('zstd', zstdCompressSync('{"id":1}'))],
    ['more than the limit', answer(200, `{"id":1,"x":"${secret}${'x'.repeat(110_000)}"}`, json)],
    ['nesting', answer(200, `${'['.repeat(5000)}${']'.repeat(5000)}`, json)],
    ['nothing at all', answer(200, '', json)],
  ];
  for (const [what, text] of bad) {
    const response = await ask(text);
    assert.equal(response.status, 502, what);
    assert.match(response.body, /response-contract-broken/, what);
    assert.doesNotMatch(response.body, new RegExp(secret), what);
  }
  const problem = answer(404, '{"title":"no such account"}', { 'content-type': 'application/problem+json' });
  assert.equal((await ask(problem)).status, 404);
});

test('the service is asked for what can be read; HEAD, 304 and empty answers pass', async (t) => {
  const ask = await setUp(t, '{ mode: block }');
  const { seen } = await ask(answer(200, '{"id":1}', json), '/account', 'GET', {
    'accept-encoding': 'gzip, br, zstd',
    range: 'bytes=0-3',
    'if-range': '"x"',
  });
  assert.match(seen.head, /accept-encoding: identity\r\n/i);
  assert.doesNotMatch(seen.head, /range|gzip/i);
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 812\r\n\r\n';
  const answered = await ask(head, '/account', 'HEAD');
  assert.equal(answered.status, 200);
  const html = 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 812\r\n\r\n';
  assert.equal((await ask(html, '/account', 'HEAD')).status, 502);
  const unchanged = 'HTTP/1.1 304 Not Modified\r\netag: "1"\r\n\r\n';
  assert.equal((await ask(unchanged, '/account', 'GET', { 'if-none-match': '"1"' })).status, 304);
  assert.equal((await ask('HTTP/1.1 204 No Content\r\n\r\n', '/account', 'DELETE')).status, 204);
  // Files are read by nobody here, in parts as well.
  const part = answer(206, 'PDF', { 'content-type': 'application/pdf', 'content-range': 'bytes 0-2/9' });
  const file = await ask(part, '/file', 'GET', { range: 'bytes=0-2' });
  assert.equal(file.status, 206);
  assert.match(file.seen.head, /range: bytes=0-2/i);
  const hidden = answer(206, '{"a"', { ...json, 'content-range': 'bytes 0-3/9' });
  assert.equal((await ask(hidden, '/file', 'GET', { range: 'bytes=0-3' })).status, 502);
});

test('strip: undeclared members go, the rest stays as it was; what is wrong beyond that is blocked', async (t) => {
  const ask = await setUp(t, '{ mode: strip }');
  const response = await ask(
    answer(
      200,
      '{"hash":"x","id":1,"password":"x","owner":{"name":"Eve","ssn":1,"vip":true},"list":[{"id":2,"a/b":1}],"pet":{"kind":"Cat","lives":9,"chip":1}}',
      { ...json, etag: '"original"', digest: 'sha-256=x' },
    ),
    '/account',
    'GET',
    { 'if-none-match': '"original"' },
  );
  assert.equal(
    response.body,
    '{"id":1,"owner":{"name":"Eve","vip":true},"list":[{"id":2}],"pet":{"kind":"Cat","lives":9}}',
  );
  assert.doesNotMatch(response.seen.head, /if-none-match/i);
  assert.doesNotMatch(JSON.stringify(response), /sha-256/);
  const untouched = '{ "id" : 1.0 }';
  assert.equal((await ask(answer(200, untouched, json))).body, untouched);
  assert.equal((await ask(answer(200, '{"id":"x","hash":1}', json))).status, 502);
  // What is written anew must not change its numbers.
  assert.equal((await ask(answer(200, `{"id":${'9'.repeat(19)},"hash":1}`, json))).status, 502);
});

test('report: nothing is changed, and the access log says what is wrong', async (t) => {
  const ask = await setUp(t, '{ mode: report, limit: 1KiB }');
  const bad = '{"id":1,"hash":"x"}';
  const response = await ask(answer(200, bad, json));
  assert.equal(response.body, bad);
  assert.equal((await ask(answer(500, 'x', { 'content-type': 'text/plain' }))).status, 500);
  const long = `{"id":1,"list":[${'{"id":2},'.repeat(500)}{"id":3}]}`;
  assert.equal((await ask(answer(200, long, json))).body, long);
  const log = () => readFileSync(join(response.gate.folder, 'access.log'), 'utf8');
  await until(() => log().trim().split('\n').length >= 3, 'three records');
  assert.match(log(), /"contract":"schema-unevaluatedProperties"/);
  assert.match(log(), /"contract":"status 500"/);
  assert.match(log(), /"contract":"answer-limit"/);
});

test('sampling leaves out only what is announced as large', async (t) => {
  const ask = await setUp(t, '{ mode: block, sample: { above: 1KiB, share: 0 } }');
  const long = `{"id":1,"hash":"${'x'.repeat(2000)}"}`;
  assert.equal((await ask(answer(200, long, json))).body, long);
  assert.equal((await ask(answer(200, '{"id":1,"hash":"x"}', json))).status, 502);
  const chunked = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n`;
  assert.equal((await ask(chunked)).status, 502);
  assert.equal((await ask(answer(500, long, json))).status, 502);
});
