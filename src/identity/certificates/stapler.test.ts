// The life of a staple against `openssl ocsp`: had late, kept while the responder is away, dropped when it ends or when
// the authority says so.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Authority, freePort, hasOpenssl, needsOpenssl } from '../../../test/support/authority.ts';
import { pemCertificates } from '../../net/tls/index.ts';
import { Stapler } from './stapler.ts';

const ca = hasOpenssl ? new Authority('stapled') : null;
after(() => ca?.remove());

test('a staple is kept as long as it is good', needsOpenssl, async (t) => {
  const port = await freePort();
  const issued = ca!.issue({ name: 'api.example', ocsp: `http://127.0.0.1:${port}` });
  let [offsetMs, changes] = [0, 0];
  const problems: { problem: unknown; kept: unknown }[] = [];
  const stapler = new Stapler({
    certificate: pemCertificates(issued.certificate)[0]!,
    issuer: pemCertificates(ca!.certificate)[0]!,
    label: 'api',
    clock: { epochMs: () => Date.now() + offsetMs, monotonicMs: () => performance.now() },
    log: (_level, _event, details) =>
      void problems.push({ problem: details['problem'], kept: details['keeps_old_answer'] }),
    onChange: () => {
      changes++;
    },
  });
  t.after(() => stapler.stop());
  await stapler.start();
  assert.equal(stapler.response, null);
  assert.equal(problems.at(-1)?.kept, false);

  const responder = await ca!.startResponder(t, port, undefined, 30);
  await stapler.refresh();
  const first = stapler.response;
  assert.ok(first !== null && changes === 1);
  assert.ok(Math.abs(stapler.nextUpdateMs - Date.now() - 1_800_000) < 60_000);

  await responder.stop();
  await stapler.refresh();
  assert.equal(stapler.response, first);
  assert.deepEqual([problems.at(-1)?.kept, changes], [true, 1]);

  offsetMs = 1_801_000;
  await stapler.refresh();
  assert.deepEqual([stapler.response, stapler.nextUpdateMs, changes], [null, 0, 2]);

  offsetMs = 0;
  const again = await ca!.startResponder(t, port);
  await stapler.refresh();
  assert.notEqual(stapler.response, null);
  await again.stop();
  ca!.revoke(issued);
  await ca!.startResponder(t, port);
  await stapler.refresh();
  assert.equal(stapler.response, null);
  assert.match(String(problems.at(-1)?.problem), /revoked/);
});
