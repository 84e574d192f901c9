// Open WebSockets: a real client passes; sizes, rates and framing are held to, both ends are told why, and pages of
// other origins are refused.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Refusal } from '../../src/exchange/index.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { startGuardedRelay } from '../support/guarded-relay.ts';
import { RawClient, request } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const handshake = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A short frame; `first` is its first byte. */
function frame(first: number, payload: string, masked: boolean): Buffer {
  const bytes = Buffer.from(payload);
  const mask = masked ? [0, 0, 0, 0] : [];
  return Buffer.concat([Buffer.from([first, (masked ? 0x80 : 0) | bytes.length, ...mask]), bytes]);
}

/** A masked frame of bytes. */
const rawFrame = (first: number, payload: number[]): Buffer =>
  Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0, ...payload]);

/** An upstream that agrees to every WebSocket and then keeps what it gets in `frames`. */
async function startSocketUpstream(t: TestContext, more = '') {
  const upstream = await startRawUpstream(t);
  const frames: Buffer[] = [];
  const open = new Set<RawUpstream['connections'][number]>();
  upstream.onRequest = (request) => {
    const accept = createHash('sha1')
      .update(`${request.field('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    open.add(request.connection);
    request.connection.socket.write(
      `HTTP/1.1 101 \r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n${more}\r\n`,
    );
  };
  upstream.onBytes = (connection, bytes) => {
    if (open.has(connection)) frames.push(Buffer.from(bytes));
    return open.has(connection);
  };
  return { upstream, frames };
}

async function openSocket(t: TestContext, port: number, fields: Record<string, string> = {}) {
  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  client.send(request('GET', '/socket', { ...handshake, ...fields }));
  const answered = await client.response();
  client.received = '';
  return { client, answered };
}

async function setUp(t: TestContext, websocket: string, api = '', upstreamLines = '') {
  const { upstream, frames } = await startSocketUpstream(t);
  const config = openConfig({ upstreamPort: upstream.port, api, upstream: upstreamLines }).replace(
    'websocket: true',
    `websocket: ${websocket}`,
  );
  const gate = await startTestGate(t, { config });
  const connect = async (): Promise<RawClient> => {
    const { client, answered } = await openSocket(t, gate.port);
    assert.equal(answered.status, 101);
    return client;
  };
  return { upstream, gate, frames, connect };
}

test("a browser's client talks through the gate", async (t) => {
  const { upstream, gate, frames } = await setUp(t, 'true');
  const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/socket`);
  await once(socket, 'open');
  socket.send('hello');
  await until(() => frames.length > 0, 'the message');
  const message = once(socket, 'message') as Promise<[MessageEvent]>;
  upstream.connections[0]!.socket.write(frame(0x81, 'hi', false));
  assert.equal((await message)[0].data, 'hi');
  const closed = once(socket, 'close') as Promise<[CloseEvent]>;
  upstream.connections[0]!.socket.end(frame(0x88, '', false));
  socket.close();
  await closed;
  const [line] = await gate.accessLines(1);
  assert.deepEqual([line!['status'], line!['decision']], [101, 'allowed']);
});

test('a message that is too large closes with 1009, and the upstream does not get it', async (t) => {
  const { gate, frames, connect, upstream } = await setUp(t, '{ max-message: 100B }');
  const client = await connect();
  client.send(frame(0x81, 'small', true));
  await until(() => Buffer.concat(frames).includes('small'), 'the small message');
  client.send(Buffer.concat([frame(0x01, 'a'.repeat(90), true), frame(0x80, 'b'.repeat(20), true)]));
  await client.untilClosed();
  assert.equal(client.received, '\x88\x02\x03\xf1');
  await until(() => upstream.connections[0]!.closed, 'the upstream connection to close');
  assert.equal(Buffer.concat(frames).includes('b'), false);
  assert.deepEqual(frames.at(-1)!.subarray(-8), Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf1]));
  const [line] = await gate.accessLines(1);
  assert.deepEqual([line!['code'], line!['reason']], ['websocket-violation', 'close-1009']);
});

