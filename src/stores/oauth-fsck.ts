// What `gatewright fsck` looks for in the authorization server's tables.
import type { SqlDatabase, SqlRow } from './contract.ts';

const isObject = (text: unknown): boolean => {
  try {
    const value: unknown = JSON.parse(String(text));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
};

/** What is wrong with one row; empty when nothing is. */
export function oauthProblems(table: string, row: SqlRow): string[] {
  const out: string[] = [];
  if (table === 'oauth_artifacts') {
    if (!/^[0-9a-f]{64}$/.test(String(row['id']))) out.push('is not kept under a SHA-256');
    if (!isObject(row['payload'])) out.push('has a payload that is no object');
    else if (Object.hasOwn(JSON.parse(String(row['payload'])) as object, 'jti'))
      out.push('keeps its secret in its payload');
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
