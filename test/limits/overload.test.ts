// What is refused when not everything can be served: by priority, before queues grow, and by connections.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openConfig, startTestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const withPriorities = (config: string): string =>
  config
    .replace(
      'listThings: { public: true, reason: test }',
      'listThings: { public: true, reason: test, priority: critical }',
    )
    .replace(
      'getThing: { public: true, reason: test }',
      'getThing: { public: true, reason: test, priority: normal }',
    );

test('without memory only what is critical is served, with a time to come back', async (t) => {
  const upstream = await startRawUpstream(t);
  const config = withPriorities(
    openConfig({ upstreamPort: upstream.port, extra: 'overload: { memory: 1MiB }' }),
  );
  const gate = await startTestGate(t, { config });
  await until(
    async () => (await exchange(gate.port, request('GET', '/things/1'))).status === 503,
    'the pressure to be noticed',
  );
  const refused = await exchange(gate.port, request('DELETE', '/things/1'), 'DELETE');
  assert.equal(refused.status, 503);
  assert.equal(refused.json()['type'], 'urn:gatewright:problem:overloaded');
  assert.match(refused.fields.get('retry-after')!, /^[1-4]$/);
  assert.equal((await exchange(gate.port, request('GET', '/things'))).status, 200);
});

test('an upstream that is full refuses what matters less before what matters more', async (t) => {
  const upstream = await startRawUpstream(t);
  const config = withPriorities(
    openConfig({
      upstreamPort: upstream.port,
      upstream: '    concurrency: { min: 4, initial: 4, max: 4 }',
    }),
  );
  const gate = await startTestGate(t, { config });
  const held: (() => void)[] = [];
  upstream.onRequest = ({ connection }) =>
    void held.push(
      () => void connection.socket.write(answer(200, '{}', { 'content-type': 'application/json' })),
    );
  const waiting: Promise<{ status: number }>[] = [];
  const send = async (method: string, path: string): Promise<void> => {
    const before = held.length;
    waiting.push(exchange(gate.port, request(method, path), method));
    await until(() => held.length > before, 'the request at the service');
  };
  const refusedOf = async (method: string, path: string): Promise<number> => {
    const { status, fields } = await exchange(gate.port, request(method, path), method);
    assert.ok(status !== 503 || fields.has('retry-after'));
    return status;
  };
  // Of four, low may fill 2.8, normal 3.6, and critical is not bound by it.
  await send('DELETE', '/things/1');
  await send('DELETE', '/things/2');
  assert.equal(await refusedOf('DELETE', '/things/3'), 503);
  await send('GET', '/things/1');
  assert.equal(await refusedOf('GET', '/things/2'), 503);
  await send('GET', '/things');
  await send('GET', '/things');
  for (const release of held) release();
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 200);
});

test('connections of one address are counted over threads, and those that idle make room', async (t) => {
  const upstream = await startRawUpstream(t);
  const isOpen = async (client: RawClient): Promise<boolean> => {
    client.socket.write(request('GET', '/things', { connection: 'keep-alive' }));
    await until(() => client.closed || client.received.includes('{"ok":true}'), 'an answer, or the end');
    return !client.closed;
  };
  const counted = await startTestGate(t, {
    workers: 2,
    config: openConfig({ upstreamPort: upstream.port, extra: 'http: { max-connections-per-address: 3 }' }),
  });
  const clients: RawClient[] = [];
  for (let i = 0; i < 3; i++) {
    clients.push(await RawClient.connect(counted.port));
    assert.equal(await isOpen(clients.at(-1)!), true);
  }
  const fourth = await RawClient.connect(counted.port).catch(() => null);
  if (fourth !== null) await until(() => fourth.closed, 'the end of one too many');
  clients[0]!.socket.destroy();
  await until(async () => {
    const next = await RawClient.connect(counted.port).catch(() => null);
    return next !== null && (await isOpen(next));
  }, 'the place of the one that left');

  const small = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port, extra: 'http: { max-connections: 2 }' }),
  });
  const first = await RawClient.connect(small.port);
  assert.equal(await isOpen(first), true);
  const second = await RawClient.connect(small.port);
  assert.equal(await isOpen(second), true);
  const third = await RawClient.connect(small.port);
  assert.equal(await isOpen(third), true);
  await until(() => first.closed, 'the end of the one that idled longest');
  assert.equal(second.closed, false);
  for (const client of [...clients, second, third]) client.socket.destroy();
});
