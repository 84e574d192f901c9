// What the audit trail does: a million entries appended in batches as they come, proofs, and the verification of all of it.
// Run: node bench/audit.ts [entries]. Everything is written and synced to the folder of temporary files. Processor time stands
// beside the clock's, which other programs on the machine lengthen.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileTrail, TrailReader, verifyTrail } from '../src/audit/index.ts';
import { verifierText } from '../src/merkle/index.ts';

const COUNT = Number(process.argv[2] ?? 1_000_000);
/** Appends that wait at the same time, as those of many requests would. */
const TOGETHER = 4096;

/** Seconds of processor time of all threads. */
const cpuS = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const bytesOf = (path: string): number =>
  readdirSync(join(path, 'tile'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);

const folder = mkdtempSync(join(tmpdir(), 'gatewright-audit-bench-'));
try {
  const trail = FileTrail.open({ folder, origin: 'bench', secret: null });
  const startMs = performance.now();
  const startCpu = cpuS();
  const batch: Promise<unknown>[] = [];
  for (let i = 0; i < COUNT; i++) {
    batch.push(
      trail.append({
        action: 'request.refuse',
        outcome: 'refused',
        actor: { kind: 'consumer', id: `corp|user${i % 1000}` },
        target: { kind: 'operation', id: 'orders/createOrder' },
        address: '192.0.2.7',
        reason: 'no-permit',
        requestId: String(i).padStart(32, '0'),
        details: { guard: 'authorize', code: 'policy-denied', status: 403, method: 'POST', path: '/orders' },
      }),
    );
    if (batch.length < TOGETHER) continue;
    await Promise.all(batch);
    batch.length = 0;
  }
  await Promise.all(batch);
  const appendS = (performance.now() - startMs) / 1000;
  await trail.close();
  const closedS = (performance.now() - startMs) / 1000;
  const appendCpu = cpuS() - startCpu;
  const reader = new TrailReader(folder, 'bench', null);
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const index = Math.floor((COUNT / 200) * i);
    const before = performance.now();
    new TrailReader(folder, 'bench', null).prove(index);
    times.push(performance.now() - before);
  }
  times.sort((a, b) => a - b);
  const beforeVerify = performance.now();
  const beforeCpu = cpuS();
  const { damages } = verifyTrail(folder, verifierText(trail.signer), [reader.checkpoint]);
  const verifyS = (performance.now() - beforeVerify) / 1000;
  const verifyCpu = cpuS() - beforeCpu;
  process.stdout.write(
    `${COUNT} entries: ${Math.round(COUNT / appendS)} a second, durable before acknowledged, ${TOGETHER} at a time; ` +
      `${((appendCpu / COUNT) * 1e6).toFixed(1)} µs CPU an entry, everything signed for after ${closedS.toFixed(1)} s\n` +
      `a proof, everything read from disk: median ${times[100]!.toFixed(2)} ms, p99 ${times[198]!.toFixed(2)} ms\n` +
      `verification of everything: ${verifyS.toFixed(1)} s, ${verifyCpu.toFixed(1)} s CPU, ${Math.round(COUNT / verifyS)} entries and ${(bytesOf(folder) / verifyS / 1e6).toFixed(0)} MB a second, ${damages.length} damages\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
