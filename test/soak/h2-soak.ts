// HTTP/2 for a long time: h2load at full speed, then a well-behaved client at a steady rate, alone and beside attackers.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openConfig, openContract } from '../support/gate.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

export interface H2SoakReport {
  /** Requests served at full speed, and those that were not answered with 2xx. */
  readonly served: number;
  readonly failed: number;
  /** Answer times of the well-behaved client, ms. */
  readonly calm: { readonly p50: number; readonly p99: number };
  readonly attacked: { readonly p50: number; readonly p99: number };
  /** Requests of the well-behaved client that were not answered with 200. */
  readonly unserved: number;
  readonly attacks: Readonly<Record<string, number>>;
  /** Attacks that ended otherwise than they must. */
  readonly wrong: readonly string[];
  /** Resident memory of the gate's process, MiB: after full speed, and after the attacks. */
  readonly memory: readonly [number, number];
}

export function hasH2load(): boolean {
  try {
    execFileSync('h2load', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function startService(): Promise<{ port: number; stop: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let text = '';
    socket.setEncoding('latin1').on('data', (piece: string) => {
      text += piece;
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        text = text.slice(end + 4);
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"ok":true}');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as { port: number }).port, stop };
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** Four connections, 50 requests a second each. */
async function ask(port: number, seconds: number, log: string) {
  const shape = ['-t1', '-c4', '-m4', '--rps=50', `-D${seconds}`, `--log-file=${log}`];
  await run('h2load', [...shape, `http://127.0.0.1:${port}/things`], { maxBuffer: 1e8 });
  const rows = (await readFile(log, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.split('\t').map(Number));
  const times = rows.map(([, , us]) => us! / 1000).sort((a, b) => a - b);
  return {
    unserved: rows.filter(([, status]) => status !== 200).length,
    times: { p50: quantile(times, 0.5), p99: quantile(times, 0.99) },
  };
}

/**
 * Each of the three parts takes `seconds`. `pinned`: the gate has a processor of its own, and on the other one the attackers
 * give way to the well-behaved client and the service, which in the world would not run on the attackers' machine.
 */
export async function h2Soak(seconds: number, pinned = false): Promise<H2SoakReport> {
  if (pinned) execFileSync('taskset', ['-acp', '1', String(process.pid)], { stdio: 'ignore' });
  const service = await startService();
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-soak-'));
  await writeFile(join(folder, 'openapi.yaml'), openContract);
  const config = openConfig({
    upstreamPort: service.port,
    listener: ', http2: true',
    extra: 'http: { max-requests: 1000000000 }\nworkers: 1\n',
  });
  await writeFile(join(folder, 'gatewright.yaml'), config.replace('port: 0, host', 'port: 28190, host'));
  const port = 28_190;
  const bin = fileURLToPath(new URL('../../bin/gatewright.js', import.meta.url));
  const args = [bin, 'start', '--no-watch', '--config', join(folder, 'gatewright.yaml')];
  const gate = pinned
    ? spawn('taskset', ['-c', '0', process.execPath, ...args], { stdio: 'ignore' })
    : spawn(process.execPath, args, { stdio: 'ignore' });
  const memory = async (): Promise<number> => {
    const text = await readFile(`/proc/${gate.pid}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024);
  };
  try {
    await until(
      () =>
        new Promise<boolean>((resolve) => {
          const socket = connect(port, '127.0.0.1', () => resolve(true));
          socket.once('error', () => resolve(false));
          socket.once('connect', () => socket.destroy());
        }),
      'the gate to listen',
    );
    const { stdout } = await run('h2load', [
      ...['-t1', '-c16', '-m16', `-D${seconds}`],
      `http://127.0.0.1:${port}/things`,
    ]);
    const served = Number(/status codes: (\d+) 2xx/.exec(stdout)?.[1]);
    const failed =
      Number(/(\d+) failed/.exec(stdout)?.[1]) +
      Number(/(\d+) 4xx/.exec(stdout)?.[1]) +
      Number(/(\d+) 5xx/.exec(stdout)?.[1]);
    const afterLoad = await memory();
    const calm = await ask(port, seconds, join(folder, 'calm.tsv'));
    const script = fileURLToPath(new URL('./h2-attackers.ts', import.meta.url));
    const attackers = run(
      'nice',
      ['-n', '19', process.execPath, script, String(port), String(seconds), '8'],
      {
        maxBuffer: 1e8,
      },
    );
    const attacked = await ask(port, seconds, join(folder, 'attacked.tsv'));
    const said = JSON.parse((await attackers).stdout) as { counts: Record<string, number>; wrong: string[] };
    return {
      served,
      failed,
      calm: calm.times,
      attacked: attacked.times,
      unserved: calm.unserved + attacked.unserved,
      attacks: said.counts,
      wrong: said.wrong,
      memory: [afterLoad, await memory()],
    };
  } finally {
    gate.kill('SIGTERM');
    await once(gate, 'exit');
    service.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
