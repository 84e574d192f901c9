// The short form of `npm run soak -- h2`: nothing is timed, everything is served.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasH2load } from './h2-parts.ts';
import { h2Soak, sum } from './h2-soak.ts';

if (!hasH2load()) process.stderr.write('SKIPPED: h2load is not installed\n');

test('HTTP/2 at full speed, and beside attackers', {
  skip: hasH2load() ? false : 'h2load is not installed',
}, async (t) => {
  const report = await h2Soak(4);
  t.diagnostic(JSON.stringify(report));
  assert.ok(report.served > 100);
  assert.deepEqual([report.failed, report.unserved, report.wrong], [0, 0, []]);
  assert.ok(sum(report.counts) > 20);
});
