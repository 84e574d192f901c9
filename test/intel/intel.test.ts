// Threat intelligence as an operator has it: a TAXII server with pages and versions, plain feeds that are signed, records that say what is known,
// and sightings that go back.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TrailReader } from '../../src/audit/index.ts';
import { Feed, type FeedConfig, pollObjects } from '../../src/intel/index.ts';
import { run } from '../support/command.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { indicatorObject, startTaxiiServer, type TaxiiServer } from '../support/taxii-server.ts';
import { until } from '../support/until.ts';

const minute = (n: number): string => new Date(Date.parse('2026-01-01T00:00:00Z') + n * 60_000).toISOString();

const feedOf = (server: TaxiiServer): FeedConfig => ({
  name: 'cert',
  source: {
    kind: 'taxii',
    server: {
      url: server.url,
      collection: server.collection,
      authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
      ca: '',
    },
  },
  everyMs: 60_000,
  confidence: 50,
  minConfidence: 30,
  keepMs: 0,
});

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-intel-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('a collection is read page by page, then what was added; versions, withdrawals and ends are kept apart', async (t) => {
  const server = await startTaxiiServer(t, 'me', 'secret');
  const folder = await folderOf(t);
  for (let i = 0; i < 250; i++)
    server.objects.push({
      added: minute(i),
      object:
        i % 10 === 9
          ? { type: 'malware', id: `malware--${i}` }
          : indicatorObject(`[ipv4-addr:value = '198.51.100.${i}']`),
    });
  const feed = new Feed(feedOf(server), folder, 1000);
  await feed.read();
  assert.deepEqual([feed.size, server.polls.length], [225, 3]);
  // With pages that only the headers tell, a second reader sees the same.
  server.usesNext = false;
  const other = new Feed(feedOf(server), await folderOf(t), 1000);
  await other.read();
  assert.equal(other.size, 225);
  // Only what is new is asked for; a newer version, a withdrawal, one that is over, one of no confidence.
  server.polls.length = 0;
  const [first, second] = server.objects.map(({ object }) => object);
  const add = (object: Record<string, unknown>): void =>
    void server.objects.push({ added: minute(server.objects.length), object });
  add({ ...first, modified: '2026-02-01T00:00:00.000Z', pattern: "[ipv4-addr:value = '203.0.113.7']" });
  add({ ...first, modified: '2025-02-01T00:00:00.000Z', pattern: "[ipv4-addr:value = '203.0.113.8']" });
  add({ ...second, modified: '2026-02-01T00:00:00.000Z', revoked: true });
  add(indicatorObject("[domain-name:value = 'over.example']", { valid_until: '2026-01-02T00:00:00Z' }));
  add(indicatorObject("[domain-name:value = 'unsure.example']", { confidence: 10 }));
  add(indicatorObject("[file:hashes.MD5 = 'x']"));
  await feed.read();
  // Those that a page's end splits have the same time: nothing is asked for twice.
  assert.equal(server.polls[0]!.get('added_after'), minute(248));
  const values = [...feed.indicators()].flatMap((one) => one.values.map(({ value }) => value));
  assert.ok(values.includes('203.0.113.7') && !values.includes('203.0.113.8'));
  assert.ok(
    !values.includes('198.51.100.1') &&
      !values.includes('over.example') &&
      !values.includes('unsure.example'),
  );
  assert.equal(feed.counts.foreign, 1);
  // Another process finds it on disk; a server that fails takes nothing away.
  const again = new Feed(feedOf(server), folder, 1000);
  await again.load();
  assert.equal(again.size, feed.size);
  server.fails = 503;
  await assert.rejects(again.read(), /answers 503/);
  assert.equal(again.size, feed.size);
  server.fails = 0;
  const stranger = { url: server.url, collection: server.collection, authorization: 'Basic eDp5', ca: '' };
  await assert.rejects(pollObjects(stranger, '').next(), /answers 401/);
});

