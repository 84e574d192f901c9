// A Redis or Valkey of a test's own, whose accounts nobody else uses.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from './own-postgres.ts';
import { until } from './until.ts';

const server =
  ['/usr/bin/redis-server', '/usr/bin/valkey-server', '/usr/local/bin/redis-server'].find(existsSync) ?? null;

/** For the `skip` option of a test. */
export const skipOwnRedis: string | false =
  server === null ? 'no redis-server or valkey-server is installed' : false;

/** Answers its port. */
export async function startOwnRedis(t: TestContext): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-redis-'));
  const port = await freePort();
  const child = spawn(
    server!,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await until(async () => (await redisLine(port, [['PING']])) === '+PONG', 'Redis');
  return port;
}

/** Runs commands on a connection of their own; answers the first line of the last reply, or the name of the error. */
export function redisLine(port: number, commands: readonly (readonly string[])[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? 'ERROR'));
    socket.on('data', (part: string) => {
      text += part;
      const lines = text.split('\r\n');
      if (lines.length > commands.length) {
        resolve(lines[commands.length - 1]!);
        socket.destroy();
      }
    });
    for (const command of commands)
      socket.write(
        `*${command.length}\r\n${command.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`,
      );
  });
}
