// Lists from files and URLs, and bans by the command line, on running gates.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { run } from '../support/command.ts';
import { openConfig, startTestGate, type TestGate } from '../support/gate.ts';
import { freePort } from '../support/own-postgres.ts';
import { skipOwnRedis, spawnRedis } from '../support/own-redis.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const from = async (gate: TestGate, address: string): Promise<number> =>
  (await exchange(gate.port, request('GET', '/things', { 'x-forwarded-for': address }))).status;

const becomes = (gate: TestGate, address: string, status: number): Promise<true> =>
  until(async () => (await from(gate, address)) === status && true, `${status} for ${address}`);

async function startListServer(t: TestContext): Promise<{ port: number; files: Map<string, Buffer> }> {
  const files = new Map<string, Buffer>();
  const server = createServer((asked, response) => {
    const file = files.get(asked.url!);
    response.statusCode = file === undefined ? 404 : 200;
    response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => void server.close());
  return { port: (server.address() as AddressInfo).port, files };
}

const trusted = ', trusted-proxies: [ 127.0.0.1 ]';

test('lists: files and signed URLs, read anew without a reload; what does not hold is not used', async (t) => {
  const upstream = await startRawUpstream(t);
  const { port, files } = await startListServer(t);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const put = (text: string, signature = sign(null, Buffer.from(text), privateKey)): void => {
    files.set('/drop.txt', Buffer.from(text));
    files.set('/drop.txt.sig', Buffer.from(signature.toString('base64')));
  };
  put('198.51.100.0/24 ; SBL1\n2001:db8:bad::/48\n');
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  files.set('/bad.txt', Buffer.from('198.51.101.0/24\n'));
  const gate = await startTestGate(t, {
    workers: 2,
    env: { LIST_KEY: pem },
    files: { 'local.txt': '203.0.113.7\n' },
    config: openConfig({
      upstreamPort: upstream.port,
      listener: trusted,
      api: '    addresses: { deny-lists: [ local, drop, feed ] }',
      extra: `intel: { folder: ./intel, feeds: { bad: { url: "http://127.0.0.1:${port}/bad.txt", every: 1h } } }
address-lists:
  feed: { feed: bad }
  local: { file: ./local.txt, required: true }
  drop: { url: "http://127.0.0.1:${port}/drop.txt", reach: anywhere, refresh: 100ms, cache: ./drop.cache, public-key: "\${env:LIST_KEY}" }`,
    }),
  });
  assert.equal(await from(gate, '203.0.113.7'), 403);
  assert.equal(await from(gate, '203.0.113.8'), 200);
  assert.equal(await from(gate, '198.51.100.9'), 403);
  assert.equal(await from(gate, '2001:db8:bad::1'), 403);
  assert.equal(await from(gate, '2001:db8:900d::1'), 200);
  const lines = await gate.accessLines(5);
  assert.ok(lines.some(({ reason }) => reason === 'on-list'));

  await becomes(gate, '198.51.101.9', 403);

  await gate.write('local.txt', '203.0.113.8\n');
  await becomes(gate, '203.0.113.8', 403);
  await becomes(gate, '203.0.113.7', 200);

  // A list that somebody else signed, or nobody, changes nothing.
  put('203.0.113.99\n', Buffer.alloc(64));
  await until(() => gate.log.some(({ event }) => event === 'address-list-failed'), 'the refusal of the list');
  assert.equal(await from(gate, '198.51.100.9'), 403);
  assert.equal(await from(gate, '203.0.113.99'), 200);
});

test('a list that is required keeps the gate from starting; an allow list that is missing admits nobody', async (t) => {
  const upstream = await startRawUpstream(t);
  const parts = { upstreamPort: upstream.port, listener: trusted };
  await assert.rejects(
    startTestGate(t, {
      config: openConfig({
        ...parts,
        extra: 'address-lists: { none: { file: ./none.txt, required: true } }',
      }),
    }),
    /the address list "none" can not be had/,
  );
  const gate = await startTestGate(t, {
    config: openConfig({
      ...parts,
      api: '    addresses: { allow-lists: [ none ] }',
      extra: 'address-lists: { none: { file: ./none.txt } }',
    }),
  });
  assert.equal(await from(gate, '203.0.113.7'), 403);
  await gate.write('none.txt', '203.0.113.0/24\n');
  await becomes(gate, '203.0.113.7', 200);
});

/** Bans by hand, seen by both gates. */
async function banByHand(
  gates: readonly TestGate[],
  env: Record<string, string>,
  lists: boolean,
): Promise<void> {
  const bans = (...args: string[]) =>
    run(['bans', ...args, '--config', `${gates[0]!.folder}/gatewright.yaml`], { env });
  const added = await bans(
    'add',
    '192.0.2.66',
    '--for',
    '10m',
    '--reason',
    'tries passwords',
    '--by',
    'ingrid',
  );
  assert.equal(added.code, 0, added.err);
  for (const gate of gates) await becomes(gate, '192.0.2.66', 403);
  for (const gate of gates) assert.equal(await from(gate, '192.0.2.67'), 200);
  if (lists) {
    const listed = await bans('list');
    assert.match(listed.out, /192\.0\.2\.66\/32 .* ingrid +tries passwords/);
    const again = await bans('remove', '192.0.2.1');
    assert.equal(again.code, 1);
    const refused = await bans('add', '10.0.0.1');
    assert.match(refused.err, /under "never"/);
  }
  // By code: the port of detection.
  await gates[0]!.gate.bans.add({ block: '2001:db8::7', reason: 'scraper', by: 'detector', forMs: 60_000 });
  assert.equal(await from(gates[0]!, '2001:db8::ffff'), 403);
  for (const gate of gates) await becomes(gate, '2001:db8::ffff', 403);
  assert.equal((await bans('remove', '192.0.2.66')).code, 0);
  for (const gate of gates) await becomes(gate, '192.0.2.66', 200);
  for (const gate of gates)
    assert.ok(gate.log.some(({ event, details }) => event === 'ban-added' && details['by'] === 'ingrid'));
}

const configOf = (upstreamPort: number, extra: string): string =>
  openConfig({ upstreamPort, listener: trusted, extra: `${extra}\nbans: { never: [ 10.0.0.0/8 ] }` });

test('bans are the same for all gates of a state within a second', async (t) => {
  const upstream = await startRawUpstream(t);
  const first = await startTestGate(t, {
    workers: 2,
    config: configOf(
      upstream.port,
      'state: { sqlite: ./state.db }\naudit: { folder: ./audit, origin: gate.test }',
    ),
  });
  const second = await startTestGate(t, {
    config: configOf(upstream.port, `state: { sqlite: ${first.folder}/state.db }`),
  });
  await banByHand([first, second], {}, true);
});

test('bans are the same for all gates of a cluster within a second', { skip: skipOwnRedis }, async (t) => {
  const upstream = await startRawUpstream(t);
  const port = await freePort();
  await spawnRedis(t, port);
  const env = { REDIS_URL: `redis://127.0.0.1:${port}` };
  const config = configOf(upstream.port, 'cluster: { redis: "${env:REDIS_URL}" }');
  const gates = await Promise.all([0, 1].map(() => startTestGate(t, { config, env })));
  await banByHand(gates, env, false);
});
