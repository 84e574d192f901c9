// Lines are made at the end of a turn, and none is forgotten.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Exchange } from '../exchange/index.ts';
import { AccessLogReader, type LogSink } from './access-log.ts';
import { createAccessLog, createMetrics, WorkerTelemetry } from './index.ts';

test('what ended in a turn is written at its end, in order; sooner where there is much, or matches', async () => {
  const memory = createAccessLog({ whenFull: 'drop', keepQueryValues: false, matchValues: 'mask' }, 1 << 18);
  const seen: string[] = [];
  const sink: LogSink = {
    write: (bytes) => {
      for (const line of bytes.toString('latin1').trimEnd().split('\n'))
        seen.push((JSON.parse(line) as { id: string }).id);
      return Promise.resolve(bytes.length);
    },
    reopen: () => {},
    close: () => Promise.resolve(),
  };
  const reader = new AccessLogReader(sink);
  reader.attach(memory);
  const telemetry = new WorkerTelemetry(createMetrics([]), memory);
  let count = 0;
  const ids: string[] = [];
  const record = (more: Partial<Exchange> = {}): void => {
    const id = String(count++).padStart(32, '0');
    ids.push(id);
    telemetry.record(Object.assign(new Exchange(), { id, endMs: 1, ...more }));
  };
  for (let i = 0; i < 3; i++) record();
  await reader.drain();
  assert.deepEqual(seen, [], 'the turn is not over');
  await new Promise((resolve) => setImmediate(resolve));
  await reader.drain();
  assert.deepEqual(seen, ids);
  record();
  record({ inspection: { matches: [], wouldRefuse: '', requestScore: 0, responseScore: 0 } as never });
  await reader.drain();
  assert.deepEqual(seen, ids, 'what rules matched is not kept');
  for (let i = 0; i < 64; i++) record();
  await reader.drain();
  assert.deepEqual(seen, ids, 'many do not wait');
  record();
  telemetry.flush();
  await reader.close();
  assert.deepEqual(seen, ids);
});
