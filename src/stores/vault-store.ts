// The vault's port over SQL. Writers take the one row of `vault_revision` first, so they wait for each other; a record can
// not refer to a version of a key that is gone, because the database refuses it. Some columns of other tables hold
// envelopes as well; to the vault they are records whose keys are wrapped anew with all others.
import {
  StaleKeyError,
  type StoredKey,
  type StoredRecord,
  type VaultSession,
  type VaultStore,
} from '../vault/index.ts';
import type { SqlDatabase, SqlRow, SqlSession } from './contract.ts';

interface SealedColumn {
  readonly prefix: string;
  readonly table: string;
  readonly id: string;
  readonly column: string;
}

/** Columns with envelopes under the key `state`, by the beginning of their places. */
export const sealedColumns: readonly SealedColumn[] = [
  { prefix: 'signing_keys/', table: 'signing_keys', id: 'id', column: 'sealed' },
  { prefix: 'authorities/', table: 'authorities', id: 'id', column: 'sealed' },
  { prefix: 'principals.note/', table: 'principals', id: 'id', column: 'note' },
  { prefix: 'user_credentials/', table: 'user_credentials', id: 'id', column: 'sealed' },
];
/** Key of what other tables hold sealed. */
export const STATE_KEY = 'state';

const POSTGRES_FOREIGN_KEY = '23503';
const SQLITE_FOREIGN_KEY = 787;

/** The port inside of one transaction. */
export class SqlVaultSession implements VaultSession {
  readonly #session: SqlSession;

  constructor(session: SqlSession) {
    this.#session = session;
  }

