// How requests of one HTTP/2 connection take turns: what is taken back at once is never served, a burst is served whole
// though not at once, and what a client leaves behind is given up and recorded to the last request.
import assert from 'node:assert/strict';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { encodeRstStream, H2Code, Setting } from '../../src/http/h2/frames.ts';
import { openConfig, startTestGate, type TestGate } from '../support/gate.ts';
import { id } from '../support/h2-attacks.ts';
import { data, FrameClient, headers, usual } from '../support/h2-frames.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

async function setUp(t: TestContext) {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port, listener: ', http2: true' }),
  });
  return { upstream, gate };
}

test('a request that is reset in the read that brought it is not served', async (t) => {
  const { upstream, gate } = await setUp(t);
  const client = await FrameClient.connect(gate.port);
  const taken = Array.from(
    { length: 100 },
    (_, i) => headers(id(i), usual(`/things/${i}`)) + encodeRstStream(id(i), H2Code.cancel),
  );
  client.send(taken.join('') + headers(id(100), usual('/things/last')));
  assert.equal(await client.outcome(id(100)), 'status 200');
  assert.deepEqual(
    upstream.requests.map(({ target }) => target),
    ['/things/last'],
  );
  assert.equal(upstream.connections.length, 1);
});

test('a burst in one write is served whole: bodies, trailers, answers of the gate between them', async (t) => {
  const { upstream, gate } = await setUp(t);
  const client = await FrameClient.connect(gate.port);
  const streams = Array.from({ length: 120 }, (_, i) => i);
  const burst = streams.map((i) => {
    if (i % 4 === 0) return headers(id(i), usual(`/things/${i}`));
    if (i % 4 === 1) return headers(id(i), usual('/unknown'));
    const head = headers(id(i), usual('/things', 'POST'), false) + data(id(i), `first ${i},`);
    return i % 4 === 2
      ? head + data(id(i), 'second', true)
      : head + data(id(i), 'second') + headers(id(i), [['x-sum', `${i}`]]);
  });
  client.send(burst.join(''));
  for (const i of streams) {
    assert.equal(await client.outcome(id(i)), i % 4 === 1 ? 'status 404' : 'status 200', `stream ${i}`);
  }
  const bodies = upstream.requests.filter(({ method }) => method === 'POST').map(({ body }) => `${body}`);
  assert.deepEqual(
    bodies.sort(),
    streams
      .filter((i) => i % 4 > 1)
      .map((i) => `first ${i},second`)
      .sort(),
  );
  assert.equal(client.goaway, null);
});

test('a client that leaves: every open request is given up and recorded', async (t) => {
  const { upstream, gate } = await setUp(t);
  const usualAnswer = upstream.onRequest;
  upstream.onRequest = () => {};
  const client = await FrameClient.connect(gate.port);
  for (let i = 0; i < 100; i++) client.send(headers(id(i), usual()));
  await until(() => upstream.requests.length === 100, 'the requests');
  client.socket.destroy();
  await until(() => upstream.connections.every(({ closed }) => closed), 'the connections to be given up');
  const lines = await gate.accessLines(100);
  assert.equal(lines.length, 100);
  for (const line of lines) assert.equal(line['code'], 'request-aborted');
  upstream.onRequest = usualAnswer;
  await isServed(gate);
});

async function isServed(gate: TestGate): Promise<void> {
  const client = await FrameClient.connect(gate.port);
  client.send(headers(1, usual()));
  assert.equal(await client.outcome(1), 'status 200');
  client.socket.destroy();
}

async function startAnsweringServer(t: TestContext): Promise<Http2Server> {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end(Buffer.from([0, 0, 0, 0, 1, 97]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return server;
}

test('a gRPC message that breaks off after its call was answered', async (t) => {
  const server = await startAnsweringServer(t);
  const gate = await startTestGate(t, {
    config: `listeners:
  public: { port: 0, host: 127.0.0.1, http2: true }
upstreams:
  echo: { targets: [ "http://127.0.0.1:${(server.address() as AddressInfo).port}" ], protocol: http2 }
apis:
  echo:
    grpc: { services: { demo.Echo: [ Say ] } }
    upstream: echo
    limits: []
    operations: { demo.Echo/Say: { public: true, reason: test } }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`,
  });
  const call = headers(1, [...usual('/demo.Echo/Say', 'POST'), ['content-type', 'application/grpc']], false);
  const client = await FrameClient.connect(gate.port, [[Setting.initialWindowSize, 0]]);
  client.send(call + data(1, '\0\0\0'));
  assert.equal(await client.outcome(1), 'status 200');
  await gate.accessLines(1);
  client.send(data(1, '', true));
  const other = await FrameClient.connect(gate.port);
  other.send(call + data(1, '\0\0\0\0\x01a', true));
  assert.equal(await other.outcome(1), 'status 200');
  client.socket.destroy();
  other.socket.destroy();
});
