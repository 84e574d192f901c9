// Time: whoever is too slow is let go of, in every phase, and told where that is possible.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type OpenConfig, openConfig, startTestGate } from '../support/gate.ts';
import { RawClient, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const http = 'http: { head-timeout: 300ms, body-timeout: 300ms, idle-timeout: 400ms }';

async function setUp(t: TestContext, config: Partial<OpenConfig> = {}) {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port, extra: http, ...config }),
  });
  const client = await RawClient.connect(gate.port);
  t.after(() => client.destroy());
  return { upstream, gate, client };
}

test('a head that comes byte by byte is a 408', async (t) => {
  const { client, upstream } = await setUp(t);
  const bytes = request('GET', '/things');
  let at = 0;
  const timer = setInterval(() => client.send(bytes[at++ % bytes.length]!), 100);
  t.after(() => clearInterval(timer));
  assert.equal((await client.response()).status, 408);
  await client.untilClosed();
  assert.equal(upstream.requests.length, 0);
});

test('a body that stops is a 408', async (t) => {
  const { client } = await setUp(t);
  client.send(
    'POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nhalf',
  );
  assert.equal((await client.response('POST')).status, 408);
  await client.untilClosed();
});

test('an idle connection is closed without a word', async (t) => {
  const { client } = await setUp(t);
  client.send(request('GET', '/things'));
  assert.equal((await client.response()).status, 200);
  const before = client.received.length;
  await client.untilClosed();
  assert.equal(client.received.length, before);
});

test('a connection that never says anything is closed', async (t) => {
  const { client } = await setUp(t);
  assert.equal(await client.untilClosed(), '');
});

test('an upstream that does not begin to answer is a 504', async (t) => {
  const { client, upstream, gate } = await setUp(t, { upstream: '    timeouts: { first-byte: 300ms }' });
  upstream.onRequest = () => {};
  client.send(request('GET', '/things'));
  assert.equal((await client.response()).status, 504);
  assert.equal((await gate.accessLines(1))[0]!['code'], 'upstream-timeout');
});

test('an answer that stops breaks off', async (t) => {
  const { client, upstream } = await setUp(t, { upstream: '    timeouts: { idle: 300ms }' });
  upstream.onRequest = ({ connection }) =>
    void connection.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf');
  client.send(request('GET', '/things'));
  await assert.rejects(client.response());
});

test('an exchange that takes too long as a whole ends, however busy it is', async (t) => {
  const { client, upstream } = await setUp(t, { upstream: '    timeouts: { total: 600ms }' });
  upstream.onRequest = ({ connection: { socket } }) => {
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
    const timer = setInterval(() => socket.write('1\r\nx\r\n'), 50);
    socket.once('close', () => clearInterval(timer));
  };
  client.send(request('GET', '/things'));
  await assert.rejects(client.response());
});

test('an endless stream of chunks of one byte is refused', async (t) => {
  const { client } = await setUp(t);
  client.send(
    'POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n',
  );
  client.send('1\r\nx\r\n'.repeat(6000));
  assert.equal((await client.response('POST')).status, 400);
  await client.untilClosed();
});

test('requests without end on one connection are served up to a number', async (t) => {
  const { client } = await setUp(t, { extra: 'http: { max-requests: 5 }' });
  client.send(request('GET', '/things').repeat(20));
  const received = await client.untilClosed();
  assert.equal(received.split('HTTP/1.1 200').length - 1, 5);
  assert.match(received, /connection: close/);
});
