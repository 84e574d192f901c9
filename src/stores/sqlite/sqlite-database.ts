// SQLite in the process (`node:sqlite`), in WAL mode with every commit synced: an acknowledged write survives `kill -9`
// and a power cut. Other processes (the command line) write to the same file; they are noticed by the file's own
// data version, which costs microseconds to ask.
import { chmodSync, existsSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type SqlDatabase, type SqlRow, type SqlSession, type SqlValue, StateError } from '../contract.ts';

/** How long a write waits for another process's write, ms. */
const BUSY_TIMEOUT_MS = 10_000;
/** Between two tries: the thread has other things to do meanwhile, ms. */
const BUSY_WAIT_MS = 5;
/** Opening and the end of a commit wait this long in place, ms. */
const SHORT_WAIT_MS = 200;
const SQLITE_BUSY = 5;
/** How often other processes' writes are looked for, ms: a change must be everywhere within a second. */
const POLL_MS = 200;

export class SqliteDatabase implements SqlDatabase {
  readonly kind = 'sqlite';
  readonly label: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #callbacks = new Set<() => void>();
  /** Statements run one after the other: what is not of a transaction must not get into it. */
  #queue: Promise<unknown> = Promise.resolve();
  #poll: NodeJS.Timeout | null = null;
  #dataVersion = 0;
  #changed = false;
  #closed = false;

  /** Throws StateError when the file can not be used. */
  constructor(file: string) {
    this.label = file;
    const isNew = !existsSync(file);
    try {
      this.#database = new DatabaseSync(file, { timeout: SHORT_WAIT_MS });
      // It holds hashes of keys and sealed private keys: nobody else's business.
      if (isNew) chmodSync(file, 0o600);
      this.#database.exec('PRAGMA journal_mode = WAL');
      this.#database.exec('PRAGMA synchronous = FULL');
      this.#database.exec('PRAGMA foreign_keys = ON');
      this.#database.exec('PRAGMA trusted_schema = OFF');
    } catch (error) {
      throw new StateError(`the state in ${file} can not be opened: ${(error as Error).message}`);
    }
    this.#dataVersion = this.#readDataVersion();
  }

  run(sql: string, parameters: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    return this.#enqueue(async () => this.#runNow(sql, parameters));
  }

  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#enqueue(async () => {
      await this.#begin();
      let result: T;
      try {
        result = await work({ run: async (sql, parameters = []) => this.#runNow(sql, parameters) });
        this.#database.exec('COMMIT');
      } catch (error) {
        this.#changed = false;
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
      if (this.#changed) {
        this.#changed = false;
        for (const callback of this.#callbacks) callback();
      }
      return result;
    });
  }

  /** Takes the write lock of the file. */
  async #begin(): Promise<void> {
    const giveUpMs = performance.now() + BUSY_TIMEOUT_MS;
    this.#database.exec('PRAGMA busy_timeout = 0');
    try {
      for (;;) {
        try {
          this.#database.exec('BEGIN IMMEDIATE');
          return;
        } catch (error) {
          const isBusy = ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY;
          if (!isBusy || performance.now() > giveUpMs) throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
      }
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${SHORT_WAIT_MS}`);
    }
  }

  async migrate(work: (session: SqlSession) => Promise<void>): Promise<void> {
    await this.transaction(work);
  }

  /** Other processes see the data version move; this one is told when the transaction is through. */
  async announce(): Promise<void> {
    this.#changed = true;
  }

  onChange(callback: () => void): () => void {
    this.#callbacks.add(callback);
    if (this.#poll === null) {
      this.#poll = setInterval(() => this.#lookForOthers(), POLL_MS);
      this.#poll.unref();
    }
    return () => {
      this.#callbacks.delete(callback);
      if (this.#callbacks.size > 0 || this.#poll === null) return;
      clearInterval(this.#poll);
      this.#poll = null;
    };
  }

  #lookForOthers(): void {
    const version = this.#readDataVersion();
    if (version === this.#dataVersion) return;
    this.#dataVersion = version;
    for (const callback of this.#callbacks) callback();
  }

  #readDataVersion(): number {
    return Number(this.#runNow('PRAGMA data_version', [])[0]!['data_version']);
  }

  #runNow(sql: string, parameters: readonly SqlValue[]): readonly SqlRow[] {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql.replace(/\$(\d+)/g, '?$1'));
      this.#statements.set(sql, statement);
    }
    return statement.all(...parameters) as unknown as readonly SqlRow[];
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(() => {
      if (this.#closed) throw new StateError(`the state in ${this.label} is closed`);
      return work();
    });
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async verify(): Promise<readonly string[]> {
    const problems: string[] = [];
    for (const row of await this.run('PRAGMA integrity_check')) {
      const text = String(row['integrity_check']);
      if (text !== 'ok') problems.push(text);
    }
    for (const row of await this.run('PRAGMA foreign_key_check')) {
      problems.push(
        `a row of ${String(row['table'])} refers to a row of ${String(row['parent'])} that is not there`,
      );
    }
    return problems;
  }

  async close(): Promise<void> {
    if (this.#poll !== null) clearInterval(this.#poll);
    this.#poll = null;
    await this.#queue;
    if (this.#closed) return;
    this.#closed = true;
    this.#statements.clear();
    this.#database.close();
  }
}
