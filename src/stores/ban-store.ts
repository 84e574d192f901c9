// Bans in the state: one row a block. What is taken back stays as a row without an end until it is tidied away, so that a change
// always moves the newest number.
import type { Ban, BanStore } from '../admission/index.ts';
import type { SqlDatabase, SqlSession } from './contract.ts';

export const banTables: readonly string[] = [
  `CREATE TABLE bans (
    block TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    set_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    change BIGINT NOT NULL
  )`,
  'CREATE INDEX bans_by_change ON bans (change)',
  'CREATE INDEX bans_by_end ON bans (until_ms)',
];

/** Bans that have ended are kept this long, so that the number of the last change is not lost, ms. */
const KEPT_MS = 86_400_000;

export class SqlBanStore implements BanStore {
  readonly #database: SqlDatabase;
  readonly onChange: (callback: () => void) => () => void;
  #seen = -1;

  constructor(database: SqlDatabase) {
    this.#database = database;
    this.onChange = (callback) => database.onChange(callback);
  }

  async changes(): Promise<readonly Ban[] | null> {
    const newest = await newestOf(this.#database);
    if (newest === this.#seen) return null;
    const rows = await this.#database.run('SELECT * FROM bans WHERE until_ms > $1', [Date.now()]);
    this.#seen = newest;
    return rows.map((row) => ({
      block: String(row['block']),
      reason: String(row['reason']),
      by: String(row['set_by']),
      createdMs: Number(row['created_ms']),
      untilMs: Number(row['until_ms']),
    }));
  }

  async put({ block, reason, by, createdMs, untilMs }: Ban): Promise<void> {
    await this.#database.transaction(async (session) => {
      const change = (await newestOf(session)) + 1;
      await session.run(
        `INSERT INTO bans (block, reason, set_by, created_ms, until_ms, change) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (block) DO UPDATE SET reason = excluded.reason, set_by = excluded.set_by,
         created_ms = excluded.created_ms, until_ms = excluded.until_ms, change = excluded.change`,
        [block, reason, by, createdMs, untilMs, change],
      );
      await session.run('DELETE FROM bans WHERE until_ms < $1 AND change < $2', [
        createdMs - KEPT_MS,
        change,
      ]);
      await this.#database.announce(session);
    });
  }

  async remove(block: string): Promise<boolean> {
    return this.#database.transaction(async (session) => {
      const nowMs = Date.now();
      const [found] = await session.run('SELECT block FROM bans WHERE block = $1 AND until_ms > $2', [
        block,
        nowMs,
      ]);
      if (found === undefined) return false;
      const change = (await newestOf(session)) + 1;
      await session.run('UPDATE bans SET until_ms = $2, change = $3 WHERE block = $1', [
        block,
        nowMs,
        change,
      ]);
      await this.#database.announce(session);
      return true;
    });
  }
}

async function newestOf(session: SqlSession): Promise<number> {
  const [row] = await session.run('SELECT COALESCE(MAX(change), 0) AS newest FROM bans');
  return Number(row!['newest']);
}
