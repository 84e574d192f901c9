// The state of a gate: one database behind all ports, opened and brought to its newest shape in one step.
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { StateConfig } from '../config/index.ts';
import type { IdentityStore } from '../identity/index.ts';
import { type SqlDatabase, StateError } from './contract.ts';
import { checkState, type FsckReport } from './fsck.ts';
import { SqlIdentityStore } from './identity-store.ts';
import { migrate } from './migrations.ts';
import { PostgresDatabase } from './postgres/postgres-database.ts';
import { Seal } from './seal.ts';
import { SqliteDatabase } from './sqlite/sqlite-database.ts';

export interface State {
  readonly identity: IdentityStore;
  /** For people; no secret. */
  readonly label: string;
  fsck(): Promise<FsckReport>;
  close(): Promise<void>;
}

/** Opens the state; when it is not there it is made, or refused if it must not be. Throws StateError. */
export async function openState(config: StateConfig, nowMs = Date.now(), mayCreate = true): Promise<State> {
  if (config.kind === 'sqlite' && !mayCreate && !existsSync(config.file))
    throw new StateError(`there is no state in ${config.file}`);
  const database: SqlDatabase =
    config.kind === 'sqlite'
      ? new SqliteDatabase(config.file)
      : await PostgresDatabase.connect(config.url, config.schema, mayCreate);
  try {
    const seal = sealOf(config);
    await migrate(database, nowMs);
    return {
      identity: new SqlIdentityStore(database, seal),
      label: database.label,
      fsck: () => checkState(database, seal),
      close: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/**
 * Without a configured key, SQLite's lies beside its file: a backup of the database alone gives nothing away. Nodes that
 * share a PostgreSQL must share a key, so there it has to be given.
 */
function sealOf(config: StateConfig): Seal | null {
  if (config.sealKey !== null) return new Seal(config.sealKey);
  if (config.kind === 'postgres') return null;
  const file = `${config.file}.key`;
  if (!existsSync(file)) writeSealKey(file);
  return new Seal(readFileSync(file, 'utf8').trim());
}

/** Whole or not at all, and never over another process's. */
function writeSealKey(file: string): void {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, `${randomBytes(32).toString('base64url')}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    linkSync(draft, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new StateError(`the seal key ${file} can not be written (${code})`);
  } finally {
    rmSync(draft, { force: true });
  }
}
