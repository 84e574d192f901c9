// HTTP/2 requests that would be something else once they are written down again, to an HTTP/1 upstream and to an HTTP/2
// one: none reaches it, each ends its own stream, and the connection serves on.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openConfig, startTestGate } from '../support/gate.ts';
import { data, type Fields, FrameClient, headers, usual } from '../support/h2-frames.ts';
import { startH2Upstream } from '../support/h2-upstream.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const malformed = 'reset 1';
const refused = 'status 400';

interface Case {
  readonly fields: Fields;
  readonly expected: string;
  /** Frames after the head; without them the head ends the stream. */
  readonly body?: (id: number) => string;
}

const get = (...more: Fields): Fields => [...usual(), ...more];
const post = (...more: Fields): Fields => [
  ...usual('/things', 'POST'),
  ['content-type', 'text/plain'],
  ...more,
];
const pseudo = (change: Record<string, string | null>): Fields =>
  usual()
    .map(([name, value]) => [name, name in change ? change[name] : value] as const)
    .filter((pair): pair is readonly [string, string] => pair[1] !== null && pair[1] !== undefined);

const cases: Record<string, Case> = {
  // Line breaks, blanks and controls.
  'CR LF in a value': { fields: get(['x-a', 'b\r\nx-evil: 1']), expected: malformed },
  'a request in a value': {
    fields: get(['x-a', 'b\r\n\r\nGET /admin HTTP/1.1\r\nhost: a']),
    expected: malformed,
  },
  'LF in a value': { fields: get(['x-a', 'b\nx-evil: 1']), expected: malformed },
  'CR in a value': { fields: get(['x-a', 'b\rx']), expected: malformed },
  'NUL in a value': { fields: get(['x-a', 'b\0c']), expected: malformed },
  'DEL in a value': { fields: get(['x-a', 'b\x7fc']), expected: malformed },
  'a blank before a value': { fields: get(['x-a', ' b']), expected: malformed },
  'a tab after a value': { fields: get(['x-a', 'b\t']), expected: malformed },
  'CR LF in a name': { fields: get(['x-a: b\r\nx-evil', '1']), expected: malformed },
  'a colon in a name': { fields: get(['transfer-encoding:', 'chunked']), expected: malformed },
  'a blank in a name': { fields: get(['transfer-encoding ', 'chunked']), expected: malformed },
  'an empty name': { fields: get(['', 'a']), expected: malformed },
  'upper case': { fields: get(['X-A', 'b']), expected: malformed },
  'a name that is not ASCII': { fields: get(['x-\xe4', 'b']), expected: malformed },
  'an underscore': { fields: get(['x_forwarded_for', '1.2.3.4']), expected: refused },
  // Fields of HTTP/1 connections.
  'transfer-encoding': { fields: post(['transfer-encoding', 'chunked']), expected: malformed },
  'transfer-encoding: identity': { fields: get(['transfer-encoding', 'identity']), expected: malformed },
  connection: { fields: get(['connection', 'close']), expected: malformed },
  'connection that names a field': { fields: get(['connection', 'authorization']), expected: malformed },
  'keep-alive': { fields: get(['keep-alive', 'timeout=5']), expected: malformed },
  'proxy-connection': { fields: get(['proxy-connection', 'keep-alive']), expected: malformed },
  upgrade: { fields: get(['upgrade', 'websocket']), expected: malformed },
  'te other than trailers': { fields: get(['te', 'gzip']), expected: malformed },
  'te with more than trailers': { fields: get(['te', 'trailers, chunked']), expected: malformed },
  // Lengths.
  'a length longer than the body': {
    fields: post(['content-length', '10']),
    body: (id) => data(id, 'short', true),
    expected: malformed,
  },
  'a length shorter than the body': {
    fields: post(['content-length', '2']),
    body: (id) => data(id, 'longer\r\n\r\nGET /admin HTTP/1.1', true),
    expected: malformed,
  },
  'a length of nothing that comes with a body': {
    fields: post(['content-length', '0']),
    body: (id) => data(id, 'GET /admin HTTP/1.1\r\n\r\n', true),
    expected: malformed,
  },
  'a length and no body': { fields: post(['content-length', '5']), expected: malformed },
  'two lengths': { fields: post(['content-length', '0'], ['content-length', '5']), expected: malformed },
  'two equal lengths': {
    fields: post(['content-length', '0'], ['content-length', '0']),
    expected: malformed,
  },
  'a list of lengths': { fields: post(['content-length', '0, 0']), expected: malformed },
  'a signed length': { fields: post(['content-length', '+0']), expected: malformed },
  'a hexadecimal length': { fields: post(['content-length', '0x0']), expected: malformed },
  'an empty length': { fields: post(['content-length', '']), expected: malformed },
  // Pseudo-header fields.
  'no method': { fields: pseudo({ ':method': null }), expected: malformed },
  'no scheme': { fields: pseudo({ ':scheme': null }), expected: malformed },
  'no path': { fields: pseudo({ ':path': null }), expected: malformed },
  'an empty path': { fields: pseudo({ ':path': '' }), expected: malformed },
  'two methods': { fields: [[':method', 'GET'], ...usual()], expected: malformed },
  'two paths': { fields: [...usual(), [':path', '/things']], expected: malformed },
  'two authorities': { fields: [...usual(), [':authority', 'api.example.com']], expected: malformed },
  'a pseudo-header field after others': { fields: [['x-a', 'b'], ...usual()], expected: malformed },
  'an unknown pseudo-header field': { fields: [[':evil', '1'], ...usual()], expected: malformed },
  'a status in a request': { fields: [[':status', '200'], ...usual()], expected: malformed },
  ':protocol without having offered it': {
    fields: [[':protocol', 'websocket'], ...usual()],
    expected: malformed,
  },
  'a request line in the method': {
    fields: pseudo({ ':method': 'GET /admin HTTP/1.1\r\nx:' }),
    expected: malformed,
  },
  'a blank in the method': { fields: pseudo({ ':method': 'GET /admin' }), expected: 'status 501' },
  'a method in lower case': { fields: pseudo({ ':method': 'get' }), expected: 'status 501' },
  CONNECT: {
    fields: pseudo({ ':method': 'CONNECT', ':scheme': null, ':path': null }),
    expected: 'status 501',
  },
  'a line break in the path': {
    fields: pseudo({ ':path': '/things HTTP/1.1\r\nx-evil: 1' }),
    expected: malformed,
  },
  'a blank in the path': { fields: pseudo({ ':path': '/things HTTP/1.1' }), expected: malformed },
  'a path without its slash': { fields: pseudo({ ':path': 'things' }), expected: malformed },
  'a path with a host': { fields: pseudo({ ':path': 'http://evil.example/things' }), expected: malformed },
  'a path that is not ASCII': { fields: pseudo({ ':path': '/th\xefngs' }), expected: malformed },
  'a fragment': { fields: pseudo({ ':path': '/things#a' }), expected: refused },
  'an ambiguous path': { fields: pseudo({ ':path': '/things/..%2fadmin' }), expected: refused },
  'a scheme that is a URL': { fields: pseudo({ ':scheme': 'http://evil.example/?' }), expected: malformed },
  'another scheme': { fields: pseudo({ ':scheme': 'ftp' }), expected: malformed },
  'a line break in the authority': {
    fields: pseudo({ ':authority': 'a\r\nx-evil: 1' }),
    expected: malformed,
  },
  'a user in the authority': { fields: pseudo({ ':authority': 'user@api.example.com' }), expected: refused },
  'a path in the authority': { fields: pseudo({ ':authority': 'api.example.com/admin' }), expected: refused },
  'no host at all': { fields: pseudo({ ':authority': null }), expected: refused },
  'an empty authority': { fields: pseudo({ ':authority': '' }), expected: refused },
  'a Host that differs': { fields: get(['host', 'evil.example']), expected: refused },
  'two Hosts': { fields: get(['host', 'api.example.com'], ['host', 'api.example.com']), expected: malformed },
  // What there is one of.
  'two credentials': { fields: get(['authorization', 'a'], ['authorization', 'b']), expected: refused },
  'two content types': { fields: post(['content-type', 'application/json']), expected: refused },
  'two expectations': {
    fields: post(['expect', '100-continue'], ['expect', '100-continue']),
    expected: malformed,
  },
  'an unknown expectation': { fields: post(['expect', 'magic']), expected: 'status 417' },
};