const broken: readonly (readonly [string, Buffer, string])[] = [
  ['a frame without a mask', frame(0x81, 'x', false), '\x03\xea'],
  ['a reserved bit', frame(0xa1, 'x', true), '\x03\xea'],
  ['compression that was not agreed', frame(0xc1, 'x', true), '\x03\xea'],
  ['a reserved opcode', frame(0x83, 'x', true), '\x03\xea'],
  ['a reserved control opcode', frame(0x8b, 'x', true), '\x03\xea'],
  ['a ping in pieces', frame(0x09, 'x', true), '\x03\xea'],
  ['a continuation of nothing', frame(0x80, 'x', true), '\x03\xea'],
  ['a message within a message', Buffer.concat([frame(0x01, 'a', true), frame(0x81, 'b', true)]), '\x03\xea'],
  ['text that is not UTF-8', rawFrame(0x81, [0xc3, 0x28]), '\x03\xef'],
  ['text that ends within a character', rawFrame(0x81, [0xe2, 0x82]), '\x03\xef'],
  ['text with a surrogate', rawFrame(0x81, [0xed, 0xa0, 0x80]), '\x03\xef'],
  ['a Close with a code that is not for frames', rawFrame(0x88, [0x03, 0xed]), '\x03\xea'],
  ['a Close of one byte', rawFrame(0x88, [0x03]), '\x03\xea'],
  [
    'a flood of fragments',
    Buffer.concat([frame(0x01, '', true), ...Array.from({ length: 6000 }, () => frame(0x00, '', true))]),
    '\x03\xf0',
  ],
  ['bytes that are no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n'), '\x03\xea'],
  ['a flood of pings', Buffer.concat(Array.from({ length: 300 }, () => frame(0x89, '', true))), '\x03\xf0'],
  [
    'more messages than allowed',
    Buffer.concat(Array.from({ length: 60 }, () => frame(0x81, 'm', true))),
    '\x03\xf0',
  ],
];
for (const [name, bytes, code] of broken) {
  test(`${name}: both ends are told and the tunnel ends`, async (t) => {
    const { connect, upstream } = await setUp(t, '{ rate: 5/s }');
    const client = await connect();
    client.send(bytes);
    await client.untilClosed();
    assert.equal(client.received, `\x88\x02${code}`);
    await until(() => upstream.connections[0]!.closed, 'the upstream connection to close');
  });
}

test('an upstream that breaks the rules is let go of as well', async (t) => {
  const { connect, upstream } = await setUp(t, 'true');
  const client = await connect();
  upstream.connections[0]!.socket.write(frame(0x81, 'masked', true));
  await client.untilClosed();
  assert.equal(client.received, '\x88\x02\x03\xea');
});

test('a page of another origin may open one only where CORS lets it in', async (t) => {
  const { gate } = await setUp(t, 'true', '    cors: { origins: [ https://app.example ] }');
  const statusOf = async (origin: string): Promise<number> => {
    const client = await RawClient.connect(gate.port);
    t.after(() => client.destroy());
    client.send(request('GET', '/socket', { ...handshake, origin }));
    return (await client.response()).status;
  };
  assert.equal(await statusOf('https://evil.example'), 403);
  assert.equal(await statusOf('null'), 403);
  assert.equal(await statusOf('https://app.example'), 101);
  assert.equal(await statusOf('http://api.example.com'), 101);
});

test('an origin of the list may open one, another may not', async (t) => {
  const { gate } = await setUp(t, '{ origins: [ https://app.example ] }');
  const statusOf = async (origin: string): Promise<number> =>
    (await openSocket(t, gate.port, { origin })).answered.status;
  assert.equal(await statusOf('https://app.example'), 101);
  assert.equal(await statusOf('https://APP.example'), 101);
  assert.equal(await statusOf('https://app.example.evil'), 403);
  assert.equal(await statusOf('https://app.example:8443'), 403);
});

test('the upgrade needs credentials like any other call', async (t) => {
  const { upstream } = await startSocketUpstream(t);
  const gate = await startTestGate(t, {
    config: openConfig({
      upstreamPort: upstream.port,
      api: '    authenticate: [ { api-key: {} } ]',
    }).replace('openSocket: { public: true, reason: test, ', 'openSocket: { '),
  });
  assert.equal((await openSocket(t, gate.port)).answered.status, 401);
  assert.equal((await openSocket(t, gate.port, { 'x-api-key': 'wrong' })).answered.status, 401);
  assert.equal(upstream.requests.length, 0);
});

