import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AccessLogReader, AccessLogWriter, createAccessLog, nullSink } from './access-log.ts';
import type { ExchangeRecord, RecordBatch } from './exchange-record.ts';
import { RecordStream } from './record-stream.ts';

const lineOf = (n: number): string =>
  `{"time":"2026-01-01T00:00:00.000Z","id":"${n}","listener":"l","client_address":"192.0.2.1","decision":"allowed","status":200,"request_bytes":0,"response_bytes":0,"duration_us":1}\n`;

function collect(stream: RecordStream, maxPendingBytes = 1 << 20) {
  const ids: string[] = [];
  const end = stream.subscribe({
    name: 'collect',
    maxPendingBytes,
    whenFull: 'drop',
    take: (batch) => void ids.push(...batch.records.map(({ id }) => id)),
  });
  return { ids, end };
}

test('however two rings are cut, every line arrives once and in its order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 400 }))), async (cuts) => {
      const stream = new RecordStream();
      const { ids } = collect(stream);
      const rings = [0, 1].map((ring) => ({
        key: {},
        bytes: Buffer.from(Array.from({ length: 5 }, (_, i) => lineOf(ring * 100 + i)).join('')),
        at: 0,
      }));
      for (const [which, size] of cuts) {
        const ring = rings[which ? 1 : 0]!;
        stream.offer(ring.key, ring.bytes.subarray(ring.at, ring.at + size));
        ring.at += size;
      }
      for (const ring of rings) stream.offer(ring.key, ring.bytes.subarray(ring.at));
      await stream.idle();
      assert.deepEqual(
        ids.filter((id) => Number(id) < 100),
        ['0', '1', '2', '3', '4'],
      );
      assert.deepEqual(
        ids.filter((id) => Number(id) >= 100),
        ['100', '101', '102', '103', '104'],
      );
    }),
    { numRuns: 200 },
  );
});

test('a subscriber that comes in the middle of a line starts with the next', async () => {
  const stream = new RecordStream();
  const ring = {};
  const [first, second] = [Buffer.from(lineOf(1)), Buffer.from(lineOf(2))];
  stream.offer(ring, first.subarray(0, 20));
  const { ids } = collect(stream);
  stream.offer(ring, first.subarray(20, 40));
  stream.offer(ring, Buffer.concat([first.subarray(40), second]));
  await stream.idle();
  assert.deepEqual(ids, ['2']);
});

test('a slow subscriber loses its own and counts it; another loses nothing', async () => {
  const stream = new RecordStream();
  const gate = Promise.withResolvers<void>();
  let slow = 0;
  stream.subscribe({
    name: 'slow',
    maxPendingBytes: lineOf(0).length * 2,
    whenFull: 'drop',
    take: async (batch) => {
      await gate.promise;
      slow += batch.count;
    },
  });
  const { ids } = collect(stream);
  for (let i = 0; i < 5; i++) {
    stream.offer(stream, Buffer.from(lineOf(i)));
    await Promise.resolve();
  }
  gate.resolve();
  await stream.idle();
  assert.equal(slow, 2);
  assert.equal(ids.length, 5);
  assert.deepEqual(
    stream.counts().map(({ name, taken, lost, pendingBytes }) => [name, taken, lost, pendingBytes]),
    [
      ['slow', 2, 3, 0],
      ['collect', 5, 0, 0],
    ],
  );
});

test('one that is waited for holds the rings back, and nothing is lost', async () => {
  const stream = new RecordStream();
  const seen: string[] = [];
  let mostPending = 0;
  stream.subscribe({
    name: 'wait',
    maxPendingBytes: 4096,
    whenFull: 'wait',
    take: async (batch: RecordBatch) => {
      mostPending = Math.max(mostPending, stream.counts()[0]!.pendingBytes);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(...batch.records.map(({ id }) => id));
    },
  });
  // A ring of 16 KiB: the writer waits for the reader, as a data-plane thread does. Here both are one thread, so that the
  // writer only writes what has room.
  const memory = createAccessLog({ whenFull: 'drop', keepQueryValues: false, matchValues: 'mask' }, 16_384);
  const writer = new AccessLogWriter(memory);
  const reader = new AccessLogReader(nullSink, stream);
  reader.attach(memory);
  for (let i = 0; i < 300; i++) {
    writer.write(lineOf(i));
    if (i % 50 === 49) await reader.drain();
  }
  await reader.close();
  await stream.idle();
  assert.equal(reader.dropped, 0);
  assert.deepEqual(
    seen,
    Array.from({ length: 300 }, (_, i) => String(i)),
  );
  // One look of at most a ring is taken whole; then nothing is read before it is gone.
  assert.ok(mostPending <= 2 * 16_384, String(mostPending));
});

test('a batch that a subscriber throws on is counted as lost', async () => {
  const stream = new RecordStream();
  stream.subscribe({
    name: 'bad',
    maxPendingBytes: 1 << 20,
    whenFull: 'drop',
    take: () => {
      throw new Error('no');
    },
  });
  stream.offer(stream, Buffer.from(lineOf(1) + lineOf(2)));
  await stream.idle();
  const [counts] = stream.counts();
  assert.deepEqual([counts!.lost, counts!.failures], [2, 1]);
});

test('records are decoded once for all subscribers, and torn lines are no records', async () => {
  const stream = new RecordStream();
  const seen: (readonly ExchangeRecord[])[] = [];
  for (const name of ['a', 'b']) {
    stream.subscribe({
      name,
      maxPendingBytes: 1 << 20,
      whenFull: 'drop',
      take: (batch) => void seen.push(batch.records),
    });
  }
  stream.offer(stream, Buffer.from(`${lineOf(1)}{"time":"20\n[]\nnull\n{}\n`));
  await stream.idle();
  assert.equal(seen[0], seen[1]);
  assert.equal(seen[0]!.length, 1);
});
