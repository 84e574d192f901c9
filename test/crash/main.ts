// `npm run crash -- [kills] [sqlite|postgres|files|logs|gate|outage] [keys|services|audit|tokens]`: the long form of the crash
// tests, with a report. For `outage` the number is seconds that the receiver is dead.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StateConfig } from '../../src/config/index.ts';
import { Random } from '../fuzz/random.ts';
import { onPostgres, postgresUrl } from '../support/postgres.ts';
import { runAuditCrashes } from './audit-crash.ts';
import { runCrashes } from './crash.ts';
import { runGateCrashes, runOutage } from './gate-crash.ts';
import { runLogCrashes } from './log-crash.ts';
import { runServiceCrashes } from './service-crash.ts';
import { runTokenCrashes } from './token-crash.ts';

const kills = Number(process.argv[2] ?? 200);
const database = process.argv[3] ?? 'sqlite';
const what = process.argv[4] ?? 'keys';
const seed = Date.now() % 1_000_000;
const folder = mkdtempSync(join(tmpdir(), 'gatewright-crash-'));
const sealKey = 'a seal key of more than thirty-two characters';
const schemas: string[] = [];
function stateOf(n: number): StateConfig {
  if (database !== 'postgres') return { kind: 'sqlite', file: join(folder, `state-${n}.db`), sealKey };
  const schema = `gw_crash_${seed}_${n}`;
  if (!schemas.includes(schema)) schemas.push(schema);
  return { kind: 'postgres', url: postgresUrl!, schema, sealKey };
}
const startMs = performance.now();
const done = (): string => `${((performance.now() - startMs) / 1000).toFixed(0)} s\n`;

function conclude(problems: readonly string[], summary: string): void {
  for (const problem of problems.slice(0, 20)) process.stdout.write(`${problem}\n`);
  process.stdout.write(`${summary}, ${problems.length} problems, ${done()}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

async function killWriters(): Promise<void> {
  const random = new Random(seed);
  const report =
    what === 'audit'
      ? await runAuditCrashes(join(folder, 'audit'), kills, random)
      : database === 'logs'
        ? await runLogCrashes(join(folder, 'logs'), kills, random)
        : what === 'services'
          ? await runServiceCrashes(stateOf, kills, random)
          : what === 'tokens'
            ? await runTokenCrashes(stateOf, kills, random)
            : await runCrashes(stateOf(0), kills, random);
  conclude(
    report.problems,
    `${database}, ${what}, seed ${seed}: ${report.kills} kills, ${report.acknowledged} acknowledged ${database === 'logs' ? 'lines' : 'writes'}`,
  );
}

async function killGates(): Promise<void> {
  const report = await runGateCrashes(join(folder, 'gate'), kills, new Random(seed));
  conclude(
    report.problems,
    `gate, seed ${seed}: ${report.kills} kills, ${report.full} of them with a full spool; ${report.acknowledged} records were in a spool, ` +
      `${report.repeated} came more than once, ${report.unspooled} of the access log went with a process`,
  );
}

async function outage(): Promise<void> {
  const report = await runOutage(join(folder, 'gate'), kills * 1000);
  conclude(
    report.problems,
    `outage of ${kills} s: ${report.records} records, ${report.repeated} came more than once`,
  );
}

try {
  if (database === 'gate') await killGates();
  else if (database === 'outage') await outage();
  else await killWriters();
} finally {
  rmSync(folder, { recursive: true, force: true });
  for (const schema of schemas) await onPostgres(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
}
