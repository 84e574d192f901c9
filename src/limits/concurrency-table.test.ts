// Requests under way: a model, threads at once, and a thread that dies with some.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { ConcurrencyTable, createConcurrencyTable, FULL } from './index.ts';

test('property: as many as the limit says, over the parts of several threads', () => {
  const step = fc.record({
    thread: fc.nat(2),
    key: fc.constantFrom('a', 'b', 'c'),
    kind: fc.constantFrom('take', 'end', 'die'),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80 }), (most, steps) => {
      const memory = createConcurrencyTable(3, 64);
      const tables = [0, 1, 2].map((thread) => new ConcurrencyTable(memory, thread));
      let held: { thread: number; key: string; cell: number }[] = [];
      for (const { thread, key, kind } of steps) {
        if (kind === 'take') {
          const cell = tables[thread]!.acquire(7, key, most);
          assert.equal(cell !== FULL, held.filter((one) => one.key === key).length < most);
          if (cell !== FULL) held.push({ thread, key, cell });
        } else if (kind === 'end') {
          const at = held.findIndex((one) => one.thread === thread && one.key === key);
          if (at !== -1) tables[thread]!.release(held.splice(at, 1)[0]!.cell);
        } else {
          tables[0]!.forget(thread);
          held = held.filter((one) => one.thread !== thread);
        }
      }
    }),
  );
});

test('threads at once never hold more than the limit', async () => {
  const memory = createConcurrencyTable(4, 64);
  const most = new Int32Array(new SharedArrayBuffer(8));
  const code = `
    const { workerData } = require('node:worker_threads');
    import(workerData.module).then(({ ConcurrencyTable, FULL }) => {
      const { memory, thread, most } = workerData;
      const table = new ConcurrencyTable(memory, thread);
      for (let i = 0; i < 20_000; i++) {
        const cell = table.acquire(1, 'key', 3);
        if (cell === FULL) continue;
        const now = Atomics.add(most, 0, 1) + 1;
        if (now > Atomics.load(most, 1)) Atomics.store(most, 1, now);
        Atomics.sub(most, 0, 1);
        table.release(cell);
      }
    });`;
  const module = new URL('./index.ts', import.meta.url).href;
  await Promise.all(
    [0, 1, 2, 3].map(
      (thread) =>
        new Promise<void>((resolve, reject) => {
          const worker = new Worker(code, { eval: true, workerData: { memory, thread, most, module } });
          worker.once('exit', () => resolve());
          worker.once('error', reject);
        }),
    ),
  );
  assert.ok(most[1]! >= 1 && most[1]! <= 3, String(most[1]));
  const table = new ConcurrencyTable(memory, 0);
  assert.notEqual(table.acquire(1, 'key', 1), FULL);
});
