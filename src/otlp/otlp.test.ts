// What is kept, how it is sent when a receiver is in trouble, and how counters become deltas: with a clock and a receiver of paper.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import fc from 'fast-check';
import { type ExchangeRecord, type MetricFamily, silentLog } from '../telemetry/index.ts';
import { errorTypeOf, splitAddress } from './attributes.ts';
import type { TraceSettings } from './contract.ts';
import { retryInfoMs } from './grpc-transport.ts';
import { retryAfterMs } from './http-transport.ts';
import { answerTables } from './messages.ts';
import { MetricConverter, otlpName } from './metrics.ts';
import { encodeMessage } from './protobuf.ts';
import { TailSampler } from './sampler.ts';
import { Sender } from './sender.ts';
import type { Outcome, Transport } from './transport.ts';

const record = (more: Partial<ExchangeRecord>): ExchangeRecord => ({
  time: '2026-11-25T07:00:00.000Z',
  id: 'f'.repeat(32),
  listener: 'public',
  client_address: '203.0.113.7',
  trace_id: '0'.repeat(31) + '1',
  span_id: '1'.repeat(16),
  decision: 'allowed',
  status: 200,
  request_bytes: 0,
  response_bytes: 0,
  duration_us: 1000,
  ...more,
});

const settings: TraceSettings = {
  ratio: 0,
  parent: 'keep',
  errors: true,
  refusals: true,
  slowMs: 1000,
  perSecond: 1000,
  guards: 'sampled',
};
const asked = { parent_span_id: '2'.repeat(16), trace_sampled: true } as const;

test('what is kept, and why', () => {
  const rows: readonly [Partial<TraceSettings>, Partial<ExchangeRecord>, string | null][] = [
    [{}, {}, null],
    [{ ratio: 1 }, {}, 'ratio'],
    [{ ratio: 0.5 }, { trace_id: '0'.repeat(18) + '7fffffffffffff' }, null],
    [{ ratio: 0.5 }, { trace_id: '0'.repeat(18) + '80000000000000' }, 'ratio'],
    [{ ratio: 0 }, { trace_id: 'f'.repeat(32) }, null],
    [{}, asked, 'parent'],
    [{ parent: 'ignore' }, asked, null],
    [{ parent: 'ignore', ratio: 1 }, asked, 'ratio'],
    [{ parent: 'follow' }, asked, 'parent'],
    [{ parent: 'follow', ratio: 1 }, { parent_span_id: '2'.repeat(16) }, null],
    [{ parent: 'follow' }, { parent_span_id: '2'.repeat(16), status: 500 }, null],
    [{ parent: 'follow' }, { status: 500 }, 'error'],
    [{}, { decision: 'failed', status: 502, code: 'upstream-unreachable' }, 'error'],
    [{ errors: false }, { status: 500 }, null],
    [{}, { decision: 'refused', status: 403 }, 'refusal'],
    [{ refusals: false }, { decision: 'refused', status: 403 }, null],
    [{}, { duration_us: 1_000_000 }, 'slow'],
    [{}, { duration_us: 9_000_000, upstream_first_byte_us: 2000 }, null],
    [{ slowMs: null }, { duration_us: 9_000_000 }, null],
  ];
  for (const [more, exchange, reason] of rows) {
    const got = new TailSampler({ ...settings, ...more }).decide(record(exchange));
    assert.equal(got, reason, JSON.stringify([more, exchange]));
  }
  const noTrace = record({ decision: 'refused', status: 400 });
  delete (noTrace as { trace_id?: string }).trace_id;
  assert.equal(new TailSampler(settings).decide(noTrace), null, 'no request, no trace');
});

