// What HTTP/2 servers were brought down by, sent over a real socket: each attack ends with the right code after a bounded
// amount of work, and a client that behaves is served before, during and after.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  CONNECTION_PREFACE,
  encodeSettings,
  encodeWindowUpdate,
  FrameType,
  H2Code,
  Setting,
} from '../../src/http/h2/frames.ts';
import { openConfig, startTestGate, type TestGate } from '../support/gate.ts';
import { attacks, id, MANY, openPost } from '../support/h2-attacks.ts';
import { block, data, FrameClient, frame, headers, usual } from '../support/h2-frames.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const { enhanceYourCalm, flowControlError, refusedStream } = H2Code;

interface Setup {
  readonly upstream: RawUpstream;
  readonly gate: TestGate;
}

async function setUp(t: TestContext, extra = ''): Promise<Setup> {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port, listener: ', http2: true', extra }),
  });
  return { upstream, gate };
}

const isServed = async (gate: TestGate): Promise<void> => {
  assert.equal((await exchange(gate.port, request('GET', '/things/1'))).status, 200);
};

test('attacks that end the connection', async (t) => {
  const { upstream, gate } = await setUp(t);
  assert.ok(attacks.length >= 27);
  for (const { name, code, run, maxRequests } of attacks) {
    await t.test(name, async () => {
      const before = upstream.requests.length;
      await isServed(gate);
      const client = await FrameClient.connect(gate.port);
      const sent = run(client);
      await isServed(gate);
      assert.ok((await sent) < MANY, 'the attack was let through to its end');
      assert.equal(await client.end(), code);
      await isServed(gate);
      const reached = upstream.requests.length - before - 3;
      assert.ok(reached <= (maxRequests ?? 2), `${reached} requests reached the upstream`);
    });
  }
});

test('more body than the window is reset, and nothing of it is kept', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: openConfig({
      upstreamPort: upstream.port,
      listener: ', http2: true',
      api: '    max-body: 256MiB',
    }),
  });
  upstream.onBytes = ({ socket, received }) => {
    if (received.startsWith('POST')) socket.pause();
    return received.startsWith('POST');
  };
  const client = await FrameClient.connect(gate.port);
  client.send(openPost);
  await client.flood(4000, () => data(1, 'x'.repeat(16_384)));
  await until(() => client.resetOf(1) !== null || client.closed, 'the reset');
  assert.equal(client.resetOf(1), flowControlError);
  await isServed(gate);
});

test('a client that does not read the answers to its pings', async (t) => {
  const { gate } = await setUp(t);
  const client = await FrameClient.connect(gate.port);
  client.socket.pause();
  await client.flood(MANY, () => frame(FrameType.ping, 0, 0, '01234567'));
  client.socket.resume();
  assert.ok([enhanceYourCalm, -1].includes(await client.end()));
  await isServed(gate);
});

test('an HPACK bomb costs one answer, and the tables stay in step', async (t) => {
  const { gate, upstream } = await setUp(t);
  const client = await FrameClient.connect(gate.port);
  // One entry of nearly the whole table, then thousands of references to it in one block.
  const large = `\x40${String.fromCharCode(6)}x-bomb\x7f${String.fromCharCode(0xff & (0x80 | (3900 - 127)), (3900 - 127) >> 7)}${'b'.repeat(3900)}`;
  const first = frame(FrameType.headers, 5, 1, block(usual()) + large);
  client.send(first);
  assert.equal(await client.outcome(1), 'status 200');
  for (let i = 1; i <= 50; i++) {
    client.send(frame(FrameType.headers, 5, id(i), block(usual()) + '\xbe'.repeat(15_000)));
    assert.equal(await client.outcome(id(i)), 'status 431');
  }
  client.send(frame(FrameType.headers, 5, id(51), `${block(usual())}\xbe`));
  assert.equal(await client.outcome(id(51)), 'status 200');
  assert.equal(upstream.requests.at(-1)!.field('x-bomb')!.length, 3900);
});

test('header lists beyond the limit are 431, beyond any reason the end', async (t) => {
  const { gate, upstream } = await setUp(t);
  const client = await FrameClient.connect(gate.port);
  const more = (bytes: number): [string, string][] =>
    Array.from({ length: Math.ceil(bytes / 1000) }, (_, i) => [`x-${i}`, 'y'.repeat(1000)]);
  client.send(headers(1, [...usual(), ...more(40_000)]));
  assert.equal(await client.outcome(1), 'status 431');
  client.send(headers(3, [...usual(), ...Array.from({ length: 150 }, (): [string, string] => ['x', 'y'])]));
  assert.equal(await client.outcome(3), 'status 431');
  client.send(headers(5, [...usual(), ...more(100_000)]));
  assert.equal(await client.end(), enhanceYourCalm);
  assert.equal(upstream.requests.length, 0);
});

