// Open WebSockets: a real client passes; sizes, rates and framing are held to, both ends are told why, and pages of
// other origins are refused.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { openConfig, startTestGate } from '../support/gate.ts';
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

/** An upstream that agrees to every WebSocket and then keeps what it gets in `frames`. */
async function setUp(t: TestContext, websocket: string, cors = '') {
  const upstream = await startRawUpstream(t);
  const frames: Buffer[] = [];
  const open = new Set<RawUpstream['connections'][number]>();
  upstream.onRequest = (request) => {
    const accept = createHash('sha1')
      .update(`${request.field('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    open.add(request.connection);
    request.connection.socket.write(
      `HTTP/1.1 101 \r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    );
  };
  upstream.onBytes = (connection, bytes) => {
    if (open.has(connection)) frames.push(Buffer.from(bytes));
    return open.has(connection);
  };
  const config = openConfig({ upstreamPort: upstream.port, api: cors }).replace(
    'websocket: true',
    `websocket: ${websocket}`,
  );
  const gate = await startTestGate(t, { config });
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(gate.port);
    t.after(() => client.destroy());
    client.send(request('GET', '/socket', handshake));
    assert.equal((await client.response()).status, 101);
    client.received = '';
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
