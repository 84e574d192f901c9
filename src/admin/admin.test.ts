// The parts of the control plane that think: percentiles, what is remembered of traffic, filters, pages, idempotency.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ExchangeRecord, RecordBatch } from '../telemetry/index.ts';
import { bucketOf, HISTOGRAM_BUCKETS, percentile } from './histogram.ts';
import { Idempotency } from './idempotency.ts';
import { cursorOf, numberOfCursor, pageOf } from './pages.ts';
import { matchesRequest } from './request-filter.ts';
import { MAX_RECENT, Traffic } from './traffic.ts';
import { UseCounts } from './use-counts.ts';

const NOW_MS = Date.UTC(2026, 10, 25, 9, 0, 30);

const record = (part: Partial<ExchangeRecord> & { readonly atMs?: number } = {}): ExchangeRecord => {
  const { atMs = NOW_MS, ...rest } = part;
  return {
    time: new Date(atMs).toISOString(),
    id: '0'.repeat(32),
    listener: 'public',
    client_address: '192.0.2.1',
    decision: 'allowed',
    status: 200,
    request_bytes: 0,
    response_bytes: 0,
    duration_us: 1000,
    ...rest,
  };
};
const batchOf = (records: readonly ExchangeRecord[]): RecordBatch =>
  new RecordBatch(Buffer.from(records.map((one) => `${JSON.stringify(one)}\n`).join(''), 'latin1'));

test('percentiles are off by a quarter of the value at most, and in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 101, max: 100_000_000 }), { minLength: 1, maxLength: 300 }),
      (values) => {
        const counts = new Float64Array(HISTOGRAM_BUCKETS);
        for (const value of values) counts[bucketOf(value)]!++;
        const sorted = [...values].sort((a, b) => a - b);
        let before = 0;
        for (const p of [0.01, 0.5, 0.95, 0.99, 1]) {
          const found = percentile(counts, 0, p)! * 1000;
          const exact = sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)]!;
          assert.ok(found >= exact / 1.26 - 1 && found <= exact * 1.26 + 1, `${p}: ${found} for ${exact}`);
          assert.ok(found >= before);
          before = found;
        }
      },
    ),
  );
  assert.equal(percentile(new Float64Array(HISTOGRAM_BUCKETS), 0, 0.5), null);
});

test('every second of the last hour is summed once, and older ones not at all', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 200 }), (ages) => {
      const traffic = new Traffic(NOW_MS, () => false);
      const records = [...ages].sort((a, b) => b - a).map((age) => record({ atMs: NOW_MS - age * 1000 }));
      traffic.take(batchOf(records));
      const wanted = ages.filter((age) => age < 300).length;
      const sum = traffic.series(NOW_MS, 300, 1).reduce((total, { allowed }) => total + allowed, 0);
      assert.equal(sum, wanted);
      assert.equal(traffic.totals(NOW_MS - 299_000, NOW_MS + 1000).allowed, wanted);
      // What has a slot of its own in the ring may be read; what was overwritten may not.
      assert.equal(
        traffic.totals(NOW_MS - 3_599_000, NOW_MS + 1000).allowed,
        ages.filter((age) => age < 3600).length,
      );
    }),
    { numRuns: 50 },
  );
});

test('whatever names clients choose, a bounded number is remembered and the rest is told together', () => {
  const traffic = new Traffic(NOW_MS, (api) => api === 'control');
  const records = Array.from({ length: 5000 }, (_, at) =>
    record({
      client_address: `2001:db8::${at.toString(16)}`,
      code: 'operation-unknown',
      path: `/${at}`,
      decision: 'refused',
      status: 404,
    }),
  );
  traffic.take(batchOf([...records, record({ api: 'control', operation: 'getNow' })]));
  const top = traffic.top('addresses', NOW_MS, 300, 10_000);
  assert.equal(top.length, 2001);
  assert.deepEqual(top[0], { name: '(others)', requests: 3000, refused: 3000 });
  assert.equal(traffic.uses.unknown.size, 2000);
  assert.equal(traffic.size, 5000);
});

