// The limit table against a plain model of GCRA, and over threads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { createLimitTable, LimitResult, LimitTable } from './index.ts';

test('property: one key behaves as GCRA in its virtual-scheduling form', () => {
  const step = fc.tuple(fc.nat(500), fc.boolean());
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 400 }),
      fc.array(step, { maxLength: 60 }),
      (burst, intervalMs, steps) => {
        const table = new LimitTable(createLimitTable(64));
        const limit = { id: 7, intervalMs, toleranceMs: (burst - 1) * intervalMs, burst };
        const result = new LimitResult();
        let tat = 0;
        let nowMs = 1_000_000;
        for (const [waitMs, givesBack] of steps) {
          nowMs += waitMs;
          table.take(limit, 'key', nowMs, result);
          const begin = Math.max(tat, nowMs);
          const allowed = begin - nowMs <= limit.toleranceMs;
          assert.equal(result.allowed, allowed);
          if (allowed) {
            tat = begin + intervalMs;
            assert.equal(
              result.remaining,
              Math.max(0, Math.floor((limit.toleranceMs - (tat - nowMs)) / intervalMs) + 1),
            );
            if (givesBack) {
              table.giveBack(limit, 'key', nowMs);
              tat -= intervalMs;
            }
          } else assert.equal(result.retryAfterMs, begin - nowMs - limit.toleranceMs);
        }
      },
    ),
  );
});

test('keys and limits do not mix', () => {
  const table = new LimitTable(createLimitTable(4096));
  const result = new LimitResult();
  for (const id of [1, 2, 2 ** 40 + 1]) {
    for (let i = 0; i < 200; i++) {
      table.take({ id, intervalMs: 1000, toleranceMs: 0, burst: 1 }, `key ${i}`, 5000, result);
      assert.equal(result.allowed, true);
    }
  }
  assert.equal(table.evictions, 0);
});

test('a table that is too small forgets the oldest and counts it', () => {
  const table = new LimitTable(createLimitTable(8));
  const result = new LimitResult();
  for (let i = 0; i < 100; i++)
    table.take({ id: 1, intervalMs: 1000, toleranceMs: 0, burst: 1 }, String(i), 5000, result);
  assert.ok(table.evictions > 50);
});

test('threads that take at once get exactly the burst', async () => {
  const memory = createLimitTable(64);
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ LimitTable, LimitResult }) => {
      const table = new LimitTable(workerData.memory);
      const result = new LimitResult();
      let allowed = 0;
      for (let i = 0; i < 50_000; i++) {
        table.take({ id: 1, intervalMs: 1e9, toleranceMs: 29_999e9, burst: 30_000 }, 'key', 1000, result);
        if (result.allowed) allowed++;
      }
      parentPort.postMessage(allowed);
    });`;
  const module = new URL('./index.ts', import.meta.url).href;
  const counts = await Promise.all(
    Array.from(
      { length: 4 },
      () =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(code, { eval: true, workerData: { memory, module } });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    30_000,
  );
});

test('a lock that a dead thread left behind is broken', () => {
  const memory = createLimitTable(8);
  const table = new LimitTable(memory);
  const result = new LimitResult();
  const locks = new Int32Array(memory.buffer, memory.buffer.byteLength - memory.buckets * 4, memory.buckets);
  locks.fill(12_345);
  table.take({ id: 1, intervalMs: 1000, toleranceMs: 0, burst: 1 }, 'key', 5000, result);
  assert.equal(result.allowed, true);
  assert.equal(locks[0], 0);
});
