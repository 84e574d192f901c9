// The state of a gate: one database behind all ports, opened and brought to its newest shape in one step.
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { StateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import { SealError } from '../envelope/index.ts';
import type { IdentityStore, ServiceStore } from '../identity/index.ts';
import type { OAuthStore } from '../oauth/contract.ts';
import { Barrier, createRoot, sealTextRoot, VaultError } from '../vault/index.ts';
import { type SqlDatabase, StateError } from './contract.ts';
import { FieldSeal } from './field-seal.ts';
import { checkState, type FsckReport } from './fsck.ts';
import { SqlIdentityStore } from './identity-store.ts';
import { SqlIncidentStore } from './incident-store.ts';
import { migrate } from './migrations.ts';
import { SqlOAuthStore } from './oauth-store.ts';
import { PostgresDatabase } from './postgres/postgres-database.ts';
import { Seal } from './seal.ts';
import { SqlServiceStore } from './service-store.ts';
import { SqliteDatabase } from './sqlite/sqlite-database.ts';
import { lockVault, SqlVaultStore, STATE_KEY, sealedColumns } from './vault-store.ts';

export interface State {
  readonly identity: IdentityStore;
  readonly services: ServiceStore;
  /** What the authorization server keeps. */
  readonly oauth: OAuthStore;
  /** What detection has found and learned. */
  readonly incidents: SqlIncidentStore;
  /** Secrets and what seals them. Sealed where shares are needed, or where there is no key. */
  readonly vault: Barrier;
  /** For people; no secret. */
  readonly label: string;
  fsck(): Promise<FsckReport>;
  /** A consistent copy of every table as rows; see backup. */
  readonly database: SqlDatabase;
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
    const sealText = sealTextOf(config);
    const seal = sealText === null ? null : new Seal(sealText);
    await migrate(database, nowMs);
    const vault = new Barrier(new SqlVaultStore(database), systemClock);
    await openVault(vault, config, sealText);
    const fields = new FieldSeal(seal, vault);
    if (!vault.sealed) await sealAnew(database, fields);
    return {
      identity: new SqlIdentityStore(database, fields),
      services: new SqlServiceStore(database, fields),
      oauth: new SqlOAuthStore(database, fields),
      incidents: new SqlIncidentStore(database),
      vault,
      label: database.label,
      fsck: () => checkState(database, fields, vault),
      database,
      close: async () => {
        vault.seal();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Opens the vault with what the configuration names, and sets it up the first time. Shares come later, from people. */
async function openVault(vault: Barrier, config: StateConfig, sealText: string | null): Promise<void> {
  const wanted = config.root ?? null;
  if (wanted?.kind === 'shares') return;
  if (wanted === null && sealText === null) return;
  try {
    const root = wanted === null ? sealTextRoot(sealText!) : await createRoot(wanted);
    try {
      if (!(await vault.status()).initialized) {
        await vault.initialize(root);
        await vault.ensureKey(STATE_KEY);
        return;
      }
    } catch (error) {
      // Two nodes that start at once both try; one of them finds the other's vault.
      if (!(error instanceof VaultError) || error.fault !== 'conflict') throw error;
    }
    await vault.unseal(root);
    await vault.ensureKey(STATE_KEY);
  } catch (error) {
    if (error instanceof SealError)
      throw new StateError(
        'the vault can not be unsealed: what wraps its root key is another, or the state was changed',
      );
    if (error instanceof VaultError) throw new StateError(`the vault can not be unsealed: ${error.message}`);
    throw error;
  }
}

/**
 * A database of the newest shape to restore into: no vault is set up, no key is made. Throws StateError where there is one
 * already.
 */
export async function openEmptyState(config: StateConfig, nowMs = Date.now()): Promise<SqlDatabase> {
  if (config.kind === 'sqlite' && existsSync(config.file))
    throw new StateError(`${config.file} is there already: restore into a new one`);
  const database: SqlDatabase =
    config.kind === 'sqlite'
      ? new SqliteDatabase(config.file)
      : await PostgresDatabase.connect(config.url, config.schema);
  try {
    await migrate(database, nowMs);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Brings what was sealed before there was a vault under its keys. */
async function sealAnew(database: SqlDatabase, fields: FieldSeal): Promise<void> {
  for (const { prefix, table, id, column } of sealedColumns) {
    const select = `SELECT ${id} AS id, ${column} AS value FROM ${table} WHERE ${column} NOT LIKE 'gv1.%' AND ${column} <> ''`;
    if ((await database.run(select)).length === 0) continue;
    await database.transaction(async (session) => {
      await lockVault(session);
      await fields.renew(session);
      for (const row of await session.run(select)) {
        const place = `${prefix}${String(row['id'])}`;
        const value = String(row['value']);
        try {
          const clear = value.startsWith('v1.') ? await fields.open(place, value) : value;
          await session.run(`UPDATE ${table} SET ${column} = $1 WHERE ${id} = $2`, [
            fields.close(place, clear),
            String(row['id']),
          ]);
        } catch (error) {
          // What can not be opened stays as it is, for `fsck` to name.
          if (!(error instanceof StateError)) throw error;
        }
      }
    });
  }
}

/**
 * Without a configured key, SQLite's lies beside its file: a backup of the database alone gives nothing away. Nodes that
 * share a PostgreSQL must share a key, so there it has to be given.
 */
function sealTextOf(config: StateConfig): string | null {
  if (config.sealKey !== null) return config.sealKey;
  if (config.kind === 'postgres') return null;
  const file = `${config.file}.key`;
  if (!existsSync(file)) writeSealKey(file);
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
    throw new StateError(
      `the seal key ${file} can be read by others: give it mode 600, and replace it if it was read`,
    );
  return readFileSync(file, 'utf8').trim();
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
