// The regression cases of the Core Rule Set through a real gate, over raw sockets: what the rules log is read from the access
// log. Requests that the gate refuses before any rule sees them are listed with the reason, and must be refused so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crsCases, skipCrs } from '../support/crs-engine.ts';
import { bytesOf, sendBytes, startCrsGate, type WireAnswer } from '../support/crs-gate.ts';
import { notForwarded, refusedFirst } from './crs-gate-refused.ts';

const CASES = 3248;
/** Requests under way at a time. */
const CONCURRENCY = 16;
const rules = new URL('../../../shared/crs/', import.meta.url).pathname;

test('the regression cases hold at the gate', { skip: skipCrs, timeout: 300_000 }, async (t) => {
  const { gate, heads } = await startCrsGate(t, rules);
  const cases = crsCases();
  assert.equal(cases.length, CASES);
  const stages = cases.flatMap(({ id, stages: list }) =>
    list.map((stage, index) => ({ id: list.length === 1 ? id : `${id}/${index}`, ...stage })),
  );
  const answers = new Map<string, WireAnswer>();
  const failures: string[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (let at = next++; at < stages.length; at = next++) {
        const { id, input } = stages[at]!;
        try {
          answers.set(id, await sendBytes(gate.port, bytesOf(input)));
        } catch (error) {
          failures.push(`${id}: ${(error as Error).message}`);
        }
      }
    }),
  );
  const lines = await gate.accessLines(stages.length);
  const rulesByTrace = new Map(
    lines.map((line) => [String(line['trace_id']), (line['rules'] ?? []) as number[]]),
  );
  let absent = 0;
  const refused: string[] = [];
  for (const { id, output } of stages) {
    const got = answers.get(id);
    if (got === undefined) continue;
    const listed = refusedFirst[id];
    if (got.code !== '') {
      refused.push(id);
      if (listed === undefined) failures.push(`${id}: refused with ${got.code}, which is not listed`);
      else if (listed.code !== got.code) failures.push(`${id}: refused with ${got.code}, not ${listed.code}`);
      continue;
    }
    if (listed !== undefined) {
      failures.push(`${id}: is listed as refused, but was let through`);
      continue;
    }
    const matched = rulesByTrace.get(got.trace);
    if (matched === undefined) {
      failures.push(`${id}: no line in the access log`);
      continue;
    }
    const spared = notForwarded[id];
    if (spared !== undefined) {
      absent++;
      if (heads.get(got.trace)!.includes(spared.text)) failures.push(`${id}: ${spared.text} went upstream`);
      continue;
    }
    const missing = (output.log?.expect_ids ?? []).filter((rule) => !matched.includes(rule));
    const extra = (output.log?.no_expect_ids ?? []).filter((rule) => matched.includes(rule));
    if (missing.length > 0)
      failures.push(`${id}: did not match ${missing.join(', ')} but ${matched.join(', ')}`);
    if (extra.length > 0) failures.push(`${id}: matched ${extra.join(', ')}`);
  }
  assert.deepEqual(failures, [], `${failures.length} of ${stages.length} stages failed`);
  assert.deepEqual(refused.sort(), Object.keys(refusedFirst).sort());
  assert.equal(absent, Object.keys(notForwarded).length);
});
