// One measurement: run the load generator against a process that is pinned to a core of its own, and divide the CPU
// time that the process used by the requests it served.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Clock ticks a second of /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Sample {
  /** CPU of the process a request, µs. */
  readonly cpuUs: number;
  readonly requestsPerSecond: number;
  readonly requests: number;
}

/** Starts `command` on processor `cpu`. */
export function startPinned(cpu: number, command: string, args: readonly string[]): ChildProcess {
  return spawn('taskset', ['-c', String(cpu), command, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Waits until the port accepts connections. Throws Error after ten seconds. */
export async function waitForPort(port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** Ids of a process and all its descendants. */
export async function tree(pid: number): Promise<number[]> {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const ids = children === '' ? [] : children.split(' ').map(Number);
  const below = await Promise.all(ids.map(tree));
  return [pid, ...below.flat()];
}

/** utime + stime of a process and its descendants, all threads, ms. */
async function cpuMs(pid: number): Promise<number> {
  let ticks = 0;
  for (const id of await tree(pid)) {
    const fields = readFileSync(`/proc/${id}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks * 1000) / TICKS_PER_SECOND;
}

export interface Load {
  readonly tool: 'wrk' | 'h2load';
  readonly url: string;
  readonly seconds: number;
  readonly connections: number;
  /** Streams at once on each connection; HTTP/2 only. */
  readonly streams: number;
  readonly cpu: number;
  /** Lua script for wrk; empty for plain GETs. */
  readonly script: string;
  readonly headers: readonly string[];
}

/** Sends load for some seconds. Throws Error when an answer was not 2xx or a connection failed. */
export async function measure(pid: number, load: Load): Promise<Sample> {
  if (load.tool === 'h2load') return measureStreams(pid, load);
  const args = ['-c', String(load.cpu), 'wrk', '-t1', `-c${load.connections}`, `-d${load.seconds}s`];
  // A slow peer keeps 64 connections waiting for longer than wrk's two seconds.
  args.push('--timeout', '30s');
  for (const header of load.headers) args.push('-H', header);
  if (load.script !== '') args.push('-s', load.script);
  const before = await cpuMs(pid);
  const { stdout } = await run('taskset', [...args, load.url]);
  const used = (await cpuMs(pid)) - before;
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`the run is not valid:\n${stdout}`);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  if (!(requests > 0)) throw new Error(`no requests were served:\n${stdout}`);
  return { cpuUs: (used * 1000) / requests, requestsPerSecond: perSecond, requests };
}

async function measureStreams(pid: number, load: Load): Promise<Sample> {
  const shape = ['-t1', `-c${load.connections}`, `-m${load.streams}`, `-D${load.seconds}`];
  const args = ['-c', String(load.cpu), 'h2load', ...shape];
  for (const header of load.headers) args.push('-H', header);
  const before = await cpuMs(pid);
  const { stdout } = await run('taskset', [...args, load.url]);
  const used = (await cpuMs(pid)) - before;
  const [, done, failed] = /(\d+) succeeded, (\d+) failed/.exec(stdout) ?? [];
  const requests = Number(/status codes: (\d+) 2xx/.exec(stdout)?.[1]);
  if (failed !== '0' || Number(done) !== requests || !/protocol: h2/.test(stdout)) {
    throw new Error(`the run is not valid:\n${stdout}`);
  }
  if (!(requests > 0)) throw new Error(`no requests were served:\n${stdout}`);
  const perSecond = Number(/([\d.]+) req\/s/.exec(stdout)?.[1]);
  return { cpuUs: (used * 1000) / requests, requestsPerSecond: perSecond, requests };
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