const trailers: Record<string, Fields> = {
  'a pseudo-header field': [[':path', '/admin']],
  'a length': [['content-length', '0']],
  'a coding': [['transfer-encoding', 'chunked']],
  'a host': [['host', 'evil.example']],
  credentials: [['authorization', 'Bearer x']],
  'a cookie': [['cookie', 'a=b']],
  'where the request comes from': [['x-forwarded-for', '1.2.3.4']],
  'upper case': [['X-A', 'b']],
  'a line break': [['x-a', 'b\r\nx-evil: 1']],
  'an underscore': [['x_a', 'b']],
};

async function run(t: TestContext, port: number, seen: () => number): Promise<void> {
  let client = await FrameClient.connect(port);
  let at = 1;
  const served = async (): Promise<void> => {
    const before = seen();
    client.send(headers(at, usual()));
    assert.equal(await client.outcome(at), 'status 200');
    assert.equal(seen(), before + 1);
    at += 2;
  };
  const check = async (name: string, send: (id: number) => string, expected: string): Promise<void> => {
    await t.test(name, async () => {
      const before = seen();
      client.send(send(at));
      assert.equal(await client.outcome(at), expected);
      at += 2;
      // What follows on the connection is the proof that nothing was left behind.
      await served();
      assert.equal(seen(), before + 1, 'the upstream got a request');
      // Each malformed request costs something; an honest client makes none.
      if (at > 80) {
        client.socket.destroy();
        client = await FrameClient.connect(port);
        at = 1;
      }
    });
  };
  for (const [name, { fields, body, expected }] of Object.entries(cases)) {
    await check(name, (id) => headers(id, fields, body === undefined) + (body?.(id) ?? ''), expected);
  }
  for (const [name, fields] of Object.entries(trailers)) {
    const send = (id: number): string => headers(id, post(), false) + data(id, 'x') + headers(id, fields);
    await check(`in trailers: ${name}`, send, malformed);
  }
  await served();
  client.socket.destroy();
}