test('what a look at the line passes over would not be kept', () => {
  let passed = 0;
  fc.assert(
    fc.property(
      fc.record({
        ratio: fc.constantFrom(0, 0.3, 1),
        parent: fc.constantFrom('ignore' as const, 'keep' as const, 'follow' as const),
        errors: fc.boolean(),
        refusals: fc.boolean(),
        slowMs: fc.constantFrom(null, 1, 50, 1000),
      }),
      fc.record({
        decision: fc.constantFrom(
          'allowed' as const,
          'allowed' as const,
          'allowed' as const,
          'refused' as const,
          'failed' as const,
          'answered' as const,
        ),
        status: fc.constantFrom(101, 200, 404, 500, 503),
        trace: fc.constantFrom(
          '0'.repeat(32),
          '1'.repeat(32),
          'f'.repeat(32),
          `${'0'.repeat(18)}c0000000000000`,
        ),
        sampled: fc.boolean(),
        // What a client may send to look like something else.
        path: fc.constantFrom('/', '"decision":"allowed"', '"status":200,"duration_us":9'),
        duration_us: fc.nat(100_000),
        first: fc.option(fc.nat(100_000)),
      }),
      (more, { trace, sampled, first, ...rest }) => {
        // Members in the order of the line.
        const { duration_us, status, decision, trace_id: _t, span_id, ...before } = record(rest);
        const one = {
          ...{ ...before, path: undefined },
          trace_id: trace,
          span_id: span_id!,
          ...(sampled ? asked : {}),
          path: before.path!,
          decision,
          status,
          duration_us: duration_us + (first ?? 0),
          ...(first === null ? {} : { upstream_first_byte_us: first }),
        };
        const sampler = new TailSampler({ ...settings, ...more });
        const line = JSON.stringify(one);
        const lines = `${line}\n${line}\n`;
        const may = sampler.mayKeep(lines, line.length + 1, lines.length - 1);
        if (!may) passed++;
        assert.ok(may || sampler.decide(one) === null);
      },
    ),
    { numRuns: 1000 },
  );
  assert.ok(passed > 50, `${passed} were passed over`);
});

test('nobody can make the gate keep more than it was told to', () => {
  let nowMs = 0;
  const sampler = new TailSampler({ ...settings, perSecond: 10 }, () => nowMs);
  const flood = (more: Partial<ExchangeRecord>): number => {
    let kept = 0;
    for (let i = 0; i < 100; i++) if (sampler.decide(record(more)) !== null) kept++;
    return kept;
  };
  assert.equal(flood({ decision: 'refused', status: 401 }), 10);
  assert.equal(flood(asked), 0);
  assert.equal(sampler.limited, 190);
  nowMs = 500;
  assert.equal(flood(asked), 5);
  const follows = new TailSampler({ ...settings, parent: 'follow', perSecond: 10 }, () => 0);
  for (let i = 0; i < 100; i++) follows.decide(record(asked));
  assert.equal(follows.kept.parent, 100, 'callers that are trusted with the choice have it');
});

/** A receiver that answers what it is told to, and a clock that only waiting moves. */
function paper(outcomes: Outcome[], more: { capacity?: number; giveUpMs?: number } = {}) {
  const sent: number[] = [];
  const waits: number[] = [];
  let nowMs = 0;
  const transport: Transport = {
    send: (_signal, body) => {
      sent.push(
        (JSON.parse(body.toString()) as { resourceLogs: [{ scopeLogs: [{ logRecords: unknown[] }] }] })
          .resourceLogs[0].scopeLogs[0].logRecords.length,
      );
      return Promise.resolve(outcomes.shift() ?? { kind: 'taken', rejected: 0, message: '' });
    },
    close: () => {},
  };
  const sender = new Sender(
    {
      signal: 'logs',
      capacity: more.capacity ?? 100,
      batch: 10,
      lingerMs: 5,
      giveUpMs: more.giveUpMs ?? 60_000,
      protocol: 'http/json',
      transport,
      resource: {},
      scope: {},
    },
    {
      log: silentLog,
      random: () => 1,
      nowMs: () => nowMs,
      pause: (ms) => {
        waits.push(ms);
        nowMs += ms;
        return new Promise((resolve) => setImmediate(resolve));
      },
    },
  );
  return { sender, sent, waits };
}
const idle = async (sender: Sender): Promise<void> => {
  while (sender.pending > 0) await new Promise((resolve) => setImmediate(resolve));
};

test('a receiver in trouble is asked again, later and later, and no sooner than it says', async () => {
  const again = (afterMs: number): Outcome => ({ kind: 'again', afterMs, problem: 'busy' });
  const { sender, sent, waits } = paper([again(0), again(0), again(7000)]);
  for (let i = 0; i < 3; i++) sender.offer({});
  await idle(sender);
  assert.deepEqual(sent, [3, 3, 3, 3]);
  assert.deepEqual(waits, [5, 500, 1000, 9000]);
  assert.deepEqual(sender.counts, { sent: 3, failures: 3, rejected: 0, dropped: 0 });
});

test('what is refused for good, given up or has no room is counted', async () => {
  const refused = paper([
    { kind: 'never', problem: 'no' },
    { kind: 'taken', rejected: 2, message: 'two of them' },
  ]);
  for (let i = 0; i < 15; i++) refused.sender.offer({});
  await idle(refused.sender);
  assert.deepEqual(refused.sent, [10, 5]);
  assert.deepEqual(refused.sender.counts, { sent: 3, failures: 1, rejected: 12, dropped: 0 });

  const dead = paper(new Array<Outcome>(100).fill({ kind: 'again', afterMs: 0, problem: 'gone' }), {
    capacity: 4,
    giveUpMs: 10_000,
  });
  for (let i = 0; i < 6; i++) dead.sender.offer({});
  await idle(dead.sender);
  assert.deepEqual(
    dead.sent,
    [4, 4, 4, 4, 4],
    'half a second, one, two, four: the next pause would be too late',
  );
  assert.deepEqual(dead.sender.counts, { sent: 0, failures: 5, rejected: 0, dropped: 6 });
});

