// Export as an operator has it: a gate with sinks.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
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
