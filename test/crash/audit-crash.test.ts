// The short form of `npm run crash -- 200 files audit`.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../fuzz/random.ts';
import { runAuditCrashes } from './audit-crash.ts';

test('a trail whose writer is killed has every entry that was acknowledged', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-crash-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const report = await runAuditCrashes(folder, 6, new Random(7));
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged > 0 && report.checkpoints > 0, JSON.stringify(report));
});
