// Export as an operator has it: a gate with sinks.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openConfig, startTestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const idsOf = (text: string): string[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { id: string }).id);

test('a sink gets what the access log gets; a filtered one only its own; metrics say so', async (t) => {
  const upstream = await startRawUpstream(t);
  const extra = `export:
  sinks:
    all: { file: { path: ./all.ndjson }, batch: { linger: 10ms } }
    refused: { file: { path: ./refused.cef, format: cef }, batch: { linger: 10ms }, only: { decisions: [refused] } }
`;
  const gate = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port, extra }) });
  for (let i = 0; i < 5; i++) await exchange(gate.port, request('GET', '/things'));
  await exchange(gate.port, request('GET', '/nothing|a=b'));
  const logged = (await gate.accessLines(6)).map(({ id }) => id);
  const read = (name: string): Promise<string> => readFile(join(gate.folder, name), 'utf8').catch(() => '');
  await until(async () => idsOf(await read('all.ndjson')).length === 6, 'the records');
  assert.deepEqual(idsOf(await read('all.ndjson')), logged);
  const cef = await until(async () => (await read('refused.cef')) || undefined, 'the refusal');
  assert.match(
    cef,
    /^CEF:0\|Gatewright\|API gateway\|[^|]+\|request\.refused\|Request refused\|5\|rt=\d+ act=refused [^\n]*\n$/,
  );
  const metrics = await (await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`)).text();
  assert.match(metrics, /gatewright_export_sent_total\{sink="all"\} 6\b/);
  assert.match(metrics, /gatewright_export_pending_records\{sink="all"\} 0\b/);
  await gate.gate.close();
});

test('entries of the trail reach a sink in order and once, across restarts', async (t) => {
  const upstream = await startRawUpstream(t);
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-trail-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'trail.ndjson');
  const config = openConfig({
    upstreamPort: upstream.port,
    extra: `audit: { folder: ${folder}/audit }
export:
  spool: ${folder}/spool
  sinks:
    siem: { records: [audit], file: { path: ${file} }, batch: { linger: 10ms }, redact: { remove: [client_address] } }
    both: { records: [requests, audit], file: { path: ${folder}/both.ndjson, format: ocsf }, batch: { linger: 10ms } }
`,
    api: '    addresses: { deny: [ 192.0.2.0/24 ] }\n',
    listener: ', trusted-proxies: [ 127.0.0.1 ]',
  });
  const lines = async (path: string): Promise<Record<string, unknown>[]> =>
    (await readFile(path, 'utf8').catch(() => ''))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const refused = (): Promise<unknown> =>
    exchange(gate.port, request('GET', '/things', { 'x-forwarded-for': '192.0.2.7' }));
  let gate = await startTestGate(t, { config });
  await until(
    async () => (await readFile(join(folder, 'spool/siem/trail'), 'utf8').catch(() => '')) !== '',
    'the cursor',
  );
  await refused();
  await until(
    async () => (await lines(file)).some(({ action }) => action === 'request.refuse'),
    'the refusal',
  );
  await gate.gate.close();
  gate = await startTestGate(t, { config });
  await refused();
  await until(
    async () => (await lines(file)).filter(({ action }) => action === 'request.refuse').length === 2,
    'both',
  );
  await gate.gate.close();
  const found = await lines(file);
  const indexes = found.map(({ index }) => index as number);
  assert.deepEqual(
    indexes,
    indexes.map((_, i) => indexes[0]! + i),
  );
  assert.ok(found.some(({ action }) => action === 'gate.stop'));
  assert.ok(found.every((entry) => !JSON.stringify(entry).includes('192.0.2.7')));
  const both = await lines(join(folder, 'both.ndjson'));
  const classes = both.map(({ class_uid: uid }) => uid);
  // The refusals come as requests alone; the gate's stop and start come from the trail.
  assert.equal(classes.filter((uid) => uid === 4002).length, 2);
  assert.ok(classes.includes(6002) && !classes.includes(6003));
});