test('Retry-After and RetryInfo', () => {
  const nowMs = Date.parse('2026-11-25T07:00:00Z');
  assert.equal(retryAfterMs('3', nowMs), 3000);
  assert.equal(retryAfterMs('Wed, 25 Nov 2026 07:00:09 GMT', nowMs), 9000);
  assert.equal(retryAfterMs('Wed, 25 Nov 2026 06:00:00 GMT', nowMs), 0);
  assert.equal(retryAfterMs('999999999', nowMs), 600_000);
  assert.equal(retryAfterMs('soon', nowMs), 0);
  const withDetails = (value: Buffer): number | null => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', value);
    return retryInfoMs(metadata);
  };
  const info = (retryDelay: object): Buffer =>
    encodeMessage(answerTables.rpcStatus, {
      code: 8,
      details: [
        { typeUrl: 'type.googleapis.com/google.rpc.Help', value: Buffer.alloc(3) },
        {
          typeUrl: 'type.googleapis.com/google.rpc.RetryInfo',
          value: encodeMessage(answerTables.retryInfo, { retryDelay }),
        },
      ],
    });
  assert.equal(withDetails(info({ seconds: 2, nanos: 250_000_000 })), 2250);
  assert.equal(withDetails(info({ seconds: -5 })), 0);
  assert.equal(withDetails(Buffer.from('nonsense')), null);
  assert.equal(retryInfoMs(new Metadata()), null);
});

test('metrics: names and units, and what is new since the last look', () => {
  assert.deepEqual(otlpName('gatewright_request_duration_seconds'), {
    name: 'gatewright_request_duration',
    unit: 's',
  });
  assert.deepEqual(otlpName('gatewright_request_bytes_total'), { name: 'gatewright_request', unit: 'By' });
  assert.deepEqual(otlpName('gatewright_workers'), { name: 'gatewright_workers', unit: '' });
  const families = (value: number, counts: number[], sum: number): MetricFamily[] => [
    { name: 'a_total', help: '', type: 'counter', samples: [{ labels: { x: '1' }, value }] },
    { name: 'g', help: '', type: 'gauge', samples: [{ labels: {}, value }] },
    {
      name: 'h_seconds',
      help: '',
      type: 'histogram',
      bounds: [1],
      samples: [{ labels: {}, counts, sum, exemplars: null }],
    },
  ];
  const delta = new MetricConverter('delta', 1000);
  delta.convert(families(5, [1, 1], 3), 2000);
  const [sum, gauge, histogram] = delta.convert(families(8, [4, 1], 4), 3000);
  assert.equal(sum!.sum!.dataPoints[0]!.asDouble, 3);
  assert.equal(sum!.sum!.dataPoints[0]!.startTimeUnixNano, 2_000_000_000n);
  assert.equal(gauge!.gauge!.dataPoints[0]!.asDouble, 8);
  const [point] = histogram!.histogram!.dataPoints;
  assert.deepEqual([point!.count, point!.sum, point!.bucketCounts], [3n, 1, [3n, 0n]]);
  const cumulative = new MetricConverter('cumulative', 1000);
  cumulative.convert(families(5, [1, 1], 3), 2000);
  const [whole] = cumulative.convert(families(8, [4, 1], 4), 3000);
  assert.equal(whole!.sum!.dataPoints[0]!.asDouble, 8);
  assert.equal(whole!.sum!.dataPoints[0]!.startTimeUnixNano, 1_000_000_000n);
});

test('addresses and what counts as an error', () => {
  assert.deepEqual(splitAddress('[::1]:80'), { address: '::1', port: 80 });
  assert.deepEqual(splitAddress('10.0.0.1:8443'), { address: '10.0.0.1', port: 8443 });
  assert.deepEqual(splitAddress('::1'), { address: '::1', port: undefined });
  assert.equal(errorTypeOf(record({ status: 404 })), '');
  assert.equal(errorTypeOf(record({ status: 500 })), '500');
  assert.equal(
    errorTypeOf(record({ status: 502, decision: 'failed', code: 'upstream-unreachable' })),
    'upstream-unreachable',
  );
  assert.equal(
    errorTypeOf(record({ status: 499, decision: 'refused', code: 'request-aborted' })),
    'request-aborted',
  );
});
