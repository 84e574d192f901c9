// The short form of `npm run soak`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soak } from './soak.ts';

test('five seconds of mixed traffic through reloads, a dying thread and an upstream that goes away', async (t) => {
  const { answers, broken, wrong } = await soak(5, () => {});
  t.diagnostic(`${JSON.stringify(answers)}, ${broken} connections broken`);
  assert.deepEqual(wrong, []);
  for (const status of ['200', '400', '404', '405', '431']) assert.ok((answers[status] ?? 0) > 10, status);
});