test('streams over the limit are refused and may come again; those within it are served', async (t) => {
  const { gate, upstream } = await setUp(t);
  upstream.onRequest = () => {};
  const client = await FrameClient.connect(gate.port);
  for (let i = 0; i < 138; i++) client.send(headers(id(i), usual()));
  for (let i = 128; i < 138; i++) assert.equal(await client.outcome(id(i)), `reset ${refusedStream}`);
  await until(() => upstream.requests.length === 128, 'the requests');
  for (const { connection } of upstream.requests) connection.socket.write(answer(200, 'ok'));
  for (let i = 0; i < 128; i++) assert.equal(await client.outcome(id(i)), 'status 200');
  assert.equal(client.goaway, null);
});

test('a client that opens no window is let go of, and holds little meanwhile', async (t) => {
  const { gate, upstream } = await setUp(t, 'http: { min-rate: 100KiB }');
  let written = 0;
  upstream.onRequest = ({ connection: { socket } }) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n');
    const piece = Buffer.alloc(65_536, 'z');
    const more = (): void => {
      while (!socket.destroyed && written < 1_000_000_000) {
        written += piece.length;
        if (!socket.write(piece)) return void socket.once('drain', more);
      }
    };
    more();
  };
  const client = await FrameClient.connect(gate.port, [[Setting.initialWindowSize, 0]]);
  for (let i = 0; i < 20; i++) client.send(headers(id(i), usual()));
  for (let i = 0; i < 20; i++) assert.equal(await client.outcome(id(i)), 'status 200');
  const usualAnswer = upstream.onRequest;
  upstream.onRequest = ({ connection }) => void connection.socket.write(answer(200, 'ok'));
  await isServed(gate);
  upstream.onRequest = usualAnswer;
  await until(
    () => Array.from({ length: 20 }, (_, i) => client.resetOf(id(i))).every((code) => code !== null),
    'the streams to be reset',
  );
  assert.ok(written < 200_000_000, `${written} bytes were taken`);
  await until(
    () => upstream.connections.filter(({ closed }) => !closed).length <= 1,
    'the upstream connections to be closed',
  );
});

test('windows that shrink below zero stop the body until they open again', async (t) => {
  const { gate, upstream } = await setUp(t);
  upstream.onRequest = ({ connection }) => void connection.socket.write(answer(200, 'x'.repeat(50_000)));
  const client = await FrameClient.connect(gate.port, [[Setting.initialWindowSize, 10_000]]);
  client.send(headers(1, usual()));
  await until(() => client.bodies.get(1)?.length === 10_000, 'the first window');
  client.send(encodeSettings([[Setting.initialWindowSize, 0]]) + encodeWindowUpdate(1, 5000));
  client.send(encodeWindowUpdate(1, 4999));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(client.bodies.get(1)!.length, 10_000);
  client.send(encodeWindowUpdate(1, 2));
  await until(() => client.bodies.get(1)?.length === 10_001, 'one byte');
  client.send(encodeWindowUpdate(1, 100_000));
  await until(() => client.bodies.get(1)?.length === 50_000, 'the rest');
});

test('what is sent by halves runs into the head timeout', async (t) => {
  const { gate } = await setUp(t, 'http: { head-timeout: 600ms, idle-timeout: 1500ms }');
  const halves: Record<string, string> = {
    'half a preface': CONNECTION_PREFACE.slice(0, 10),
    'a preface without settings': CONNECTION_PREFACE,
    'half a frame header': `${CONNECTION_PREFACE}${encodeSettings([])}\0\0`,
    'half a HEADERS frame': CONNECTION_PREFACE + encodeSettings([]) + headers(1, usual()).slice(0, 20),
    'a field block that is not finished':
      CONNECTION_PREFACE + encodeSettings([]) + frame(FrameType.headers, 1, 1, block(usual())),
  };
  for (const [what, bytes] of Object.entries(halves)) {
    const client = await RawClient.connect(gate.port);
    client.send(bytes);
    await client.untilClosed();
    assert.ok(client.closed, what);
  }
  await isServed(gate);
});

test('a field block that trickles is not held open by other streams', async (t) => {
  const { gate, upstream } = await setUp(t, 'http: { head-timeout: 600ms }');
  upstream.onRequest = () => {};
  const client = await FrameClient.connect(gate.port);
  client.send(headers(1, usual()));
  await until(() => upstream.requests.length === 1, 'the request');
  const rest = headers(3, usual());
  let sent = 0;
  const timer = setInterval(() => void client.send(rest[sent++] ?? ''), 100);
  t.after(() => clearInterval(timer));
  assert.equal(await client.end(), enhanceYourCalm);
  assert.ok(sent < rest.length, 'it was not waited for');
});

test('the preface of something else is no HTTP/2', async (t) => {
  const { gate } = await setUp(t);
  for (const start of ['PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n', 'PRI * HTTP/1.1\r\n\r\n', 'PRI\r\n\r\n']) {
    const client = await RawClient.connect(gate.port);
    client.send(start);
    await client.untilClosed();
  }
  await isServed(gate);
});