test('the newest records are kept, newest first, and positions go on behind what was shown', () => {
  const traffic = new Traffic(NOW_MS, () => false);
  const total = MAX_RECENT + 500;
  traffic.take(batchOf(Array.from({ length: total }, (_, at) => record({ id: String(at) }))));
  const seen = [...traffic.recent()];
  assert.equal(seen.length, MAX_RECENT);
  assert.equal(seen[0]!.record.id, String(total - 1));
  const [next] = traffic.recent(seen[99]!.position);
  assert.equal(next!.record.id, String(total - 101));
  assert.equal(numberOfCursor(cursorOf(seen[99]!.position)), seen[99]!.position);
});

test('a filter is exact, and its text is looked for in what people know a request by', () => {
  const one = record({
    path: '/Orders',
    consumer: 'shop',
    status: 404,
    decision: 'refused',
    rules: [7],
    user_agent: 'curl/8',
  });
  for (const [filter, expected] of [
    [{}, true],
    [{ status: '4xx' }, true],
    [{ status: '403' }, false],
    [{ text: 'orders' }, true],
    [{ text: 'CURL' }, true],
    [{ text: 'nowhere' }, false],
    [{ rule: 7 }, true],
    [{ rule: 8 }, false],
    [{ consumer: 'sho' }, false],
    [{ fromMs: NOW_MS + 1 }, false],
    [{ untilMs: NOW_MS }, true],
  ] as const)
    assert.equal(matchesRequest(one, filter), expected, JSON.stringify(filter));
});

test('pages show everything once, whatever comes or goes between them', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 })),
      fc.integer({ min: 1, max: 5 }),
      (names, limit) => {
        const sorted = [...names].sort();
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = pageOf(sorted, (name) => name, cursor, limit);
          seen.push(...page.items);
          cursor = page.next ?? undefined;
        } while (cursor !== undefined);
        assert.deepEqual(seen, sorted);
      },
    ),
  );
  assert.throws(() => pageOf(['a'], (name) => name, '???', 1), /none of ours/);
});

test('the same key does a thing once, another request under it is refused, and what failed may be tried again', async () => {
  const idempotency = new Idempotency();
  let done = 0;
  const answer = { status: 201, text: '{}', etag: '', cookies: [] };
  const run = (body: unknown, work = async () => ({ ...answer, text: String(++done) }), nowMs = NOW_MS) =>
    idempotency.run('user a', 'key', { operation: 'issueKey', params: {}, body }, nowMs, work);
  assert.deepEqual(await Promise.all([run(1), run(1)]), [
    { ...answer, text: '1' },
    { ...answer, text: '1' },
  ]);
  assert.throws(() => run(2), /another request/);
  assert.equal((await run(1, undefined, NOW_MS + 700_000)).text, '2');
  const failing = new Idempotency();
  const attempt = (work: () => Promise<typeof answer>) =>
    failing.run('b', 'key', { operation: 'x', params: {}, body: null }, NOW_MS, work);
  await assert.rejects(attempt(() => Promise.reject(new Error('no'))));
  assert.equal((await attempt(() => Promise.resolve(answer))).status, 201);
});

test('use of rules and operations is counted with who and where', () => {
  const uses = new UseCounts();
  const match = { rule: 5, message: 'SQL', variables: [{ name: 'ARGS:q' }] };
  for (const client of ['a', 'b', 'a'])
    uses.take(
      record({ consumer: client, api: 'shop', operation: 'find', matches: [match], decision: 'refused' }),
      NOW_MS,
    );
  const rule = uses.rules.get(5)!;
  assert.deepEqual(
    [rule.matches, rule.refused, rule.clients.size, [...rule.operations]],
    [3, 3, 2, ['shop/find']],
  );
  assert.deepEqual(uses.operations.get('shop/find'), { requests: 3, refused: 3, lastMs: NOW_MS });
});
