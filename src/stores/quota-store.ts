// Quotas in the state: one row for a caller and period, written as leases are taken and given back, so that a restart forgets nothing
// but what was leased and not given back.
import { randomUUID } from 'node:crypto';
import type { BucketAsk, BucketReply, BucketStore } from '../limits/index.ts';
import type { SqlDatabase, SqlSession } from './contract.ts';

export const quotaTables: readonly string[] = [
  `CREATE TABLE quota_counts (
    bucket TEXT NOT NULL,
    period TEXT NOT NULL,
    used BIGINT NOT NULL,
    carried BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (bucket, period)
  )`,
  'CREATE INDEX quota_counts_by_end ON quota_counts (until_ms)',
  'CREATE TABLE quota_nodes (id TEXT PRIMARY KEY, seen_ms BIGINT NOT NULL)',
];

/** A node counts this long after it was last heard, ms. */
const NODE_MS = 7000;
/** Periods that are over are kept for the next one to carry from, ms. */
const KEPT_MS = 40 * 86_400_000;
const EMPTY_MS = 5000;

export class SqlQuotaStore implements BucketStore {
  readonly #database: SqlDatabase;
  readonly #node = randomUUID();

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  async exchange(asks: readonly BucketAsk[]): Promise<readonly BucketReply[]> {
    return this.#database.transaction(async (session) => {
      const replies: BucketReply[] = [];
      for (const ask of asks) replies.push(await run(session, ask));
      return replies;
    });
  }

  async greet(): Promise<number> {
    const nowMs = Date.now();
    // A file has one gate; others would write to it from other machines.
    if (this.#database.kind === 'sqlite') {
      await this.#database.run('DELETE FROM quota_counts WHERE until_ms < $1', [nowMs - KEPT_MS]);
      return 1;
    }
    return this.#database.transaction(async (session) => {
      await session.run('DELETE FROM quota_counts WHERE until_ms < $1', [nowMs - KEPT_MS]);
      await session.run('DELETE FROM quota_nodes WHERE seen_ms < $1', [nowMs - NODE_MS]);
      await session.run(
        'INSERT INTO quota_nodes (id, seen_ms) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms',
        [this.#node, nowMs],
      );
      const [row] = await session.run('SELECT count(*) AS nodes FROM quota_nodes');
      return Number(row!['nodes']);
    });
  }
}

async function run(session: SqlSession, ask: BucketAsk): Promise<BucketReply> {
  const { name, period, previous, burst, wanted, debt, unused } = ask;
  const rows = await session.run(
    'SELECT period, used, carried FROM quota_counts WHERE bucket = $1 AND period IN ($2, $3)',
    [name, period, previous],
  );
  const now = rows.find((row) => row['period'] === period);
  const before = rows.find((row) => row['period'] === previous);
  let carried = Number(now?.['carried'] ?? 0);
  if (now === undefined && before !== undefined) {
    // What was carried is used first, and not carried again.
    const own = Math.max(0, Number(before['used']) - Number(before['carried']));
    carried = Math.min(ask.carry, Math.max(0, burst - own));
  }
  let used = Math.max(0, Number(now?.['used'] ?? 0) + debt - unused);
  const room = burst + carried - used;
  const granted = Math.max(0, Math.min(wanted, room, Math.max(1, Math.floor(room / 2))));
  used += granted;
  await session.run(
    `INSERT INTO quota_counts (bucket, period, used, carried, until_ms) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (bucket, period) DO UPDATE SET used = excluded.used`,
    [name, period, used, carried, ask.untilEpochMs],
  );
  const left = burst + carried - used;
  return { granted, level: left, dryMs: left > 0 ? 0 : EMPTY_MS };
}
