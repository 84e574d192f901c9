// Incidents, suppressions and models of detection in the state. An incident is one document: what is searched for has columns of its
// own. Documents are no secrets of the gate, but they name callers and addresses: who can read the state can read them.
import type { Incident, IncidentStatus, IncidentStore, Suppression } from '../detect/contract.ts';
import type { SqlDatabase, SqlRow, SqlSession } from './contract.ts';

export const incidentTables: readonly string[] = [
  `CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('open', 'acknowledged', 'closed')),
    opened_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    document TEXT NOT NULL
  )`,
  'CREATE INDEX incidents_by_time ON incidents (opened_ms)',
  `CREATE TABLE suppressions (
    id TEXT PRIMARY KEY,
    until_ms BIGINT NOT NULL,
    document TEXT NOT NULL
  )`,
  `CREATE TABLE detect_models (
    node TEXT PRIMARY KEY,
    written_ms BIGINT NOT NULL,
    models TEXT NOT NULL
  )`,
];

export class SqlIncidentStore implements IncidentStore {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  onChange(callback: () => void): () => void {
    return this.#database.onChange(callback);
  }

  async put(incident: Incident): Promise<void> {
    await this.#database.transaction((session) => write(session, incident));
  }

  async get(id: string): Promise<Incident | null> {
    const [row] = await this.#database.run('SELECT document FROM incidents WHERE id = $1', [id]);
    return row === undefined ? null : parse<Incident>(row);
  }

  async list({
    status,
    sinceMs,
    limit,
  }: {
    readonly status?: IncidentStatus;
    readonly sinceMs?: number;
    readonly limit: number;
  }): Promise<readonly Incident[]> {
    const rows = await this.#database.run(
      `SELECT document FROM incidents WHERE ($1 = '' OR status = $1) AND opened_ms >= $2
       ORDER BY opened_ms DESC, id LIMIT $3`,
      [status ?? '', sinceMs ?? 0, limit],
    );
    return rows.map((row) => parse<Incident>(row));
  }

  change(id: string, change: (incident: Incident) => Incident): Promise<Incident | null> {
    return this.#database.transaction(async (session) => {
      // Taken first, so that two who change it wait for each other.
      const [row] = await session.run('UPDATE incidents SET id = id WHERE id = $1 RETURNING document', [id]);
      if (row === undefined) return null;
      const changed = change(parse<Incident>(row));
      await write(session, changed);
      await this.#database.announce(session);
      return changed;
    });
  }

  async putSuppression(suppression: Suppression): Promise<void> {
    await this.#database.transaction(async (session) => {
      await session.run(
        `INSERT INTO suppressions (id, until_ms, document) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET until_ms = excluded.until_ms, document = excluded.document`,
        [suppression.id, suppression.untilMs, JSON.stringify(suppression)],
      );
      await this.#database.announce(session);
    });
  }

  removeSuppression(id: string): Promise<boolean> {
    return this.#database.transaction(async (session) => {
      const gone = await session.run('DELETE FROM suppressions WHERE id = $1 RETURNING id', [id]);
      await this.#database.announce(session);
      return gone.length > 0;
    });
  }

  async suppressions(nowMs: number): Promise<readonly Suppression[]> {
    const rows = await this.#database.run(
      'SELECT document FROM suppressions WHERE until_ms > $1 ORDER BY until_ms, id',
      [nowMs],
    );
    return rows.map((row) => parse<Suppression>(row));
  }

  async putModels(node: string, text: string, atMs: number): Promise<void> {
    await this.#database.run(
      `INSERT INTO detect_models (node, written_ms, models) VALUES ($1, $2, $3)
       ON CONFLICT (node) DO UPDATE SET written_ms = excluded.written_ms, models = excluded.models`,
      [node, atMs, text],
    );
  }

  async models(node: string): Promise<string | null> {
    const [row] = await this.#database.run(
      `SELECT models FROM detect_models
       ORDER BY CASE WHEN node = $1 THEN 0 ELSE 1 END, written_ms DESC LIMIT 1`,
      [node],
    );
    return row === undefined ? null : String(row['models']);
  }

  async prune(beforeMs: number): Promise<void> {
    await this.#database.run("DELETE FROM incidents WHERE status = 'closed' AND updated_ms < $1", [beforeMs]);
    await this.#database.run('DELETE FROM suppressions WHERE until_ms < $1', [beforeMs]);
  }
}

async function write(session: SqlSession, incident: Incident): Promise<void> {
  await session.run(
    `INSERT INTO incidents (id, status, opened_ms, updated_ms, document) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_ms = excluded.updated_ms,
       document = excluded.document`,
    [incident.id, incident.status, incident.openedMs, incident.updatedMs, JSON.stringify(incident)],
  );
}

const parse = <T>(row: SqlRow): T => JSON.parse(String(row['document'])) as T;