test('extensions are not offered to the service, unless compression is let pass', async (t) => {
  const offer = { 'sec-websocket-extensions': 'x-odd, permessage-deflate; client_max_window_bits' };
  const strict = await setUp(t, 'true');
  assert.equal((await openSocket(t, strict.gate.port, offer)).answered.status, 101);
  assert.equal(strict.upstream.requests[0]!.field('sec-websocket-extensions'), undefined);

  const { upstream, frames } = await startSocketUpstream(
    t,
    'sec-websocket-extensions: permessage-deflate\r\n',
  );
  const configOf = (websocket: string): string =>
    openConfig({ upstreamPort: upstream.port }).replace('websocket: true', `websocket: ${websocket}`);
  const lax = await startTestGate(t, { config: configOf('{ compression: true }') });
  const { client, answered } = await openSocket(t, lax.port, offer);
  assert.equal(answered.status, 101);
  assert.equal(
    upstream.requests[0]!.field('sec-websocket-extensions'),
    'permessage-deflate; client_max_window_bits',
  );
  client.send(rawFrame(0xc1, [0xca, 0x49, 0xff]));
  await until(() => Buffer.concat(frames).includes(Buffer.from([0xca, 0x49, 0xff])), 'the message');
  // What nobody offered can not be agreed to.
  const refusing = await startTestGate(t, { config: configOf('true') });
  assert.equal((await openSocket(t, refusing.port, offer)).answered.status, 502);
});

test('silence on both sides ends it with 1001, pings keep it', async (t) => {
  const { connect, upstream, gate, frames } = await setUp(t, 'true', '', '    timeouts: { idle: 1s }');
  const client = await connect();
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    client.send(frame(0x89, '', true));
  }
  assert.equal(client.closed, false);
  await client.untilClosed();
  assert.equal(client.received, '\x88\x02\x03\xe9');
  await until(() => upstream.connections[0]!.closed, 'the upstream connection to close');
  assert.deepEqual(frames.at(-1)!.subarray(-2), Buffer.from([0x03, 0xe9]));
  const [line] = await gate.accessLines(1);
  assert.equal(line!['decision'], 'allowed');
});

test('a service that vanishes leaves a farewell of the gate', async (t) => {
  const { connect, upstream } = await setUp(t, 'true');
  const client = await connect();
  upstream.connections[0]!.socket.destroy();
  await client.untilClosed();
  assert.equal(client.received, '\x88\x02\x03\xf3');
});

test('guards judge whole messages of both sides before the other gets any of it', async (t) => {
  const { upstream, frames } = await startSocketUpstream(t);
  const seen: string[] = [];
  const relay = await startGuardedRelay(t, upstream.port, {
    onMessage: (_exchange, message, isText, fromClient) => {
      const text = Buffer.from(message).toString('utf8');
      seen.push(`${fromClient ? 'client' : 'service'} ${isText ? 'text' : 'binary'} ${text}`);
      if (text.includes('throw')) throw new Error('broken');
      return text.includes('evil') ? new Refusal('body-invalid', 'inspect', 'evil') : null;
    },
  });
  const offer = { 'sec-websocket-extensions': 'permessage-deflate' };
  const { client } = await openSocket(t, relay.port, offer);
  assert.equal(upstream.requests[0]!.field('sec-websocket-extensions'), undefined);
  client.send(frame(0x01, 'he', true));
  client.send(frame(0x89, 'ping', true));
  await until(() => Buffer.concat(frames).includes('ping'), 'the ping');
  assert.equal(Buffer.concat(frames).includes('he'), false);
  client.send(frame(0x80, 'llo', true));
  await until(() => Buffer.concat(frames).includes('llo'), 'the message');
  upstream.connections[0]!.socket.write(frame(0x82, 'data', false));
  await until(() => client.received.includes('data'), 'the answer');
  client.received = '';
  client.send(Buffer.concat([frame(0x01, 'ev', true), frame(0x80, 'il', true), frame(0x81, 'late', true)]));
  await client.untilClosed();
  assert.equal(client.received, '\x88\x02\x03\xf0');
  await until(() => upstream.connections[0]!.closed, 'the upstream connection to close');
  const got = Buffer.concat(frames);
  assert.ok(!got.includes('ev') && !got.includes('late'));
  assert.deepEqual(got.subarray(-2), Buffer.from([0x03, 0xf0]));
  assert.deepEqual(seen, ['client text hello', 'service binary data', 'client text evil']);
  assert.equal(relay.ended[0]!.refusal!.reason, 'evil');

  const second = (await openSocket(t, relay.port)).client;
  upstream.connections[1]!.socket.write(frame(0x81, 'evil answer', false));
  await second.untilClosed();
  assert.equal(second.received, '\x88\x02\x03\xf0');
  const third = (await openSocket(t, relay.port)).client;
  third.send(frame(0x81, 'throw', true));
  await third.untilClosed();
  assert.equal(third.received, '\x88\x02\x03\xf3');
});
