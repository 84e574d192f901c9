// Every class of request smuggling and path confusion, as bytes on a socket: the answer, the end of the connection
// where the framing was bad, and that the service behind saw nothing.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openConfig, startTestGate, type TestGate } from '../support/gate.ts';
import { exchange, RawClient } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

let gate: TestGate;
let upstream: RawUpstream;
const cleanups: (() => unknown)[] = [];
const scope = { after: (cleanup: () => unknown) => void cleanups.unshift(cleanup) } as never;

before(async () => {
  upstream = await startRawUpstream(scope);
  gate = await startTestGate(scope, { config: openConfig({ upstreamPort: upstream.port }) });
});
after(async () => {
  for (const cleanup of cleanups) await cleanup();
});

/** `GET /things` with more lines of fields; a body follows where given. */
const get = (fields: string, body = ''): string => `GET /things HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const post = (fields: string, body = ''): string =>
  `POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n${fields}\r\n${body}`;
const smuggled = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n';
const chunk = '5\r\nhello\r\n0\r\n\r\n';

/** What is refused with 400 and a closed connection. */
const framing: readonly (readonly [string, string])[] = [
  ['CL.TE', post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled}`)],
  ['TE.CL', post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `5c\r\n${smuggled}\r\n0\r\n\r\n`)],
  ['TE.TE with another coding', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n', chunk)],
  ['chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', chunk)],
  ['chunked twice in one field', post('Transfer-Encoding: chunked, chunked\r\n', chunk)],
  ['chunked not last', post('Transfer-Encoding: chunked, gzip\r\n', chunk)],
  ['identity', post('Transfer-Encoding: identity\r\n', 'hello')],
  ['identity before chunked', post('Transfer-Encoding: identity, chunked\r\n', chunk)],
  ['gzip before chunked', post('Transfer-Encoding: gzip, chunked\r\n', chunk)],
  ['a coding in quotes', post('Transfer-Encoding: "chunked"\r\n', chunk)],
  ['a tab before the coding', post('Transfer-Encoding:\tchunked\r\n', chunk)],
  ['a tab after the coding', post('Transfer-Encoding: chunked\t\r\n', chunk)],
  ['a vertical tab in the coding', post('Transfer-Encoding: \x0bchunked\r\n', chunk)],
  ['a coding with a fold', post('Transfer-Encoding:\r\n chunked\r\n', chunk)],
  ['an empty coding', post('Transfer-Encoding: \r\n', chunk)],
  ['a blank before the colon of the coding', post('Transfer-Encoding : chunked\r\n', chunk)],
  ['chunked in HTTP/1.0', `POST /things HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`],
  ['two lengths', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!')],
  ['two equal lengths', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')],
  ['a list of lengths', post('Content-Length: 5, 5\r\n', 'hello')],
  ['a signed length', post('Content-Length: +5\r\n', 'hello')],
  ['a negative length', post('Content-Length: -1\r\n', 'hello')],
  ['a hexadecimal length', post('Content-Length: 0x5\r\n', 'hello')],
  ['a length with a blank inside', post('Content-Length: 1 0\r\n', 'hello')],
  ['an empty length', post('Content-Length: \r\n', 'hello')],
  ['a length beyond all numbers', post('Content-Length: 99999999999999999999\r\n', 'hello')],
  ['a bare LF between lines', `GET /things HTTP/1.1\nHost: a\r\n\r\n`],
  ['a bare LF after a field', get('X: y\nZ: z\r\n')],
  ['a bare LF at the end of the head', 'GET /things HTTP/1.1\r\nHost: a\n\n'],
  ['a bare CR in a value', get('X: y\rZ: z\r\n')],
  ['NUL in a value', get('X: y\0z\r\n')],
  ['NUL in a name', get('X\0Y: z\r\n')],
  ['a control character in a value', get('X: y\x01z\r\n')],
  ['a blank before the colon', get('X : y\r\n')],
  ['a fold', get('X: y\r\n z\r\n')],
  ['a fold as the first field', `GET /things HTTP/1.1\r\n Host: a\r\n\r\n`],
  ['a line without a colon', get('nonsense\r\n')],
  ['an empty name', get(': y\r\n')],
  ['a name in brackets', get('(X): y\r\n')],
  ['a name with an underscore', get('X_Forwarded_For: 1.2.3.4\r\n')],
  [
    'a chunk size beyond all numbers',
    post('Transfer-Encoding: chunked\r\n', `ffffffffffffffff\r\n${smuggled}`),
  ],
  [
    'a chunk size that overflows 64 bits',
    post('Transfer-Encoding: chunked\r\n', `10000000000000005\r\nhello\r\n0\r\n\r\n`),
  ],
  ['a negative chunk size', post('Transfer-Encoding: chunked\r\n', '-5\r\nhello\r\n0\r\n\r\n')],
  ['a chunk size with 0x', post('Transfer-Encoding: chunked\r\n', '0x5\r\nhello\r\n0\r\n\r\n')],
  ['a chunk size after a blank', post('Transfer-Encoding: chunked\r\n', ' 5\r\nhello\r\n0\r\n\r\n')],
  ['a chunk size before a blank', post('Transfer-Encoding: chunked\r\n', '5 \r\nhello\r\n0\r\n\r\n')],
  ['a chunk extension', post('Transfer-Encoding: chunked\r\n', '5;a=b\r\nhello\r\n0\r\n\r\n')],
  ['a chunk extension with a bare LF', post('Transfer-Encoding: chunked\r\n', '5;\nhello\r\n0\r\n\r\n')],
  ['a chunk that is longer than it says', post('Transfer-Encoding: chunked\r\n', '4\r\nhello\r\n0\r\n\r\n')],
  ['a chunk that ends in LF alone', post('Transfer-Encoding: chunked\r\n', '5\r\nhello\n0\r\n\r\n')],
  ['an empty chunk size', post('Transfer-Encoding: chunked\r\n', '\r\nhello\r\n0\r\n\r\n')],
  [
    'a trailer that frames',
    post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n'),
  ],
  ['a trailer that routes', post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\nHost: b\r\n\r\n')],
  [
    'a trailer that identifies',
    post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\nAuthorization: x\r\n\r\n'),
  ],
  [
    'a trailer that forwards',
    post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\nX-Forwarded-For: x\r\n\r\n'),
  ],
  [
    'a trailer without a colon',
    post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\nnonsense\r\n\r\n'),
  ],
  ['Connection naming Authorization', get('Authorization: Bearer x\r\nConnection: authorization\r\n')],
  ['Connection naming X-Forwarded-For', get('Connection: close, X-Forwarded-For\r\n')],
  ['Connection naming Cookie', get('Cookie: a=b\r\nConnection: Cookie\r\n')],
  ['Connection naming Host', get('Connection: Host\r\n')],
  ['Connection naming Content-Length', post('Content-Length: 5\r\nConnection: Content-Length\r\n', 'hello')],
  ['two Hosts', get('Host: b\r\n')],
  ['no Host', 'GET /things HTTP/1.1\r\n\r\n'],
  ['a Host with userinfo', 'GET /things HTTP/1.1\r\nHost: user@a\r\n\r\n'],
  ['a Host with a path', 'GET /things HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['a Host that is a list', 'GET /things HTTP/1.1\r\nHost: a, b\r\n\r\n'],
  ['a Host with a bad port', 'GET /things HTTP/1.1\r\nHost: a:99999\r\n\r\n'],
  ['a Host with a trailing dot', 'GET /things HTTP/1.1\r\nHost: a.\r\n\r\n'],
  ['a Host in Unicode', 'GET /things HTTP/1.1\r\nHost: b\xfccher.example\r\n\r\n'],
  ['an octal address as Host', 'GET /things HTTP/1.1\r\nHost: 0177.0.0.1\r\n\r\n'],
  ['absolute form against Host', 'GET http://b/things HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['absolute form with userinfo', 'GET http://x@a/things HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a fragment', 'GET /things#x HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['two blanks after the method', 'GET  /things HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a tab after the method', 'GET\t/things HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a blank in the target', 'GET /things x HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no version', 'GET /things\r\nHost: a\r\n\r\n'],
  ['a lower-case version', 'GET /things http/1.1\r\nHost: a\r\n\r\n'],
  ['a lower-case method', 'get /things HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bytes that are no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ['two Authorizations', get('Authorization: Bearer a\r\nAuthorization: Bearer b\r\n')],
  ['two Content-Types', post('Content-Type: application/json\r\nContent-Length: 5\r\n', 'hello')],
];

describe('bad framing is refused with 400 and a closed connection', () => {
  for (const [name, bytes] of framing) {
    test(name, async () => {
      const before = upstream.requests.length;
      const client = await RawClient.connect(gate.port);
      client.send(bytes + smuggled);
      const response = await client.response();
      assert.equal(response.status, 400);
      assert.equal(response.fields.get('content-type'), 'application/problem+json');
      assert.match(String(response.json()['instance']), /^urn:gatewright:request:[0-9a-f]{32}$/);
      const received = await client.untilClosed();
      assert.equal(received.split('HTTP/1.1 ').length, 2, 'exactly one answer');
      assert.ok(
        !upstream.requests.slice(before).some(({ target }) => target === '/admin'),
        'nothing was smuggled',
      );
      client.destroy();
    });
  }
});

/** Other refusals; each ends the connection too. */
const others: readonly (readonly [string, string, number])[] = [
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', 501],
  ['TRACE', 'TRACE /things HTTP/1.1\r\nHost: a\r\n\r\n', 501],
  ['a method nobody knows', 'BREW /things HTTP/1.1\r\nHost: a\r\n\r\n', 501],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['HTTP/3.0', 'GET /things HTTP/3.0\r\nHost: a\r\n\r\n', 505],
  ['an expectation nobody knows', post('Content-Length: 5\r\nExpect: 200-ok\r\n', 'hello'), 417],
  ['too many fields', get('X: y\r\n'.repeat(150)), 431],
  ['too large a head', get(`X: ${'y'.repeat(40_000)}\r\n`), 431],
  ['too long a target', `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
];
describe('what can not be served says so', () => {
  for (const [name, bytes, status] of others) {
    test(name, async () => {
      const before = upstream.requests.length;
      const client = await RawClient.connect(gate.port);
      client.send(bytes);
      assert.equal((await client.response(bytes.split(' ')[0])).status, status);
      await client.untilClosed();
      assert.equal(upstream.requests.length, before);
      client.destroy();
    });
  }
});

/** Paths that some server would read in another way. */
const ambiguous = [
  '/things/../admin',
  '/things/%2e%2e/admin',
  '/things/.%2e/admin',
  '/things/%2E%2E%2Fadmin',
  '/things%2f..%2fadmin',
  '/things%2Fx',
  '/things%5cx',
  '/things\\x',
  '/%252e%252e/admin',
  '/things/%25%32%65',
  '//things',
  '/things//1',
  '/./things',
  '/things/.',
  '/things/..',
  '/things;x=y',
  '/things;/1',
  '/things/1.',
  '/things/1%20',
  '/things/%00',
  '/things/%0d%0aX:y',
  '/things/%',
  '/things/%zz',
  '/things/%c0%af',
  '/things/%ff',
  '/things/1%2e',
  '/..;/things',
];
describe('ambiguous paths are refused', () => {
  for (const path of ambiguous) {
    test(path, async () => {
      const before = upstream.requests.length;
      const client = await RawClient.connect(gate.port);
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.equal((await client.response()).status, 400);
      await client.untilClosed();
      assert.equal(upstream.requests.length, before);
      client.destroy();
    });
  }
});

describe('one path and one framing for guards and upstream', () => {
  const passing: readonly (readonly [string, string, string])[] = [
    ['escapes of letters are undone', 'GET /th%69ngs/%41 HTTP/1.1', '/things/A'],
    [
      'escapes that are needed get upper-case digits',
      'GET /things/a%c3%a9%3f HTTP/1.1',
      '/things/a%C3%A9%3F',
    ],
    ['the query stays as it is', 'GET /things?a=%2e%2e/&b=;c HTTP/1.1', '/things?a=%2e%2e/&b=;c'],
    ['absolute form that agrees with Host', 'GET http://a/things/1 HTTP/1.1', '/things/1'],
  ];
  for (const [name, line, target] of passing) {
    test(name, async () => {
      const client = await RawClient.connect(gate.port);
      client.send(`${line}\r\nHost: a\r\n\r\n`);
      assert.equal((await client.response()).status, 200);
      assert.equal(upstream.requests.at(-1)!.target, target);
      client.destroy();
    });
  }

  test('case and a trailing slash make another path', async () => {
    const client = await RawClient.connect(gate.port);
    for (const path of ['/Things', '/things/']) {
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.equal((await client.response()).status, 404);
    }
    client.destroy();
  });

  test('a method override header overrides nothing, and HEAD and OPTIONS escape no rule', async () => {
    // The package's own rules refuse it; nothing reaches the service.
    const before = upstream.requests.length;
    const override = 'GET /things/1 HTTP/1.1\r\nHost: a\r\nX-HTTP-Method-Override: DELETE\r\n\r\n';
    assert.equal((await exchange(gate.port, override)).status, 400);
    assert.equal(upstream.requests.length, before);
    const client = await RawClient.connect(gate.port);
    client.send('OPTIONS /things HTTP/1.1\r\nHost: a\r\n\r\nHEAD /socket HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.response('OPTIONS')).status, 405);
    const head = await client.response('HEAD');
    assert.ok(head.status === 405 || head.status === 200);
    client.destroy();
  });

  test('CL.0: a body that a GET brings is the request’s own, not the next request', async () => {
    const before = upstream.requests.length;
    const client = await RawClient.connect(gate.port);
    client.send(get(`Content-Length: ${smuggled.length}\r\n`, smuggled) + get(''));
    assert.equal((await client.response()).status, 200);
    assert.equal((await client.response()).status, 200);
    const seen = upstream.requests.slice(before);
    assert.deepEqual(
      seen.map(({ target, body }) => [target, body.toString()]),
      [
        ['/things', smuggled],
        ['/things', ''],
      ],
    );
    client.destroy();
  });

  test('0.CL: a refused request’s body is not the next request', async () => {
    const before = upstream.requests.length;
    const client = await RawClient.connect(gate.port);
    client.send(
      `POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}${get('')}`,
    );
    assert.equal((await client.response()).status, 404);
    assert.equal((await client.response()).status, 200);
    assert.deepEqual(
      upstream.requests.slice(before).map(({ target }) => target),
      ['/things'],
    );
    client.destroy();
  });

  test('Expect: the gate alone says 100, once, and a refusal comes instead of it', async () => {
    const client = await RawClient.connect(gate.port);
    client.send(post('Content-Length: 5\r\nExpect: 100-continue\r\n'));
    assert.equal((await client.response('POST', true)).status, 100);
    client.send('hello');
    assert.equal((await client.response('POST')).status, 200);
    assert.equal(upstream.requests.at(-1)!.field('expect'), undefined);
    client.send(`POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
    assert.equal((await client.response('POST', true)).status, 404);
    await client.untilClosed();
    client.destroy();
  });

  test('chunks are sent on as chunks of the gate’s own', async () => {
    const client = await RawClient.connect(gate.port);
    client.send(
      post('Transfer-Encoding: CHUNKED\r\n', '5\r\nhello\r\n00000006\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n'),
    );
    assert.equal((await client.response()).status, 200);
    const { body, trailers } = upstream.requests.at(-1)!;
    assert.equal(body.toString(), 'hello world');
    assert.deepEqual(trailers, [['x-sum', '1']]);
    client.destroy();
  });
});
