import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ExchangeRecord, RecordBatch, silentLog } from '../telemetry/index.ts';
import type { SinkConfig } from './contract.ts';
import type { ExportEvent } from './event.ts';
import { Exporter } from './exporter.ts';
import { allTaken, SendError, type SendResult, type Sink } from './sink.ts';

const config: SinkConfig = {
  name: 'test',
  records: ['requests'],
  target: { kind: 'file', path: '/dev/null', format: 'json' },
  only: { decisions: [], minSeverity: 'info', apis: [] },
  redact: { remove: [], hash: [], key: '' },
  batch: { records: 10, bytes: 1 << 20, lingerMs: 0 },
  spool: { maxBytes: 1 << 24, whenFull: 'wait' },
};

const lineOf = (id: number, more = {}): string =>
  `${JSON.stringify({ time: '2026-01-01T00:00:00.000Z', id: String(id), listener: 'l', client_address: '192.0.2.1', decision: 'allowed', status: 200, request_bytes: 0, response_bytes: 0, duration_us: 1, ...more })}\n`;
const batchOf = (...lines: string[]): RecordBatch => new RecordBatch(Buffer.from(lines.join('')));

/** A sink that a function stands for; `clock` moves when the exporter pauses. */
async function start(
  t: TestContext,
  send: (events: readonly ExportEvent[], nowMs: number) => SendResult,
  over: Partial<SinkConfig> = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'gw-export-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const clock = { ms: 0, pauses: [] as number[] };
  const sink: Sink = {
    send: async (events) => send(events, clock.ms),
    close: () => Promise.resolve(),
  };
  const open = () =>
    Exporter.start({ ...config, ...over }, folder, sink, {
      log: silentLog,
      random: () => 0.5,
      nowMs: () => clock.ms,
      pause: async (ms) => {
        clock.ms += ms;
        clock.pauses.push(ms);
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
  const exporter = await open();
  return { exporter, clock, folder, open };
}

async function drained(exporter: Exporter): Promise<void> {
  while (exporter.pending > 0) await new Promise((resolve) => setImmediate(resolve));
}

test('a receiver that is gone for ten minutes gets everything, once and in order', async (t) => {
  const got: string[] = [];
  let attempts = 0;
  const { exporter, clock } = await start(t, (events, nowMs) => {
    if (nowMs < 600_000) {
      attempts++;
      throw new SendError('retry', 'nobody there');
    }
    got.push(...events.map(({ record }) => record.id));
    return allTaken;
  });
  for (let id = 0; id < 200; id++) await exporter.take(batchOf(lineOf(id)));
  await drained(exporter);
  assert.deepEqual(
    got,
    Array.from({ length: 200 }, (_, i) => String(i)),
  );
  // Pauses grow to a limit: ten minutes are some tens of attempts, not thousands.
  assert.ok(attempts < 60, `${attempts} attempts`);
  assert.ok(Math.max(...clock.pauses) <= 60_000);
  assert.equal(exporter.counts.sent, 200);
  await exporter.close();
});

test('the receiver takes a part: the rest is sent again alone, the impossible is buried with its reason', async (t) => {
  const got: string[] = [];
  const once = new Set<string>();
  const { exporter, folder } = await start(t, (events) => {
    const rejected = new Map<number, string>();
    const again = new Set<number>();
    events.forEach(({ record }, index) => {
      if (record.id === '3') rejected.set(index, 'mapping');
      else if (Number(record.id) % 2 === 0 && !once.has(record.id)) {
        once.add(record.id);
        again.add(index);
      } else got.push(record.id);
    });
    return { rejected, again };
  });
  await exporter.take(batchOf(...[0, 1, 2, 3, 4].map((id) => lineOf(id))));
  await drained(exporter);
  assert.deepEqual(got.toSorted(), ['0', '1', '2', '4']);
  assert.equal(exporter.counts.dead, 1);
  assert.match(
    await readFile(join(folder, 'dead-letters.ndjson'), 'utf8'),
    /^\{"reason":"mapping","record":\{.*"id":"3"/,
  );
  await exporter.close();
});

test('one record that spoils its batch is found by halving', async (t) => {
  const got: string[] = [];
  const { exporter } = await start(t, (events) => {
    if (events.some(({ record }) => record.id === '6')) throw new SendError('permanent', 'no');
    got.push(...events.map(({ record }) => record.id));
    return allTaken;
  });
  await exporter.take(batchOf(...Array.from({ length: 10 }, (_, id) => lineOf(id))));
  await drained(exporter);
  assert.deepEqual(got, ['0', '1', '2', '3', '4', '5', '7', '8', '9']);
  await exporter.close();
});

test('refused credentials bury nothing, and what the receiver asks for is waited', async (t) => {
  let refusals = 0;
  const got: string[] = [];
  const { exporter, clock } = await start(t, (events) => {
    refusals++;
    if (refusals === 1) throw new SendError('refused', '401');
    if (refusals === 2) throw new SendError('retry', '429', 120_000);
    got.push(...events.map(({ record }) => record.id));
    return allTaken;
  });
  await exporter.take(batchOf(lineOf(1)));
  await drained(exporter);
  assert.deepEqual(got, ['1']);
  assert.equal(exporter.counts.dead, 0);
  assert.ok(clock.pauses.some((ms) => ms >= 30_000 && ms < 31_000));
  assert.ok(clock.pauses.some((ms) => ms >= 120_000));
  await exporter.close();
});

test('closed in an outage, the next start sends what is left', async (t) => {
  let isUp = false;
  const got: string[] = [];
  const { exporter, open } = await start(t, (events) => {
    if (!isUp) throw new SendError('retry', 'down');
    got.push(...events.map(({ record }) => record.id));
    return allTaken;
  });
  await exporter.take(batchOf(lineOf(1), lineOf(2)));
  await exporter.close();
  isUp = true;
  const next = await open();
  await drained(next);
  assert.deepEqual(got, ['1', '2']);
  await next.close();
});

test('filters and redaction come before everything', async (t) => {
  const got: ExportEvent[] = [];
  const { exporter } = await start(
    t,
    (events) => {
      got.push(...events);
      return allTaken;
    },
    {
      only: { decisions: ['refused'], minSeverity: 'medium', apis: [] },
      redact: { remove: ['query'], hash: ['consumer'], key: 'k'.repeat(16) },
    },
  );
  const refused = { decision: 'refused', guard: 'authorize', query: 'a=*', consumer: 'alice' };
  await exporter.take(
    batchOf(lineOf(1), lineOf(2, refused), lineOf(3, { ...refused, guard: 'limit' }), lineOf(4, refused)),
  );
  await drained(exporter);
  assert.deepEqual(
    got.map(({ record }) => record.id),
    ['2', '4'],
  );
  const records = got.map(({ record }) => record as ExchangeRecord);
  assert.equal(records[0]!.query, undefined);
  assert.match(records[0]!.consumer!, /^[0-9a-f]{32}$/);
  assert.equal(records[0]!.consumer, records[1]!.consumer);
  await exporter.close();
});
