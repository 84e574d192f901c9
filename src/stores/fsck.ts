// What `gatewright fsck` looks for in the state beyond what the database checks of itself: that every row still means
// what the code takes it to mean.

import { isEnvelope } from '../envelope/index.ts';
import type { ArtifactMac } from '../oauth/artifact-mac.ts';
import { type Barrier, checkVault } from '../vault/index.ts';
import { type SqlDatabase, type SqlRow, StateError } from './contract.ts';
import type { FieldSeal } from './field-seal.ts';
import { verifyMigrations } from './migrations.ts';
import { danglingOauth, macOfArtifacts, oauthProblems } from './oauth-fsck.ts';
import { checkServices } from './service-fsck.ts';
import { sealedColumns } from './vault-store.ts';

export interface FsckReport {
  /** Database, for people. */
  readonly state: string;
  /** Rows that were looked at, by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** One sentence each; empty when all is well. */
  readonly problems: readonly string[];
}

const PAGE = 1000;
const tables = [
  'principals',
  'api_keys',
  'key_uses',
  'revocations',
  'signing_keys',
  'authorities',
  'join_tokens',
  'svids',
  'bindings',
  'trust_bundles',
  'oauth_artifacts',
  'oauth_clients',
  'user_credentials',
  'federated_users',
  'login_attempts',
  'quota_counts',
  'bans',
  'incidents',
  'suppressions',
  'detect_models',
] as const;
/** Columns that tell a row apart, for the order of pages and for messages. */
const keys: Readonly<Record<(typeof tables)[number], readonly string[]>> = {
  principals: ['id'],
  api_keys: ['id'],
  key_uses: ['key_id'],
  revocations: ['kind', 'value'],
  signing_keys: ['id'],
  authorities: ['id'],
  join_tokens: ['id'],
  svids: ['serial'],
  bindings: ['identity'],
  trust_bundles: ['trust_domain'],
  oauth_artifacts: ['model', 'id'],
  oauth_clients: ['id'],
  user_credentials: ['id'],
  federated_users: ['provider', 'subject'],
  login_attempts: ['bucket'],
  quota_counts: ['bucket', 'period'],
  bans: ['block'],
  incidents: ['id'],
  suppressions: ['id'],
  detect_models: ['node'],
};

export async function checkState(
  database: SqlDatabase,
  fields: FieldSeal,
  vault: Barrier,
): Promise<FsckReport> {
  const problems: string[] = [...(await database.verify())];
  let rows: Record<string, number> = {};
  try {
    problems.push(...(await verifyMigrations(database)));
    const [counter] = await database.run('SELECT value FROM revision WHERE one = 1');
    if (counter === undefined) problems.push('the revision counter is missing');
    const newest = Number(counter?.['value'] ?? 0);
    const mac = await macOfArtifacts(database, fields);
    rows = Object.fromEntries(
      await Promise.all(
        tables.map(
          async (table) => [table, await checkTable(database, table, newest, fields, mac, problems)] as const,
        ),
      ),
    );
    problems.push(...(await checkReferences(database)));
    problems.push(...(await checkServices(database, fields)));
    const checked = await checkVault(vault);
    rows['vault_records'] = checked.records;
    problems.push(...checked.problems);
  } catch (error) {
    problems.push(`the state can not be read to its end: ${(error as Error).message}`);
  }
  return { state: database.label, rows, problems };
}

async function checkTable(
  database: SqlDatabase,
  table: (typeof tables)[number],
  newest: number,
  fields: FieldSeal,
  mac: ArtifactMac | null,
  problems: string[],
): Promise<number> {
  const columns = keys[table];
  let count = 0;
  for (;;) {
    const page = await database.run(
      `SELECT * FROM ${table} ORDER BY ${columns.join(', ')} LIMIT $1 OFFSET $2`,
      [PAGE, count],
    );
    for (const row of page) {
      const place = `${table}/${columns.map((column) => String(row[column])).join('/')}`;
      for (const problem of await problemsOf(table, row, newest, fields, mac))
        problems.push(`${place} ${problem}`);
    }
    count += page.length;
    if (page.length < PAGE) return count;
  }
}

async function problemsOf(
  table: (typeof tables)[number],
  row: SqlRow,
  newest: number,
  fields: FieldSeal,
  mac: ArtifactMac | null,
): Promise<string[]> {
  const out: string[] = [];
  if (row['revision'] !== undefined && !(Number(row['revision']) >= 1 && Number(row['revision']) <= newest))
    out.push(`has revision ${String(row['revision'])}, the newest is ${newest}`);
  for (const [column, value] of Object.entries(row)) {
    if (column.endsWith('_ms') && value !== null && !(Number.isSafeInteger(value) && Number(value) >= 0))
      out.push(`has no moment in ${column}`);
  }
  if (table === 'principals' && !isTextList(row['scopes'])) out.push('has scopes that are no list of texts');
  if (table === 'api_keys') {
    if (!/^[0-9a-f]{64}$/.test(String(row['sha256']))) out.push('has no SHA-256');
    if (row['scopes'] !== null && !isTextList(row['scopes']))
      out.push('has scopes that are no list of texts');
    if (!isTextList(row['addresses'])) out.push('has addresses that are no list of texts');
  }
  out.push(...oauthProblems(table, row, mac));
  for (const column of sealedColumns) {
    // Those of authorities are opened where their certificates are looked at.
    if (column.table !== table || table === 'authorities') continue;
    const value = String(row[column.column]);
    if (value === '' || (table !== 'signing_keys' && !isEnvelope(value))) continue;
    try {
      const clear = await fields.open(`${column.prefix}${String(row[column.id])}`, value);
      if (table === 'signing_keys') JSON.parse(clear);
    } catch (error) {
      out.push(error instanceof StateError ? `can not be opened: ${error.message}` : 'holds no key');
    }
  }
  return out;
}

function isTextList(value: unknown): boolean {
  try {
    const found: unknown = JSON.parse(String(value));
    return Array.isArray(found) && found.every((entry) => typeof entry === 'string');
  } catch {
    return false;
  }
}

async function checkReferences(database: SqlDatabase): Promise<string[]> {
  const owners = await database.run(
    'SELECT api_keys.id FROM api_keys LEFT JOIN principals ON principals.id = principal WHERE principals.id IS NULL',
  );
  const successors = await database.run(
    `SELECT next.id, old.expires_ms FROM api_keys AS next JOIN api_keys AS old ON old.id = next.rotated_from
     WHERE old.expires_ms IS NULL AND old.revoked_ms IS NULL`,
  );
  return [
    ...owners.map((row) => `api_keys/${String(row['id'])} belongs to nobody`),
    ...(await danglingOauth(database)),
    ...successors.map((row) => `api_keys/${String(row['id'])} replaces a key that never ends`),
  ];
}
