// PostgreSQL for a fleet: one database that all nodes share, in a schema of its own. Word of changes comes by LISTEN; a
// connection that breaks is made again, and then everybody looks for what they may have missed.
import pg from 'pg';
import { type SqlDatabase, type SqlRow, type SqlSession, type SqlValue, StateError } from '../contract.ts';

const MAX_CONNECTIONS = 4;
const CONNECT_TIMEOUT_MS = 5000;
/** A statement that takes longer is given up, ms: nothing here is meant to. */
const STATEMENT_TIMEOUT_MS = 15_000;
/** A broken LISTEN connection is made again after this, doubled to the maximum, ms. */
const RELISTEN_MIN_MS = 100;
const RELISTEN_MAX_MS = 5000;
const INT8 = 20;

const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    // Times in ms and revisions are far below 2^53.
    oid === INT8 ? (text: string) => Number(text) : pg.types.getTypeParser(oid, format as 'text'),
} as pg.CustomTypesConfig;

export class PostgresDatabase implements SqlDatabase {
  readonly kind = 'postgres';
  readonly label: string;
  readonly #schema: string;
  readonly #config: pg.ClientConfig;
  readonly #pool: pg.Pool;
  readonly #callbacks = new Set<() => void>();
  #listener: pg.Client | null = null;
  #retry: NodeJS.Timeout | null = null;
  #retryMs = RELISTEN_MIN_MS;
  #closed = false;

  private constructor(url: string, schema: string) {
    const { host, pathname } = new URL(url);
    this.label = `PostgreSQL at ${host}${pathname}, schema ${schema}`;
    this.#schema = schema;
    this.#config = {
      connectionString: url,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      application_name: 'gatewright',
      options: `-c search_path=${schema}`,
      types,
    };
    this.#pool = new pg.Pool({ ...this.#config, max: MAX_CONNECTIONS });
    // An idle connection that breaks is replaced by the next statement.
    this.#pool.on('error', () => {});
  }

  /** Throws StateError when the database can not be reached. `schema` is made if it is not there and may be. */
  static async connect(url: string, schema: string, mayCreate = true): Promise<PostgresDatabase> {
    if (!/^[a-z][a-z0-9_]{0,40}$/.test(schema)) throw new StateError(`"${schema}" is no name for a schema`);
    if (!URL.canParse(url)) throw new StateError('the PostgreSQL URL is no URL');
    const database = new PostgresDatabase(url, schema);
    try {
      const found = await database.#pool.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
      if (found.rowCount === 0 && !mayCreate) throw new Error('there is no such schema');
      if (found.rowCount === 0) {
        await database.#pool
          .query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`)
          .catch((error: { code?: string }) => {
            // Two nodes that start at once may both try; one of them is told so.
            if (error.code !== '23505') throw error;
          });
      }
    } catch (error) {
      await database.close();
      throw new StateError(`${database.label} can not be used: ${(error as Error).message}`);
    }
    return database;
  }

  async run(sql: string, parameters: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    return (await this.#pool.query<SqlRow>(sql, [...parameters])).rows;
  }

  async transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken = false;
    const onError = (): void => {
      broken = true;
    };
    client.on('error', onError);
    try {
      await client.query('BEGIN');
      const result = await work({
        run: async (sql, parameters = []) => (await client.query<SqlRow>(sql, [...parameters])).rows,
      });
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {
        broken = true;
      });
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  async migrate(work: (session: SqlSession) => Promise<void>): Promise<void> {
    await this.transaction(async (session) => {
      await session.run('SELECT pg_advisory_xact_lock(hashtext($1))', [
        `gatewright migrations ${this.#schema}`,
      ]);
      await work(session);
    });
  }

  async announce(session: SqlSession): Promise<void> {
    await session.run('SELECT pg_notify($1, $2)', [this.#channel, '']);
  }

  get #channel(): string {
    return `gatewright_${this.#schema}`;
  }

  onChange(callback: () => void): () => void {
    this.#callbacks.add(callback);
    if (this.#callbacks.size === 1) void this.#listen();
    return () => {
      this.#callbacks.delete(callback);
      if (this.#callbacks.size === 0) this.#stopListening();
    };
  }

  async #listen(): Promise<void> {
    if (this.#closed || this.#callbacks.size === 0) return;
    const client = new pg.Client({ ...this.#config, keepAlive: true });
    this.#listener = client;
    const again = (): void => {
      if (this.#listener !== client) return;
      this.#listener = null;
      client.end().catch(() => {});
      if (this.#closed || this.#callbacks.size === 0) return;
      this.#retry = setTimeout(() => void this.#listen(), this.#retryMs);
      this.#retry.unref();
      this.#retryMs = Math.min(this.#retryMs * 2, RELISTEN_MAX_MS);
    };
    client.on('error', again);
    client.on('end', again);
    client.on('notification', () => this.#tell());
    try {
      await client.connect();
      await client.query(`LISTEN "${this.#channel}"`);
    } catch {
      again();
      return;
    }
    this.#retryMs = RELISTEN_MIN_MS;
    // Whatever was announced while nobody listened.
    this.#tell();
  }

  #tell(): void {
    for (const callback of this.#callbacks) callback();
  }

  #stopListening(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    const client = this.#listener;
    this.#listener = null;
    client?.end().catch(() => {});
  }

  async verify(): Promise<readonly string[]> {
    // The server keeps its own files; that constraints hold is checked because they may have been dropped.
    const rows = await this.run(
      `SELECT conname FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid = connamespace
       WHERE nspname = $1 AND NOT convalidated`,
      [this.#schema],
    );
    return rows.map((row) => `the constraint ${String(row['conname'])} is not validated`);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopListening();
    await this.#pool.end();
  }
}