test('to an HTTP/1 upstream', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port, listener: ', http2: true' }),
  });
  await run(t, gate.port, () => upstream.requests.length);
  assert.ok(!/evil|admin/.test(upstream.received()), 'something was smuggled');
});

test('to an HTTP/2 upstream', async (t) => {
  const upstream = await startH2Upstream(t);
  const whole: string[] = [];
  const usualAnswer = upstream.onRequest;
  // A request counts once it is whole: what breaks off within its body is no request.
  upstream.onRequest = (asked) => {
    usualAnswer(asked);
    void asked.body.then(() => asked.stream.aborted || whole.push(JSON.stringify(asked.headers)));
  };
  const gate = await startTestGate(t, {
    config: openConfig({
      upstreamPort: upstream.port,
      listener: ', http2: true',
      upstream: '    protocol: http2',
    }).replace(', websocket: true', ''),
  });
  await run(t, gate.port, () => whole.length);
  assert.ok(!whole.some((text) => /evil|admin/.test(text)), 'something was smuggled');
});

test('cookies in crumbs are one field again, to both', async (t) => {
  const h1 = await startRawUpstream(t);
  const h2 = await startH2Upstream(t);
  for (const [port, protocol] of [
    [h1.port, 'http1'],
    [h2.port, 'http2'],
  ] as const) {
    const gate = await startTestGate(t, {
      config: openConfig({
        upstreamPort: port,
        listener: ', http2: true',
        upstream: `    protocol: ${protocol}`,
      }).replace(', websocket: true', ''),
    });
    const client = await FrameClient.connect(gate.port);
    client.send(headers(1, get(['cookie', 'a=1'], ['x-between', 'y'], ['cookie', 'b=2'])));
    assert.equal(await client.outcome(1), 'status 200');
    client.socket.destroy();
  }
  assert.equal(h1.requests[0]!.field('cookie'), 'a=1; b=2');
  assert.equal(h2.requests[0]!.headers.cookie, 'a=1; b=2');
});
