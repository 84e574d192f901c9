// What `gatewright fsck` looks for in the authorization server's tables.
import { hash } from 'node:crypto';
import { ArtifactMac } from '../oauth/artifact-mac.ts';
import { COOKIE_PURPOSE } from '../oauth/contract.ts';
import type { SqlDatabase, SqlRow } from './contract.ts';
import type { FieldSeal } from './field-seal.ts';

/** What opens the server's artifacts; null where it has no keys yet, and so has written none. */
export async function macOfArtifacts(database: SqlDatabase, seal: FieldSeal): Promise<ArtifactMac | null> {
  const rows = await database.run('SELECT id, sealed FROM signing_keys WHERE purpose = $1', [COOKIE_PURPOSE]);
  const keys: { id: string; key: string }[] = [];
  for (const row of rows) {
    const id = String(row['id']);
    try {
      const { k } = JSON.parse(await seal.open(`signing_keys/${id}`, String(row['sealed']))) as { k: string };
      keys.push({ id, key: k });
    } catch {
      // Told where keys are looked at.
    }
  }
  return rows.length === 0 ? null : new ArtifactMac({ keys, currentId: '' });
}

const isObject = (text: unknown): boolean => {
  try {
    const value: unknown = JSON.parse(String(text));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
};

/** What is wrong with one row; empty when nothing is. */
export function oauthProblems(table: string, row: SqlRow, mac: ArtifactMac | null): string[] {
  const out: string[] = [];
  if (table === 'oauth_artifacts') {
    if (!/^[0-9a-f]{64}$/.test(String(row['id']))) out.push('is not kept under a SHA-256');
    const text = String(row['payload']);
    const payload = mac === null ? text : mac.open(String(row['model']), String(row['id']), text);
    if (payload === null) out.push('was not written by the server, or was changed');
    else if (!isObject(payload)) out.push('has a payload that is no object');
    else {
      const said = JSON.parse(payload) as Record<string, unknown>;
      if (Object.hasOwn(said, 'jti')) out.push('keeps its secret in its payload');
      if (mac !== null) out.push(...differences(said, row));
    }
  }
  if (table === 'oauth_clients' && !isObject(row['settings'])) out.push('has settings that are no object');
  return out;
}

/** Tokens whose grant is gone: issuing writes both or neither. */
export async function danglingOauth(database: SqlDatabase): Promise<string[]> {
  const rows = await database.run(
    `SELECT token.model, token.id FROM oauth_artifacts AS token
     LEFT JOIN oauth_artifacts AS given ON given.model = 'Grant' AND given.grant_id = token.grant_id
     WHERE token.grant_id IS NOT NULL AND token.model IN ('AccessToken', 'RefreshToken', 'AuthorizationCode')
       AND given.id IS NULL ORDER BY token.model, token.id LIMIT 100`,
  );
  return rows.map((row) => `oauth_artifacts/${String(row['model'])}/${String(row['id'])} has no grant`);
}

/** Columns that rows are found by say what the payload says. */
function differences(said: Readonly<Record<string, unknown>>, row: SqlRow): string[] {
  const digest = (value: unknown): string | null =>
    typeof value === 'string' ? hash('sha256', value, 'hex') : null;
  const expected: readonly (readonly [string, unknown])[] = [
    ['uid', digest(said['uid'])],
    ['user_code', digest(said['userCode'])],
    ['client_id', said['clientId'] ?? ''],
    ['user_id', said['accountId'] ?? ''],
    // A grant stands under its own id, which is no secret and not in its payload.
    ...(row['model'] === 'Grant' ? [] : [['grant_id', said['grantId'] ?? null] as const]),
  ];
  return expected
    .filter(([column, value]) => row[column] !== value)
    .map(([column]) => `has another ${column} than its payload`);
}
