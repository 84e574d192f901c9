// The regression cases of the OWASP Core Rule Set against the engine itself, without a server before it: so a request that
// a strict server refuses reaches the rules here.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileProfile, type Profile, Transaction } from '../../src/seclang/index.ts';
import {
  type CrsCase,
  caseVariables,
  compileSources,
  crs3Sources,
  crsCases,
  crsSources,
  drive,
  requestOf,
  skipCrs,
  skipCrs3,
} from '../support/crs-engine.ts';

/** Cases that want something of the HTTP server, and what it is. */
const ofTheServer: ReadonlyMap<string, string> = new Map([
  ...[
    ...['920100-2', '920100-5', '920100-11', '920100-12', '920160-1', '920160-2', '920160-3', '920270-4'],
    ...['920280-3', '920430-3', '920430-7', '920430-9', '920430-10', '920610-2', '921140-1'],
  ].map((id) => [id, 'wants the answer 400 of a server that does not take the request'] as const),
  ['920181-1', 'wants Transfer-Encoding beside Content-Length refused by the server before a rule sees it'],
  ['920430-5', 'wants a connection closed over a request line without version'],
]);

function problemsOf({ stages }: CrsCase, profile: Profile): string[] {
  const problems: string[] = [];
  for (const { input, output } of stages) {
    const transaction = new Transaction(profile);
    drive(transaction, requestOf(input));
    const ids = new Set(transaction.matches.filter((match) => match.logs).map((match) => match.ruleId));
    for (const id of output.log?.expect_ids ?? []) if (!ids.has(id)) problems.push(`no match of ${id}`);
    for (const id of output.log?.no_expect_ids ?? []) if (ids.has(id)) problems.push(`a match of ${id}`);
    assert.equal(transaction.interruption, null, 'nothing is interrupted in detection mode');
  }
  return problems;
}

describe('the regression cases of the Core Rule Set 4', { skip: skipCrs }, () => {
  test('all hold, but for those that want something of the server', () => {
    const { ruleSet, diagnostics } = compileSources(crsSources(), 'DetectionOnly');
    assert.deepEqual(diagnostics, []);
    const profile = compileProfile(ruleSet, { variables: caseVariables });
    const failed: string[] = [];
    let ran = 0;
    for (const crsCase of crsCases()) {
      if (ofTheServer.has(crsCase.id)) continue;
      ran++;
      const problems = problemsOf(crsCase, profile);
      if (problems.length > 0) failed.push(`${crsCase.id}: ${problems.join(', ')}`);
    }
    assert.equal(ran, 3248 - ofTheServer.size);
    assert.deepEqual(failed, []);
  });
});

test('the Core Rule Set 3.3 loads without a diagnostic', { skip: skipCrs3 }, () => {
  const { ruleSet, diagnostics } = compileSources(crs3Sources(), 'On');
  assert.deepEqual(diagnostics, []);
  assert.ok(ruleSet.rules.length > 600);
});
