// Bodies and answers as they stream: back-pressure, ends that come too early, and everything that is not a plain
// answer with a length.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type OpenConfig, openConfig, startTestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

async function setUp(t: TestContext, config: Partial<OpenConfig> = {}) {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port, ...config }) });
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(gate.port);
    t.after(() => client.destroy());
    return client;
  };
  return { upstream, gate, connect };
}

/** Writes until the socket takes no more for a while; answers the bytes it took. */
async function pour(write: (piece: Buffer) => boolean, most: number): Promise<number> {
  const piece = Buffer.alloc(65_536, 'x');
  let sent = 0;
  while (sent < most && write(piece)) {
    sent += piece.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return sent;
}

test('fifty megabytes each way, byte for byte', async (t) => {
  const size = 50_000_000;
  const { upstream, connect } = await setUp(t, { api: '    max-body: 64MiB' });
  let received = 0;
  upstream.onRequest = ({ body, connection }) => {
    received = body.length;
    connection.socket.write(answer(200, 'y'.repeat(size)));
  };
  const client = await connect();
  client.send(
    `POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: application/octet-stream\r\ncontent-length: ${size}\r\n\r\n`,
  );
  client.send(Buffer.alloc(size, 'x'));
  const { status, body } = await client.response('POST');
  assert.deepEqual([status, received, body.length], [200, size, size]);
  assert.ok(body.every((byte) => byte === 121));
});

test('a slow upstream holds the client back', async (t) => {
  const { upstream, connect } = await setUp(t, { api: '    max-body: 1GiB' });
  upstream.onBytes = (connection) => {
    connection.socket.pause();
    return true;
  };
  const client = await connect();
  client.send(
    'POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 500000000\r\n\r\n',
  );
  await until(() => upstream.connections.length === 1, 'the upstream connection');
  let blocked = 0;
  const sent = await pour((piece) => {
    client.socket.write(piece);
    blocked = client.socket.writableLength > 2_000_000 ? blocked + 1 : 0;
    return blocked < 200;
  }, 200_000_000);
  assert.ok(sent - client.socket.writableLength < 40_000_000, `${sent} bytes were taken`);
});

test('a slow reader holds the upstream back', async (t) => {
  const { upstream, connect } = await setUp(t);
  const client = await connect();
  client.socket.pause();
  let taken = 0;
  upstream.onRequest = async ({ connection: { socket } }) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 500000000\r\n\r\n');
    let blocked = 0;
    const sent = await pour((piece) => {
      socket.write(piece);
      blocked = socket.writableLength > 2_000_000 ? blocked + 1 : 0;
      return blocked < 200;
    }, 200_000_000);
    taken = sent - socket.writableLength;
  };
  client.send(request('GET', '/things'));
  await until(() => taken > 0, 'the upstream to be held back');
  assert.ok(taken < 40_000_000, `${taken} bytes were taken`);
});

