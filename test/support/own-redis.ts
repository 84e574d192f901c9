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

export interface OwnRedis {
  readonly port: number;
  /** Ends it as a crash would; what it held is gone. */
  kill(): Promise<void>;
}

/** Starts a server on `port` with more arguments; the test's end kills it. */
export async function spawnRedis(
  t: { after(work: () => Promise<void>): void },
  port: number,
  args: readonly string[] = [],
): Promise<OwnRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-redis-'));
  const child = spawn(
    server!,
    [
      ...args,
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
      ...(args.includes('--sentinel') ? [] : ['--save', '']),
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  t.after(kill);
  await until(async () => (await redisLine(port, [['PING']])) === '+PONG', 'Redis');
  return { port, kill };
}

/** Answers its port. */
export async function startOwnRedis(t: TestContext): Promise<number> {
  return (await spawnRedis(t, await freePort())).port;
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
