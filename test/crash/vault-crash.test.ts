// The short form of `npm run crash:vault -- 200`: no secret is lost by kill -9 in the middle of a rotation.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { StateConfig } from '../../src/config/index.ts';
import { Random } from '../fuzz/random.ts';
import { freshSchema, postgresUrl, skipPostgres } from '../support/postgres.ts';
import { runVaultCrashes } from './vault-crash.ts';

const sealKey = 'a seal key of more than thirty-two characters';
const KILLS = 4;

test('SQLite: rotation and re-wrap of a vault survive kill -9', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-crash-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const config: StateConfig = { kind: 'sqlite', file: join(folder, 'state.db'), sealKey };
  const report = await runVaultCrashes(config, KILLS, new Random(3));
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged > 0);
});

test('PostgreSQL: rotation and re-wrap of a vault survive kill -9', { skip: skipPostgres }, async (t) => {
  const config: StateConfig = { kind: 'postgres', url: postgresUrl!, schema: freshSchema(t), sealKey };
  const report = await runVaultCrashes(config, KILLS, new Random(4));
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged > 0);
});
