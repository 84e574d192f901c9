// A PostgreSQL of a test's own that asks for passwords (SCRAM), which the one of the machine may not. Where its programs are
// not installed the tests say so and are skipped.
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import pg from 'pg';
import { until } from './until.ts';

const base = '/usr/lib/postgresql';
const folder = existsSync(base)
  ? (readdirSync(base)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(base, version, 'bin'))
      .find((bin) => existsSync(join(bin, 'initdb'))) ?? null)
  : null;
const isRoot = process.getuid?.() === 0;

/** For the `skip` option of a test. */
export const skipOwnPostgres: string | false =
  folder === null ? 'no initdb of PostgreSQL under /usr/lib/postgresql' : false;

export const ADMIN_PASSWORD = 'admin-password';

export interface OwnPostgres {
  readonly port: number;
  /** With the placeholders that the vault fills in. */
  readonly template: string;
  /** Runs statements as the administrator `admin`. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
}

/** PostgreSQL does not run as root. */
const asUser = (command: string, args: readonly string[]): [string, string[]] =>
  isRoot
    ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', command, ...args]]
    : [command, [...args]];

export async function startOwnPostgres(t: TestContext): Promise<OwnPostgres> {
  const root = mkdtempSync(join(tmpdir(), 'gatewright-pg-'));
  const data = join(root, 'data');
  const passwords = join(root, 'password');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwords, ADMIN_PASSWORD);
  if (isRoot) {
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    for (const path of [root, data, passwords]) chownSync(path, id('-u'), id('-g'));
    chmodSync(root, 0o755);
  }
  const [initdb, initArgs] = asUser(join(folder!, 'initdb'), [
    '-D',
    data,
    '-U',
    'admin',
    '-A',
    'scram-sha-256',
    `--pwfile=${passwords}`,
    '--no-sync',
    '-E',
    'UTF8',
    '--locale=C',
  ]);
  execFileSync(initdb, initArgs, { stdio: 'ignore' });
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    `unix_socket_directories=${root}`,
    'fsync=off',
    'max_connections=60',
    'shared_buffers=16MB',
  ];
  const [server, args] = asUser(join(folder!, 'postgres'), [
    '-D',
    data,
    ...settings.flatMap((entry) => ['-c', entry]),
  ]);
  const child = spawn(server, args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  t.after(async () => {
    child.kill('SIGINT');
    await ended;
    rmSync(root, { recursive: true, force: true });
  });
  const query: OwnPostgres['query'] = async (sql) => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'admin',
      password: ADMIN_PASSWORD,
      database: 'postgres',
    });
    client.on('error', () => {});
    await client.connect();
    try {
      const result = await client.query<Record<string, unknown>>(sql);
      return result.rows ?? [];
    } finally {
      await client.end();
    }
  };
  await until(
    () =>
      query('SELECT 1').then(
        () => true,
        () => false,
      ),
    'PostgreSQL',
  );
  return { port, template: `postgres://{{username}}:{{password}}@127.0.0.1:${port}/postgres`, query };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
