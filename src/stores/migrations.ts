// The shape of the state, as steps that are applied once and never changed afterwards: a fingerprint of each is kept, so
// that a step that was edited is found. A program meets a newer state by stopping.
import { hash } from 'node:crypto';
import { banTables } from './ban-store.ts';
import { type SqlDatabase, type SqlSession, StateError } from './contract.ts';
import { incidentTables } from './incident-store.ts';
import { oauthTables } from './oauth-tables.ts';
import { quotaTables } from './quota-store.ts';
import { serviceTables } from './service-tables.ts';

export interface Migration {
  /** From 1, without gaps. */
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
}

const identity: Migration = {
  version: 1,
  name: 'identity',
  statements: [
    'CREATE TABLE revision (one INTEGER PRIMARY KEY CHECK (one = 1), value BIGINT NOT NULL)',
    'INSERT INTO revision (one, value) VALUES (1, 0)',
    `CREATE TABLE principals (
      id TEXT PRIMARY KEY,
      kind TEXT NOT NULL CHECK (kind IN ('user', 'client', 'service')),
      note TEXT NOT NULL,
      scopes TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      disabled_ms BIGINT,
      revision BIGINT NOT NULL
    )`,
    'CREATE INDEX principals_by_revision ON principals (revision)',
    `CREATE TABLE api_keys (
      id TEXT PRIMARY KEY,
      principal TEXT NOT NULL REFERENCES principals (id),
      sha256 TEXT NOT NULL UNIQUE,
      scopes TEXT,
      addresses TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      expires_ms BIGINT,
      revoked_ms BIGINT,
      rotated_from TEXT REFERENCES api_keys (id),
      revision BIGINT NOT NULL
    )`,
    'CREATE INDEX api_keys_by_principal ON api_keys (principal)',
    'CREATE INDEX api_keys_by_revision ON api_keys (revision)',
    `CREATE TABLE key_uses (
      key_id TEXT PRIMARY KEY REFERENCES api_keys (id),
      last_used_ms BIGINT NOT NULL
    )`,
    `CREATE TABLE revocations (
      kind TEXT NOT NULL CHECK (kind IN ('token', 'subject', 'issuer', 'key', 'session')),
      value TEXT NOT NULL,
      issued_before_ms BIGINT,
      until_ms BIGINT NOT NULL,
      created_ms BIGINT NOT NULL,
      reason TEXT NOT NULL,
      removed INTEGER NOT NULL DEFAULT 0,
      revision BIGINT NOT NULL,
      PRIMARY KEY (kind, value)
    )`,
    'CREATE INDEX revocations_by_revision ON revocations (revision)',
    `CREATE TABLE signing_keys (
      id TEXT PRIMARY KEY,
      purpose TEXT NOT NULL,
      algorithm TEXT NOT NULL,
      sealed TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      active_ms BIGINT NOT NULL,
      until_ms BIGINT NOT NULL,
      revision BIGINT NOT NULL
    )`,
    'CREATE INDEX signing_keys_by_purpose ON signing_keys (purpose, active_ms)',
  ],
};

const vault: Migration = {
  version: 2,
  name: 'vault',
  statements: [
    'CREATE TABLE vault_revision (one INTEGER PRIMARY KEY CHECK (one = 1), value BIGINT NOT NULL)',
    'INSERT INTO vault_revision (one, value) VALUES (1, 0)',
    'CREATE TABLE vault_root (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL)',
    `CREATE TABLE vault_keys (
      name TEXT NOT NULL,
      version INTEGER NOT NULL CHECK (version >= 1),
      wrapped TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      PRIMARY KEY (name, version)
    )`,
    `CREATE TABLE vault_records (
      place {BINARY TEXT} PRIMARY KEY,
      key_name TEXT NOT NULL,
      key_version INTEGER NOT NULL,
      envelope TEXT NOT NULL,
      due_ms BIGINT,
      FOREIGN KEY (key_name, key_version) REFERENCES vault_keys (name, version)
    )`,
    'CREATE INDEX vault_records_by_key ON vault_records (key_name, key_version)',
    'CREATE INDEX vault_records_by_due ON vault_records (due_ms) WHERE due_ms IS NOT NULL',
  ],
};

const services: Migration = { version: 3, name: 'services', statements: serviceTables };

const oauth: Migration = { version: 4, name: 'oauth', statements: oauthTables };

const quotas: Migration = { version: 5, name: 'quotas', statements: quotaTables };

const bans: Migration = { version: 6, name: 'bans', statements: banTables };

const incidents: Migration = { version: 7, name: 'incidents', statements: incidentTables };

export const migrations: readonly Migration[] = [identity, vault, services, oauth, quotas, bans, incidents];

/** Texts that are ordered by their bytes; in PostgreSQL the database's collation may say otherwise. */
const binaryText = { sqlite: 'TEXT', postgres: 'TEXT COLLATE "C"' } as const;

const fingerprint = (migration: Migration): string => hash('sha256', migration.statements.join(';\n'), 'hex');

interface Applied {
  readonly version: number;
  readonly name: string;
  readonly sha256: string;
}

async function applied(session: SqlSession): Promise<Applied[]> {
  const rows = await session.run('SELECT version, name, sha256 FROM migrations ORDER BY version');
  return rows.map((row) => ({
    version: Number(row['version']),
    name: String(row['name']),
    sha256: String(row['sha256']),
  }));
}

/** Brings the database to the newest shape, all steps or none. Throws StateError when it is not one of ours. */
export async function migrate(
  database: SqlDatabase,
  nowMs: number,
  steps: readonly Migration[] = migrations,
): Promise<void> {
  await database.migrate(async (session) => {
    await session.run(
      `CREATE TABLE IF NOT EXISTS migrations (
        version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_ms BIGINT NOT NULL
      )`,
    );
    const done = await applied(session);
    const problem = compare(done, steps)[0];
    if (problem !== undefined) throw new StateError(`${database.label} can not be used: ${problem}`);
    for (const step of steps.slice(done.length)) {
      for (const statement of step.statements)
        await session.run(statement.replaceAll('{BINARY TEXT}', binaryText[database.kind]));
      await session.run(
        'INSERT INTO migrations (version, name, sha256, applied_ms) VALUES ($1, $2, $3, $4)',
        [step.version, step.name, fingerprint(step), nowMs],
      );
    }
  });
}

/** What is wrong with the steps that were applied; empty when nothing is. */
export async function verifyMigrations(
  database: SqlDatabase,
  steps: readonly Migration[] = migrations,
): Promise<readonly string[]> {
  const done = await applied(database);
  const problems = compare(done, steps);
  if (problems.length === 0 && done.length < steps.length)
    return ['migrations are missing; start the gate once'];
  return problems;
}

function compare(done: readonly Applied[], steps: readonly Migration[]): string[] {
  const problems: string[] = [];
  done.forEach((entry, index) => {
    const step = steps[index];
    if (step === undefined)
      problems.push(
        `it was made by a newer version of Gatewright (migration ${entry.version}, ${entry.name})`,
      );
    else if (entry.version !== step.version || entry.sha256 !== fingerprint(step))
      problems.push(`migration ${entry.version} (${entry.name}) is not the one of this version`);
  });
  return problems;
}