const answers: readonly (readonly [string, string, string, string, number])[] = [
  ['a length', 'GET', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', 'ok', 200],
  [
    'chunks',
    'GET',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n',
    'ok',
    200,
  ],
  ['no length and a close', 'GET', 'HTTP/1.1 200 OK\r\n\r\nok', 'ok', 200],
  ['HTTP/1.0', 'GET', 'HTTP/1.0 200 OK\r\n\r\nok', 'ok', 200],
  ['204', 'DELETE', 'HTTP/1.1 204 No Content\r\n\r\n', '', 204],
  ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n', '', 304],
  [
    'an interim answer first',
    'GET',
    'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    'ok',
    200,
  ],
];
for (const [name, method, bytes, body, status] of answers) {
  test(`an answer with ${name}`, async (t) => {
    const { upstream, connect } = await setUp(t);
    upstream.onRequest = ({ connection: { socket } }) => {
      socket.write(bytes);
      if (!/content-length|chunked|204/.test(bytes)) socket.end();
    };
    const client = await connect();
    client.send(request(method, method === 'DELETE' ? '/things/1' : '/things'));
    const response = await client.response(method);
    assert.deepEqual([response.status, response.body.toString()], [status, body]);
    upstream.onRequest = ({ connection }) => void connection.socket.write(answer(200, 'next'));
    client.send(request('GET', '/things'));
    assert.equal((await client.response()).body.toString(), 'next', 'the connection goes on');
  });
}

test('HEAD tells the length and has no body', async (t) => {
  const { upstream, connect } = await setUp(t);
  upstream.onRequest = ({ connection }) =>
    void connection.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n');
  const client = await connect();
  for (let i = 0; i < 2; i++) {
    client.send(request('HEAD', '/things'));
    assert.equal((await client.response('HEAD')).status, 200);
  }
  assert.match(client.received, /content-length: 1234\r\n/);
});

test('an HTTP/1.0 client gets no chunks and the end of the connection', async (t) => {
  const { upstream, connect } = await setUp(t);
  upstream.onRequest = ({ connection }) =>
    void connection.socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n');
  const client = await connect();
  client.send('GET /things HTTP/1.0\r\nhost: a\r\n\r\n');
  const received = await client.untilClosed();
  assert.ok(!received.includes('chunked'));
  assert.ok(received.endsWith('\r\n\r\nok'));
});

test('pipelined requests are answered in order, whatever the upstream’s', async (t) => {
  const { upstream, connect } = await setUp(t);
  upstream.onRequest = ({ target, connection }) =>
    void setTimeout(() => connection.socket.write(answer(200, target)), target.endsWith('1') ? 60 : 0);
  const client = await connect();
  client.send(Array.from({ length: 10 }, (_, i) => request('GET', `/things/${i}`)).join(''));
  for (let i = 0; i < 10; i++) assert.equal((await client.response()).body.toString(), `/things/${i}`);
});

/** Answers that end before they are whole: the client must not take them for whole. */
const halves: readonly (readonly [string, string])[] = [
  ['within a length', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'],
  ['within chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ['within a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nhalf'],
];
for (const [name, bytes] of halves) {
  test(`an upstream that dies ${name} breaks the connection`, async (t) => {
    const { upstream, connect, gate } = await setUp(t);
    upstream.onRequest = ({ connection: { socket } }) => socket.end(bytes);
    const client = await connect();
    client.send(request('GET', '/things'));
    await assert.rejects(client.response());
    assert.ok(!client.received.endsWith('0\r\n\r\n'));
    const [line] = await gate.accessLines(1);
    assert.deepEqual(
      [line!['decision'], line!['code'], line!['status']],
      ['failed', 'upstream-aborted', 200],
    );
  });
}

/** Answers that are no HTTP: 502 and nothing of them. */
const garbage = [
  'SSH-2.0-OpenSSH_9.2\r\n',
  'HTTP/1.1 200 OK\nsecret: internal\n\n',
  'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nsecret',
  'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nsecret',
  'HTTP/1.1 200 OK\r\nsecret : x\r\n\r\n',
  'HTTP/1.1 999999 secret\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nupgrade: secret\r\nconnection: upgrade\r\n\r\n',
  `HTTP/1.1 200 OK\r\n${'secret: x\r\n'.repeat(500)}\r\n`,
];
for (const bytes of garbage) {
  test(`an upstream that says ${JSON.stringify(bytes.slice(0, 40))} is a 502 without internals`, async (t) => {
    const { upstream, gate } = await setUp(t, { upstream: '    retries: { attempts: 0 }' });
    upstream.onRequest = ({ connection: { socket } }) => socket.end(bytes);
    const response = await exchange(gate.port, request('GET', '/things'));
    assert.equal(response.status, 502);
    assert.equal(response.fields.get('content-type'), 'application/problem+json');
    assert.ok(!/secret|SSH|127\.0\.0\.1/.test(response.body.toString()));
  });
}

test('a client that disappears takes its upstream request with it', async (t) => {
  const { upstream, connect, gate } = await setUp(t);
  upstream.onRequest = () => {};
  const client = await connect();
  client.send(request('GET', '/things'));
  await until(() => upstream.requests.length === 1, 'the request');
  client.destroy();
  await until(() => upstream.connections[0]!.closed, 'the upstream connection to close');
  const [line] = await gate.accessLines(1);
  assert.deepEqual([line!['status'], line!['code']], [499, 'request-aborted']);
});

test('a client that disappears within its body does too', async (t) => {
  const { upstream, connect, gate } = await setUp(t);
  const client = await connect();
  client.send(
    'POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nhalf',
  );
  await until(() => upstream.received().includes('half'), 'the half');
  client.destroy();
  await until(() => upstream.connections[0]!.closed, 'the upstream connection to close');
  assert.equal(upstream.requests.length, 0);
  assert.equal((await gate.accessLines(1))[0]!['status'], 499);
});

test('a client that only reads on after its request gets its answer', async (t) => {
  const { connect } = await setUp(t);
  const client = await connect();
  client.send(request('GET', '/things'));
  client.socket.end();
  assert.equal((await client.response()).status, 200);
});

test('bytes of an upstream that nobody asked for are nobody’s answer', async (t) => {
  const { upstream, connect } = await setUp(t);
  upstream.onRequest = ({ connection }) =>
    void connection.socket.write(`${answer(200, 'mine')}${answer(200, 'poison')}`);
  const client = await connect();
  client.send(request('GET', '/things'));
  assert.equal((await client.response()).body.toString(), 'mine');
  upstream.onRequest = ({ connection }) => void connection.socket.write(answer(200, 'second'));
  client.send(request('GET', '/things'));
  assert.equal((await client.response()).body.toString(), 'second');
});
