// The processes of the HTTP/2 soak: gates, services, a client that behaves, attackers. The gate's data plane has a processor
// of its own, as it has where clients are other machines; all else shares the next one, attackers last in its queue. The
// client asks another service than the attackers: how theirs bears what reaches it is not the gate's doing.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openConfig, openContract } from '../support/gate.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

/** Connections that attack at a time. */
export const ATTACKERS = 8;
/** How far they stand back for the client. */
const ATTACKERS_NICE = 15;

/** Processor time that a gate without requests may use in a second, ms. */
const SETTLED_MS = 50;

const isThere = (command: string): boolean => {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

export const hasH2load = (): boolean => isThere('h2load');

/** Whether processes can be kept apart. */
export const isPinned = availableParallelism() > 1 && isThere('taskset');

/** The command that runs `command` on a processor: 0 is the gate's. */
function on(cpu: 0 | 1, nice: number, command: readonly string[]): [string, string[]] {
  const whole = [
    ...(isPinned ? ['taskset', '-c', String(cpu)] : []),
    ...(nice === 0 ? [] : ['nice', '-n', String(nice)]),
    ...command,
  ];
  return [whole[0]!, whole.slice(1)];
}

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Ports of the services, and of the gate with HTTP/2 and its decoy. */
const CALM_SERVICE = 28_192;
const ATTACKED_SERVICE = 28_193;
export const GATE = 28_190;
export const DECOY = 28_191;

/** Starts the service of the client and that of the attackers; answers what ends them. */
export async function startServices(): Promise<() => Promise<void>> {
  const started = [CALM_SERVICE, ATTACKED_SERVICE].map((port) => {
    const nice = port === CALM_SERVICE ? 0 : ATTACKERS_NICE;
    const [file, args] = on(1, nice, [process.execPath, pathOf('./h2-service.ts'), String(port)]);
    return spawn(file, args, { stdio: 'ignore' });
  });
  for (const port of [CALM_SERVICE, ATTACKED_SERVICE]) await until(() => isListening(port), 'a service');
  return async () => {
    for (const child of started) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  };
}

/** The API of the attackers at `/things`, and the same at `/calm` with a service of its own. */
function configOf(port: number): string {
  const text = openConfig({
    upstreamPort: ATTACKED_SERVICE,
    listener: ', http2: true',
    extra: 'http: { max-requests: 1000000000 }\nworkers: 1\n',
  });
  const api = text.slice(text.indexOf('  things:\n    contract'), text.indexOf('telemetry:'));
  return text
    .replace('port: 0, host', `port: ${port}, host`)
    .replace('upstreams:\n', `upstreams:\n  calm: { targets: [ "http://127.0.0.1:${CALM_SERVICE}" ] }\n`)
    .replace(api, api + api.replaceAll('things', 'calm').replace('openapi', 'calm'));
}

export class SoakGate {
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(port: number, process: ChildProcess) {
    this.port = port;
    this.#process = process;
  }

  /** `isDecoy`: a gate that shares the processor of the attackers and is attacked in the place of the other. */
  static async start(folder: string, port: number, isDecoy: boolean): Promise<SoakGate> {
    await writeFile(join(folder, 'openapi.yaml'), openContract);
    await writeFile(
      join(folder, 'calm.yaml'),
      openContract.replaceAll('/things', '/calm').replace('/socket', '/calm/socket'),
    );
    const config = join(folder, 'gatewright.yaml');
    await writeFile(config, configOf(port));
    const bin = pathOf('../../bin/gatewright.js');
    const command = [process.execPath, bin, 'start', '--no-watch', '--config', config];
    const [file, args] = isDecoy ? on(1, ATTACKERS_NICE, command) : on(0, 0, command);
    const gate = new SoakGate(port, spawn(file, args, { stdio: 'ignore' }));
    await until(() => isListening(port), 'the gate to listen');
    // The main thread, which writes the access log, makes room for the data plane.
    if (isPinned && !isDecoy)
      execFileSync('taskset', ['-c', '-p', '1', String(gate.#process.pid)], { stdio: 'ignore' });
    return gate;
  }

  /** Resident memory, MiB. */
  async memory(): Promise<number> {
    const text = await readFile(`/proc/${this.#process.pid}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024);
  }

  /** Processor time used so far by all threads, ms. */
  async cpuMs(): Promise<number> {
    const text = await readFile(`/proc/${this.#process.pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Waits until what was asked is done: the log is written, garbage is collected; `seconds` at most. */
  async settle(seconds: number): Promise<void> {
    for (let tries = 0; tries < seconds; tries++) {
      const before = await this.cpuMs();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      if ((await this.cpuMs()) - before <= SETTLED_MS) return;
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.kill('SIGTERM');
    await once(this.#process, 'exit');
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** As many requests as the gate answers. */
export async function loadFully(
  gate: SoakGate,
  seconds: number,
): Promise<{ served: number; failed: number }> {
  const url = `http://127.0.0.1:${gate.port}/calm`;
  const [file, args] = on(1, 0, ['h2load', '-t1', '-c16', '-m16', `-D${seconds}`, url]);
  const { stdout } = await run(file, args);
  const count = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1]);
  return {
    served: count(/status codes: (\d+) 2xx/),
    failed: count(/(\d+) failed/) + count(/(\d+) 4xx/) + count(/(\d+) 5xx/),
  };
}

/** Answer times, ms. */
export interface Times {
  readonly p50: number;
  readonly p99: number;
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** The client that behaves: four connections, 50 requests a second each. */
export async function ask(
  gate: SoakGate,
  seconds: number,
  log: string,
): Promise<{ unserved: number; times: Times }> {
  const shape = ['-t1', '-c4', '-m4', '--rps=50', `-D${seconds}`, `--log-file=${log}`];
  const [file, args] = on(1, 0, ['h2load', ...shape, `http://127.0.0.1:${gate.port}/calm`]);
  await run(file, args);
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

export interface AttackReport {
  /** How often each attack was sent to its end. */
  readonly counts: Readonly<Record<string, number>>;
  /** Frames, or groups of frames that belong together. */
  readonly pieces: number;
  /** Attacks that ended otherwise than they must. */
  readonly wrong: readonly string[];
}

/** `only`: index of the one attack to send; -1 for all in turn. */
export async function attack(port: number, seconds: number, only: number): Promise<AttackReport> {
  const numbers = [port, seconds, ATTACKERS, only].map(String);
  const [file, args] = on(1, ATTACKERS_NICE, [process.execPath, pathOf('./h2-attackers.ts'), ...numbers]);
  const { stdout } = await run(file, args, { maxBuffer: 1e8 });
  return JSON.parse(stdout) as AttackReport;
}
