// Accounts of PostgreSQL.
import pg from 'pg';
import { VaultError } from '../contract.ts';
import { accountPattern, type DatabaseConnection, type DatabaseDriver } from './contract.ts';

const CONNECT_TIMEOUT_MS = 5000;
const STATEMENT_TIMEOUT_MS = 10_000;

/** An answer of PostgreSQL that it is shutting down or the account is being changed is no fault of ours to show in full. */
const safeMessage = (error: unknown): string => {
  const { code, message } = error as { code?: string; message?: string };
  return `PostgreSQL: ${code ?? 'no answer'} ${String(message ?? '')
    .replace(/[\x00-\x1f\x7f]/g, ' ')
    .slice(0, 200)}`;
};

async function withClient<T>(
  connection: DatabaseConnection,
  username: string,
  password: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const url = connection.url
    .replaceAll('{{username}}', encodeURIComponent(username))
    .replaceAll('{{password}}', encodeURIComponent(password));
  if (!URL.canParse(url)) throw new VaultError('invalid', 'connection_url is no URL');
  const target = new URL(url);
  const client = new pg.Client({
    host: target.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: target.port === '' ? 5432 : Number(target.port),
    database: decodeURIComponent(target.pathname.slice(1)) || 'postgres',
    user: username || decodeURIComponent(target.username),
    password: username === '' ? decodeURIComponent(target.password) : password,
    ...(target.searchParams.get('sslmode') === 'disable' || target.searchParams.get('sslmode') === null
      ? {}
      : { ssl: { rejectUnauthorized: target.searchParams.get('sslmode') !== 'require' } }),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'gatewright vault',
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    if (error instanceof VaultError) throw error;
    throw new VaultError('upstream', safeMessage(error));
  } finally {
    await client.end().catch(() => {});
  }
}

const asAdmin = <T>(connection: DatabaseConnection, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  withClient(connection, connection.username, connection.password, work);

const checked = (username: string): string => {
  if (!accountPattern.test(username))
    throw new VaultError('invalid', `"${username}" is no name for an account`);
  return username;
};

/** Vault's placeholders. The values hold nothing that SQL could read as its own. */
function fill(statements: readonly string[], values: Readonly<Record<string, string>>): string {
  return statements
    .join(';\n')
    .replace(/\{\{(\w+)\}\}/g, (whole, name: string) =>
      Object.hasOwn(values, name) ? values[name]! : whole,
    );
}

const moment = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '+00');

export const postgresDriver: DatabaseDriver = {
  create: (connection, { username, password, expiresMs, statements }) =>
    asAdmin(connection, async (client) => {
      checked(username);
      if (statements.length === 0) throw new VaultError('invalid', 'the role has no creation_statements');
      const sql = fill(statements, { name: username, username, password, expiration: moment(expiresMs) });
      // Several statements in one text are one transaction.
      await client.query(`BEGIN; ${sql}; COMMIT`);
    }),

  revoke: (connection, username, statements) =>
    asAdmin(connection, async (client) => {
      const name = pg.escapeIdentifier(checked(username));
      const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [username]);
      if (rowCount === 0) return;
      // Nobody new gets in while what is left is taken away.
      await client.query(`ALTER ROLE ${name} NOLOGIN`);
      await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [
        username,
      ]);
      const sql =
        statements.length > 0
          ? fill(statements, { name: username, username })
          : `REASSIGN OWNED BY ${name} TO CURRENT_USER; DROP OWNED BY ${name}; DROP ROLE IF EXISTS ${name}`;
      await client.query(`BEGIN; ${sql}; COMMIT`);
    }),

  renew: (connection, username, expiresMs, statements) =>
    asAdmin(connection, async (client) => {
      const expiration = moment(expiresMs);
      const sql =
        statements.length > 0
          ? fill(statements, { name: username, username, expiration })
          : `ALTER ROLE ${pg.escapeIdentifier(checked(username))} VALID UNTIL '${expiration}'`;
      await client.query(sql);
    }),

  setPassword: (connection, username, password) =>
    asAdmin(connection, async (client) => {
      await client.query(
        `ALTER ROLE ${pg.escapeIdentifier(checked(username))} PASSWORD ${pg.escapeLiteral(password)}`,
      );
    }),

  check: (connection, username, password, statement) =>
    withClient(connection, username, password, async (client) => {
      await client.query(statement === '' ? 'SELECT 1' : statement);
    }),
};