  async get(place: string): Promise<StoredRecord | null> {
    const [row] = await this.#session.run(
      'SELECT place, envelope, due_ms FROM vault_records WHERE place = $1',
      [place],
    );
    return row === undefined ? null : recordOf(row);
  }

  async put({ place, envelope, dueMs }: StoredRecord): Promise<void> {
    const column = columnOf(place);
    if (column !== null) {
      await this.#session.run(`UPDATE ${column.table} SET ${column.column} = $1 WHERE ${column.id} = $2`, [
        envelope,
        place.slice(column.prefix.length),
      ]);
      return;
    }
    const [, key, version] = envelope.split('.') as [string, string, string];
    try {
      await this.#session.run(
        `INSERT INTO vault_records (place, key_name, key_version, envelope, due_ms) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (place) DO UPDATE SET key_name = excluded.key_name, key_version = excluded.key_version,
           envelope = excluded.envelope, due_ms = excluded.due_ms`,
        [place, key, Number(version), envelope, dueMs],
      );
    } catch (error) {
      if (isForeignKey(error)) throw new StaleKeyError(`version ${version} of the key ${key} is retired`);
      throw error;
    }
  }

  async remove(place: string): Promise<boolean> {
    const column = columnOf(place);
    const gone =
      column === null
        ? await this.#session.run('DELETE FROM vault_records WHERE place = $1 RETURNING place', [place])
        : await this.#session.run(
            `UPDATE ${column.table} SET ${column.column} = '' WHERE ${column.id} = $1 RETURNING ${column.id}`,
            [place.slice(column.prefix.length)],
          );
    return gone.length > 0;
  }

  async list(prefix: string, after: string, limit: number): Promise<readonly string[]> {
    const [from, to] = rangeOf(prefix);
    const rows = await this.#session.run(
      'SELECT place FROM vault_records WHERE place >= $1 AND place < $2 AND place > $3 ORDER BY place LIMIT $4',
      [from, to, after, limit],
    );
    return rows.map((row) => String(row['place']));
  }

  async due(prefix: string, beforeMs: number, limit: number): Promise<readonly StoredRecord[]> {
    const [from, to] = rangeOf(prefix);
    const rows = await this.#session.run(
      `SELECT place, envelope, due_ms FROM vault_records
       WHERE due_ms IS NOT NULL AND due_ms <= $1 AND place >= $2 AND place < $3 ORDER BY due_ms LIMIT $4`,
      [beforeMs, from, to, limit],
    );
    return rows.map(recordOf);
  }

  async wrappedBelow(key: string, version: number, limit: number): Promise<readonly StoredRecord[]> {
    const rows = await this.#session.run(
      `SELECT place, envelope, due_ms FROM vault_records
       WHERE key_name = $1 AND key_version < $2 ORDER BY key_version LIMIT $3`,
      [key, Math.min(version, 2_147_483_647), limit],
    );
    const records = rows.map(recordOf);
    if (key !== STATE_KEY) return records;
    for (const { prefix, table, id, column } of sealedColumns) {
      const more = await this.#session.run(
        `SELECT ${id} AS id, ${column} AS envelope FROM ${table} WHERE ${column} LIKE $1 AND ${column} NOT LIKE $2`,
        [`gv1.${key}.%`, `gv1.${key}.${version}.%`],
      );
      for (const row of more) {
        if (records.length >= limit) return records;
        records.push({
          place: `${prefix}${String(row['id'])}`,
          envelope: String(row['envelope']),
          dueMs: null,
        });
      }
    }
    return records;
  }

  async keys(): Promise<readonly StoredKey[]> {
    const rows = await this.#session.run(
      'SELECT name, version, wrapped, created_ms FROM vault_keys ORDER BY name, version',
    );
    return rows.map((row) => ({
      name: String(row['name']),
      version: Number(row['version']),
      wrapped: String(row['wrapped']),
      createdMs: Number(row['created_ms']),
    }));
  }

  async putKey({ name, version, wrapped, createdMs }: StoredKey): Promise<void> {
    await this.#session.run(
      `INSERT INTO vault_keys (name, version, wrapped, created_ms) VALUES ($1, $2, $3, $4)
       ON CONFLICT (name, version) DO UPDATE SET wrapped = excluded.wrapped`,
      [name, version, wrapped, createdMs],
    );
  }

  async removeKeys(name: string, belowVersion: number): Promise<void> {
    await this.#session.run('DELETE FROM vault_keys WHERE name = $1 AND version < $2', [
      name,
      Math.min(belowVersion, 2_147_483_647),
    ]);
  }

  async root(): Promise<string | null> {
    const [row] = await this.#session.run('SELECT value FROM vault_root WHERE one = 1');
    return row === undefined ? null : String(row['value']);
  }

  async setRoot(text: string): Promise<void> {
    await this.#session.run(
      'INSERT INTO vault_root (one, value) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET value = excluded.value',
      [text],
    );
  }
}

export class SqlVaultStore extends SqlVaultSession implements VaultStore {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    super(database);
    this.#database = database;
  }

  transaction<T>(work: (session: VaultSession) => Promise<T>): Promise<T> {
    return this.#database.transaction(async (session) => {
      await lockVault(session);
      const result = await work(new SqlVaultSession(session));
      await this.#database.announce(session);
      return result;
    });
  }

  onChange(callback: () => void): () => void {
    return this.#database.onChange(callback);
  }
}

/** Makes this transaction wait for other writers of the vault, and them for it. */
export async function lockVault(session: SqlSession): Promise<void> {
  await session.run('UPDATE vault_revision SET value = value + 1 WHERE one = 1');
}

const recordOf = (row: SqlRow): StoredRecord => ({
  place: String(row['place']),
  envelope: String(row['envelope']),
  dueMs: row['due_ms'] as number | null,
});

const columnOf = (place: string): SealedColumn | null =>
  sealedColumns.find(({ prefix }) => place.startsWith(prefix)) ?? null;

/** Everything that begins with `prefix`, which ends with `/` or is empty, as a half-open range. */
function rangeOf(prefix: string): [string, string] {
  if (prefix === '') return ['', '\u{10ffff}'];
  return [prefix, `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`];
}

function isForeignKey(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === POSTGRES_FOREIGN_KEY || errcode === SQLITE_FOREIGN_KEY;
}
