// A schema of its own in a PostgreSQL that runs already: DATABASE_URL, or the one on this machine that trusts local
// connections. Where there is none the tests say so and are skipped.
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import pg from 'pg';

const candidates = [
  process.env['DATABASE_URL'],
  'postgres://postgres@127.0.0.1:5432/test',
  'postgres://postgres@127.0.0.1:5432/postgres',
  'postgres://root@127.0.0.1:5432/root',
].filter((url) => url !== undefined && url !== '') as string[];

async function find(): Promise<string | null> {
  for (const url of candidates) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('SELECT 1');
      return url;
    } catch {
      // The next one.
    } finally {
      await client.end().catch(() => {});
    }
  }
  return null;
}

/** URL of a database that answers; null where there is none. */
export const postgresUrl = await find();

/** For the `skip` option of a test. */
export const skipPostgres: string | false =
  postgresUrl === null ? 'no PostgreSQL answers on 127.0.0.1:5432; set DATABASE_URL' : false;

/** A name for a schema that nobody else uses; the test's end drops it. */
export function freshSchema(t: TestContext): string {
  const schema = `gw_test_${randomBytes(6).toString('hex')}`;
  t.after(() => onPostgres(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`));
  return schema;
}

/** Runs one statement as the database's owner. */
export async function onPostgres(sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: postgresUrl! });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
