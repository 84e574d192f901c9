// `npm run crash:vault -- [kills] [sqlite|postgres]`: the long form of the vault's crash test, with a report.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StateConfig } from '../../src/config/index.ts';
import { Random } from '../fuzz/random.ts';
import { onPostgres, postgresUrl } from '../support/postgres.ts';
import { runVaultCrashes } from './vault-crash.ts';

const kills = Number(process.argv[2] ?? 200);
const database = process.argv[3] ?? 'sqlite';
const seed = Date.now() % 1_000_000;
const folder = mkdtempSync(join(tmpdir(), 'gatewright-crash-'));
const sealKey = 'a seal key of more than thirty-two characters';
const config: StateConfig =
  database === 'postgres'
    ? { kind: 'postgres', url: postgresUrl!, schema: `gw_crash_${seed}`, sealKey }
    : { kind: 'sqlite', file: join(folder, 'state.db'), sealKey };
const startMs = performance.now();
try {
  const report = await runVaultCrashes(config, kills, new Random(seed));
  for (const problem of report.problems.slice(0, 20)) process.stdout.write(`${problem}\n`);
  process.stdout.write(
    `${database}, seed ${seed}: ${report.kills} kills, ${report.halfMoved} in the middle of a rotation, ` +
      `${report.acknowledged} acknowledged writes, ${report.problems.length} problems, ` +
      `${((performance.now() - startMs) / 1000).toFixed(0)} s\n`,
  );
  process.exitCode = report.problems.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
  if (config.kind === 'postgres') await onPostgres(`DROP SCHEMA IF EXISTS "${config.schema}" CASCADE`);
}