test('records that are known say so where they are exported, the trail has it, and sightings go back', async (t) => {
  const server = await startTaxiiServer(t, 'me', 'secret');
  const known = indicatorObject("[ipv4-addr:value = '192.0.2.7']", { confidence: 90 });
  server.objects.push({ added: minute(0), object: known });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const list = 'agents.example\n198.51.100.0/24\n';
  let signature = sign(null, Buffer.from(list), privateKey).toString('base64');
  const plain = createServer((req, res) => res.end(req.url === '/list.sig' ? signature : list));
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  t.after(() => plain.close());
  const plainUrl = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;
  const key = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('base64');
  const upstream = await startRawUpstream(t);
  const taxii = `taxii: { url: '${server.url}', collection: ${server.collection}, user: me, password: '\${env:TAXII}' }`;
  const gate = await startTestGate(t, {
    env: { TAXII: 'secret' },
    config: openConfig({
      upstreamPort: upstream.port,
      listener: ', trusted-proxies: [ 127.0.0.1 ]',
      extra: `audit: { folder: ./audit }
intel:
  feeds:
    cert: { ${taxii}, every: 200ms }
    list: { url: '${plainUrl}/list.txt', ed25519: '${key}', signature-url: '${plainUrl}/list.sig', every: 1h }
  sightings: { ${taxii}, every: 200ms }
export:
  sinks:
    all: { file: { path: ./all.ndjson }, batch: { linger: 10ms } }
    discreet: { file: { path: ./discreet.ndjson }, batch: { linger: 10ms }, redact: { remove: [client_address] }, only: { min-severity: high } }
`,
    }),
  });
  const metrics = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`)).text();
  await until(
    async () =>
      /intel_indicators\{feed="cert"\} 1\b[\s\S]*intel_indicators\{feed="list"\} 2\b/.test(await metrics()),
    'both feeds',
  );
  const from = (address: string): Promise<unknown> =>
    exchange(gate.port, request('GET', '/things', { 'x-forwarded-for': address }));
  await from('192.0.2.7');
  await from('192.0.2.7');
  await from('198.51.100.9');
  await from('203.0.113.1');
  const lines = async (name: string): Promise<Record<string, unknown>[]> =>
    (await readFile(join(gate.folder, name), 'utf8').catch(() => ''))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  await until(async () => (await lines('all.ndjson')).length === 4, 'the records');
  const threats = (await lines('all.ndjson')).map(
    (record) => record['threats'] as { feed: string }[] | undefined,
  );
  assert.deepEqual(
    threats.map((one) => one?.map(({ feed }) => feed)),
    [['cert'], ['cert'], ['list'], undefined],
  );
  const discreet = await until(async () => {
    const found = await lines('discreet.ndjson');
    return found.length === 2 ? found : undefined;
  }, 'the two that are sure');
  assert.ok(!JSON.stringify(discreet).includes('192.0.2.7'));
  const sightings = await until(() => {
    const found = server.posted.filter((object) => object['type'] === 'sighting');
    return found.reduce((sum, { count }) => sum + (count as number), 0) === 3 ? found : undefined;
  }, 'the sightings');
  assert.ok(sightings.some((one) => one['sighting_of_ref'] === known['id']));
  assert.match(await metrics(), /intel_matches_total\{feed="cert"\} 2\b/);
  const config = ['--config', join(gate.folder, 'gatewright.yaml')];
  const command = (...args: string[]) => run([...args, ...config], { env: { TAXII: 'secret' } });
  await until(
    () =>
      [...new TrailReader(join(gate.folder, 'audit'), 'gatewright', null).entries({ action: 'threat' })]
        .length === 2,
    'one entry a caller and indicator',
  );
  assert.match(
    (await command('intel', 'lookup', '192.0.2.7')).out,
    /^cert {2}indicator--.* confidence 90 {2}Scanner/,
  );
  assert.match((await command('intel', 'lookup', '203.0.113.1')).out, /No feed knows the address/);
  assert.match((await command('intel', 'status')).out, /list +plain +2 indicators, read 20/);
  // A feed whose signature does not hold changes nothing.
  signature = sign(null, Buffer.from('x'), privateKey).toString('base64');
  const fetched = await command('intel', 'fetch');
  assert.equal(fetched.code, 1);
  assert.match(fetched.out, /list +the feed is not signed by its key/);
  assert.match((await command('intel', 'lookup', '198.51.100.1')).out, /^list /);
  await gate.gate.close();
});
