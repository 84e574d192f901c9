// The short forms of `npm run crash -- 200 gate` and `npm run crash -- 600 outage`.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Random } from '../fuzz/random.ts';
import { runGateCrashes, runOutage } from './gate-crash.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-crash-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('gates that are killed, one with a full spool, owe the receiver nothing in the end', async (t) => {
  const report = await runGateCrashes(folderOf(t), 2, new Random(11));
  assert.deepEqual(report.problems, []);
  assert.ok(report.full > 0 && report.acknowledged > 20, JSON.stringify(report));
});

test('what happened while the receiver was dead reaches it', async (t) => {
  const report = await runOutage(folderOf(t), 800);
  assert.deepEqual(report.problems, []);
  assert.ok(report.records > 20, JSON.stringify(report));
});
