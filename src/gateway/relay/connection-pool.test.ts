// Shared HTTP/2 connections over time: quiet ones are asked for a sign of life, dead ones are given up, idle ones end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Exchange } from '../../exchange/index.ts';
import { RequestHead } from '../../http/h1/index.ts';
import { Endpoint } from '../upstream/index.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { RouteEntry } from './route.ts';
import type { UpstreamLeg, UpstreamUser } from './upstream-leg.ts';

const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const PING = 6;

/** Types of the frames in what was received after the preface. */
function frameTypes(received: Buffer): number[] {
  const types: number[] = [];
  for (let at = 24; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3))
    types.push(received[at + 3]!);
  return types;
}

async function setUp(t: TestContext) {
  let received = Buffer.alloc(0);
  let peer: Socket | null = null;
  const server = createServer((socket) => {
    peer = socket;
    socket.write(settings);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const update = {
    key: 'a',
    host: '127.0.0.1',
    address: '127.0.0.1',
    port,
    tls: false,
    weight: 1,
    healthy: true,
  };
  const endpoint = new Endpoint(update, 0);
  const pool = new ConnectionPool(8, 'http2', {});
  t.after(() => {
    pool.closeIdle();
    peer?.destroy();
    server.close();
  });
  const failures: string[] = [];
  let leg: UpstreamLeg | null = null;
  const user = {
    onUpstreamLeg: (given: UpstreamLeg) => void (leg = given),
    onUpstreamFailure: (kind: string) => void failures.push(kind),
    onUpstreamRead: () => {},
  } as unknown as UpstreamUser;
  assert.equal(pool.take(endpoint, user, false), null);
  await waitFor(() => leg !== null);
  const exchange = new Exchange();
  exchange.method = 'GET';
  exchange.path = '/';
  const route = { stripLength: 0, upstream: { sendsClientHost: false } } as RouteEntry;
  leg!.start(user, { exchange, head: new RequestHead(), route, body: Buffer.alloc(0), upgrade: '' });
  await waitFor(() => frameTypes(received).includes(1));
  return {
    pool,
    failures,
    leg: leg!,
    peer: () => peer!,
    pings: () => frameTypes(received).filter((type) => type === PING).length,
  };
}

async function waitFor(probe: () => boolean): Promise<void> {
  for (let i = 0; i < 4000 && !probe(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(probe());
}

test('a quiet connection is asked once, and given up when it does not answer', async (t) => {
  const { pool, failures, pings } = await setUp(t);
  const nowMs = performance.now();
  pool.sweep(nowMs + 10_000);
  pool.sweep(nowMs + 16_000);
  pool.sweep(nowMs + 17_000);
  await waitFor(() => pings() === 1);
  assert.deepEqual(failures, []);
  pool.sweep(nowMs + 27_000);
  assert.deepEqual(failures, ['closed']);
});

test('one that answers is left alone for five minutes', async (t) => {
  const { pool, failures, pings, peer } = await setUp(t);
  const nowMs = performance.now();
  pool.sweep(nowMs + 16_000);
  await waitFor(() => pings() === 1);
  peer().write(Buffer.from([0, 0, 8, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  // The answer has been read when the next frame, a ping of the peer, is answered.
  peer().write(Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]));
  await waitFor(() => pings() === 2);
  for (let ms = 17_000; ms < 300_000; ms += 20_000) pool.sweep(nowMs + ms);
  pool.sweep(nowMs + 320_000);
  await waitFor(() => pings() === 3);
  assert.deepEqual(failures, []);
});

test('one without streams is not asked, and ends after a minute', async (t) => {
  const { pool, leg, pings, peer } = await setUp(t);
  leg.destroy();
  const closed = once(peer(), 'close');
  const nowMs = performance.now();
  pool.sweep(nowMs + 30_000);
  pool.sweep(nowMs + 61_000);
  await closed;
  assert.equal(pings(), 0);
});
