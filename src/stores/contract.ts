// What a database is to the stores: statements with `$1`-style parameters, transactions, and word of changes. The
// dialects of SQLite and PostgreSQL are close enough for one text of each statement; what differs is in the two
// implementations.

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface SqlSession {
  /** Rows of one statement. */
  run(sql: string, parameters?: readonly SqlValue[]): Promise<readonly SqlRow[]>;
}

export interface SqlDatabase extends SqlSession {
  readonly kind: 'sqlite' | 'postgres';
  /** For people: a path, or host and database; never a password. */
  readonly label: string;
  /**
   * Runs `work` in one transaction. Writers wait for each other. All of it is durable when the promise resolves; none of
   * it is there when it rejects or the process dies before.
   */
  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  /** Runs `work` with no other migration beside it, on any node. */
  migrate(work: (session: SqlSession) => Promise<void>): Promise<void>;
  /** Tells other processes that something has changed; part of the transaction. */
  announce(session: SqlSession): Promise<void>;
  /** Calls back within a second of a change by whomever; answers a function that stops it. */
  onChange(callback: () => void): () => void;
  /** What the database itself finds wrong with its files. */
  verify(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** The state can not be used: the message says why and what to do. */
export class StateError extends Error {
  override readonly name = 'StateError';
}
