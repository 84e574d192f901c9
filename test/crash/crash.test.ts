// The short form of `npm run crash`: no acknowledged write is lost by kill -9, none is there by half.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../fuzz/random.ts';
import { freshSchema, postgresUrl, skipPostgres } from '../support/postgres.ts';
import { runCrashes } from './crash.ts';
import { runLogCrashes } from './log-crash.ts';
import { runServiceCrashes } from './service-crash.ts';
import { runTokenCrashes } from './token-crash.ts';

const sealKey = 'a seal key of more than thirty-two characters';
const KILLS = 6;
const TOKEN_KILLS = 2;
const SERVICE_KILLS = 4;

test('SQLite survives kill -9', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-crash-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const report = await runCrashes(
    { kind: 'sqlite', file: join(folder, 'state.db'), sealKey },
    KILLS,
    new Random(1),
  );
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged >= KILLS);
});

test('segments of the access log survive kill -9', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-crash-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const report = await runLogCrashes(join(folder, 'logs'), KILLS, new Random(3));
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged >= KILLS && report.links > 0);
});

test('PostgreSQL survives kill -9 of its client', { skip: skipPostgres }, async (t) => {
  const report = await runCrashes(
    { kind: 'postgres', url: postgresUrl!, schema: freshSchema(t), sealKey },
    KILLS,
    new Random(2),
  );
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged >= KILLS);
});

test('issuing, rotation and migration survive kill -9 on SQLite', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-crash-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const report = await runServiceCrashes(
    (n) => ({ kind: 'sqlite', file: join(folder, `${n}.db`), sealKey }),
    SERVICE_KILLS,
    new Random(3),
  );
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged > 0);
});

test('issuing, rotation and migration survive kill -9 on PostgreSQL', { skip: skipPostgres }, async (t) => {
  const schemas = Array.from({ length: SERVICE_KILLS }, () => freshSchema(t));
  const report = await runServiceCrashes(
    (n) => ({ kind: 'postgres', url: postgresUrl!, schema: schemas[n]!, sealKey }),
    SERVICE_KILLS,
    new Random(4),
  );
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged > 0);
});

test('issuing and rotating tokens, and migration, survive kill -9 on SQLite', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-crash-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const report = await runTokenCrashes(
    (n) => ({ kind: 'sqlite', file: join(folder, `${n}.db`), sealKey }),
    TOKEN_KILLS,
    new Random(5),
  );
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged > 0);
});

test('issuing and rotating tokens, and migration, survive kill -9 on PostgreSQL', {
  skip: skipPostgres,
}, async (t) => {
  const schema = freshSchema(t);
  const report = await runTokenCrashes(
    () => ({ kind: 'postgres', url: postgresUrl!, schema, sealKey }),
    TOKEN_KILLS,
    new Random(6),
  );
  assert.deepEqual(report.problems, []);
  assert.ok(report.acknowledged > 0);
});
