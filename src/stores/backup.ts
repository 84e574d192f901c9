// A backup of the state: every row of every table as one line of JSON, taken in one transaction, with counts and a digest at its
// end. What encrypts the file is the caller's; secrets in it are sealed as they are in the database besides.
import { createHash, type Hash } from 'node:crypto';
import type { SqlDatabase, SqlRow, SqlSession, SqlValue } from './contract.ts';
import { StateError } from './contract.ts';

const FORMAT = 'gatewright-backup';
const VERSION = 1;
const PAGE = 500;
/** Rows that every new state has, which those of the backup replace. */
const singletons = ['revision', 'vault_revision'];

interface Header {
  readonly format: string;
  readonly version: number;
  readonly createdMs: number;
  readonly state: string;
  readonly tables: readonly string[];
}

interface Trailer {
  readonly end: true;
  readonly rows: Readonly<Record<string, number>>;
  /** SHA-256 of everything before this line. */
  readonly sha256: string;
}

export interface BackupReport {
  readonly createdMs: number;
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
}

const nameOf = (name: string): string => {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new StateError(`"${name}" is no table of a state`);
  return name;
};

async function tablesOf(database: SqlDatabase, session: SqlSession): Promise<string[]> {
  const rows =
    database.kind === 'sqlite'
      ? await session.run(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
      : await session.run(`SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()`);
  const names = rows.map((row) => nameOf(String(row['name']))).sort();
  const parents = new Map<string, Set<string>>();
  for (const name of names)
    parents.set(name, new Set((await referencesOf(database, session, name)).map(({ to }) => to)));
  // Tables that others refer to come first.
  const ordered: string[] = [];
  while (ordered.length < names.length) {
    const next = names.find(
      (name) =>
        !ordered.includes(name) &&
        [...parents.get(name)!].every((parent) => parent === name || ordered.includes(parent)),
    );
    if (next === undefined) throw new StateError('tables refer to each other in a circle');
    ordered.push(next);
  }
  return ordered;
}

interface Reference {
  readonly to: string;
  readonly column: string;
  readonly target: string;
}

async function referencesOf(database: SqlDatabase, session: SqlSession, table: string): Promise<Reference[]> {
  const rows =
    database.kind === 'sqlite'
      ? await session.run(
          `SELECT "table" AS target_table, "from" AS column_name, "to" AS target_column FROM pragma_foreign_key_list($1)`,
          [table],
        )
      : await session.run(
          `SELECT target.relname AS target_table, a.attname AS column_name, b.attname AS target_column
           FROM pg_constraint AS c JOIN pg_class AS source ON source.oid = c.conrelid
           JOIN pg_class AS target ON target.oid = c.confrelid
           JOIN pg_namespace AS n ON n.oid = source.relnamespace
           JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
           JOIN pg_attribute AS b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
           WHERE c.contype = 'f' AND n.nspname = current_schema() AND source.relname = $1`,
          [table],
        );
  return rows.map((row) => ({
    to: String(row['target_table']),
    column: String(row['column_name']),
    target: String(row['target_column']),
  }));
}

/** Hands each line to `write`, which may wait. */
export async function writeBackup(
  database: SqlDatabase,
  nowMs: number,
  write: (line: string) => Promise<void>,
): Promise<BackupReport> {
  return database.transaction(async (session) => {
    // SQLite holds all writers back meanwhile; PostgreSQL shows this moment to the end.
    if (database.kind === 'postgres')
      await session.run('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const digest = createHash('sha256');
    const out = async (value: unknown): Promise<void> => {
      const line = `${JSON.stringify(value)}\n`;
      digest.update(line);
      await write(line);
    };
    const tables = await tablesOf(database, session);
    await out({
      format: FORMAT,
      version: VERSION,
      createdMs: nowMs,
      state: database.label,
      tables,
    } satisfies Header);
    const rows: Record<string, number> = {};
    for (const table of tables) {
      rows[table] = 0;
      for (;;) {
        const page = await session.run(
          `SELECT * FROM ${table} ORDER BY ${await orderOf(database, session, table)} LIMIT $1 OFFSET $2`,
          [PAGE, rows[table]],
        );
        for (const row of page) await out({ table, row });
        rows[table] += page.length;
        if (page.length < PAGE) break;
      }
    }
    await write(`${JSON.stringify({ end: true, rows, sha256: digest.digest('hex') } satisfies Trailer)}\n`);
    return { createdMs: nowMs, rows };
  });
}

/** Columns of the primary key. */
async function orderOf(database: SqlDatabase, session: SqlSession, table: string): Promise<string> {
  const rows =
    database.kind === 'sqlite'
      ? await session.run('SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk', [table])
      : await session.run(
          `SELECT a.attname AS name FROM pg_index AS i
           JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace
           JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
           WHERE i.indisprimary AND n.nspname = current_schema() AND t.relname = $1 ORDER BY a.attnum`,
          [table],
        );
  return rows.length === 0 ? '1' : rows.map((row) => nameOf(String(row['name']))).join(', ');
}

/**
 * Puts the rows of `lines` into a state that was just made and holds nothing. All of them or none: a backup that was cut
 * or changed leaves it empty. Rejects with StateError.
 */
export async function readBackup(database: SqlDatabase, lines: AsyncIterable<string>): Promise<BackupReport> {
  return database.transaction(async (session) => {
    const tables = await tablesOf(database, session);
    for (const table of tables) {
      if (table === 'migrations' || singletons.includes(table)) continue;
      if ((await session.run(`SELECT 1 AS one FROM ${table} LIMIT 1`)).length > 0)
        throw new StateError(`${database.label} is not empty: restore into a new one`);
    }
    const digest = createHash('sha256');
    const counts: Record<string, number> = {};
    const waiting = new Map<string, SqlRow[]>();
    let header: Header | null = null;
    let trailer: Trailer | null = null;
    for await (const line of lines) {
      if (trailer !== null) throw new StateError('the backup goes on after its end');
      const value = parseLine(line);
      if (header === null) {
        header = checkHeader(value, tables);
        for (const table of header.tables) counts[table] = 0;
        digest.update(line);
        continue;
      }
      if ((value as Partial<Trailer>).end === true) {
        trailer = value as Trailer;
        continue;
      }
      digest.update(line);
      const { table, row } = value as { table?: unknown; row?: unknown };
      if (
        typeof table !== 'string' ||
        !Object.hasOwn(counts, table) ||
        typeof row !== 'object' ||
        row === null
      )
        throw new StateError('the backup holds a line that is no row');
      counts[table]!++;
      await insertRow(database, session, table, row as SqlRow, waiting);
    }
    if (header === null || trailer === null) throw new StateError('the backup was cut off');
    finishDigest(digest, trailer);
    for (const [table, count] of Object.entries(counts)) {
      if (trailer.rows[table] !== count)
        throw new StateError(
          `the backup has ${count} rows of ${table}, and says ${trailer.rows[table] ?? 0}`,
        );
    }
    await insertWaiting(database, session, waiting);
    return { createdMs: header.createdMs, rows: counts };
  });
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new StateError('the backup holds a line that is no JSON');
  }
}

function checkHeader(value: unknown, tables: readonly string[]): Header {
  const header = value as Partial<Header>;
  if (header.format !== FORMAT || header.version !== VERSION || !Array.isArray(header.tables))
    throw new StateError('this is no backup of a state');
  const unknown = header.tables.find((table) => !tables.includes(table));
  if (unknown !== undefined)
    throw new StateError(`the backup has a table ${String(unknown)}, which this version does not know`);
  return header as Header;
}

function finishDigest(digest: Hash, trailer: Trailer): void {
  if (digest.digest('hex') !== trailer.sha256) throw new StateError('the backup was changed');
}

/** Rows of a table that refer to others of it wait until all are there. */
async function insertRow(
  database: SqlDatabase,
  session: SqlSession,
  table: string,
  row: SqlRow,
  waiting: Map<string, SqlRow[]>,
): Promise<void> {
  if (singletons.includes(table)) {
    await session.run(`UPDATE ${table} SET value = $1 WHERE one = 1`, [row['value']!]);
    return;
  }
  if (table === 'migrations') {
    const [own] = await session.run('SELECT sha256 FROM migrations WHERE version = $1', [row['version']!]);
    if (own?.['sha256'] !== row['sha256'])
      throw new StateError(`the backup is of another version: migration ${String(row['version'])} differs`);
    return;
  }
  const own = waiting.get(table);
  const references = own === undefined ? await selfReferences(database, session, table) : [];
  if (own !== undefined) own.push(row);
  else if (references.length > 0) waiting.set(table, [row]);
  else await insert(session, table, row);
}

const selfReferences = async (
  database: SqlDatabase,
  session: SqlSession,
  table: string,
): Promise<Reference[]> => (await referencesOf(database, session, table)).filter(({ to }) => to === table);

async function insertWaiting(
  database: SqlDatabase,
  session: SqlSession,
  waiting: ReadonlyMap<string, SqlRow[]>,
): Promise<void> {
  for (const [table, rows] of waiting) {
    const references = await selfReferences(database, session, table);
    const there = new Set<SqlValue>();
    let left = rows;
    while (left.length > 0) {
      const later: SqlRow[] = [];
      for (const row of left) {
        if (references.some(({ column }) => row[column] !== null && !there.has(row[column]!)))
          later.push(row);
        else {
          await insert(session, table, row);
          for (const { target } of references) there.add(row[target]!);
        }
      }
      if (later.length === left.length)
        throw new StateError(`rows of ${table} refer to some that are not in the backup`);
      left = later;
    }
  }
}

async function insert(session: SqlSession, table: string, row: SqlRow): Promise<void> {
  const columns = Object.keys(row).map(nameOf);
  await session.run(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
    columns.map((column) => row[column]!),
  );
}
