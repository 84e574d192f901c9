// The command line as users run it: a child process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const bin = join(root, 'bin', 'gatewright.js');

/** The machine's own Node, not the one of the project; null where there is none. */
export function machineNode(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '' || folder.includes('node_modules')) continue;
    const candidate = join(folder, 'node');
    if (existsSync(candidate)) return candidate;
  }
  return null;
}

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CommandOptions {
  readonly node?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly bin?: string;
}

/** A command that goes on until it is told to stop. */
export class RunningCommand {
  readonly child: ChildProcess;
  out = '';
  err = '';
  #code: number | null | undefined;

  constructor(args: readonly string[], options: CommandOptions = {}) {
    this.child = spawn(options.node ?? process.execPath, [options.bin ?? bin, ...args], {
      cwd: options.cwd ?? root,
      env: { ...process.env, NO_COLOR: '1', ...options.env },
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.child.on('close', (code) => {
      this.#code = code;
    });
    this.child.stdin!.on('error', () => {});
    this.child.stdin!.end(options.input ?? '');
  }

  get exited(): boolean {
    return this.#code !== undefined;
  }

  /** Waits until `pattern` stands in either output. Throws when the command ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return until(() => {
      const found = pattern.exec(this.out) ?? pattern.exec(this.err);
      if (found === null && this.exited)
        throw new Error(`ended without ${pattern}:\n${this.out}\n${this.err}`);
      return found ?? undefined;
    }, `${pattern} in the output of the command`);
  }

  async finish(): Promise<Finished> {
    await until(() => this.exited, 'the end of the command');
    return { code: this.#code!, out: this.out, err: this.err };
  }
}

/** Runs a command to its end. */
export const run = (args: readonly string[], options: CommandOptions = {}): Promise<Finished> =>
  new RunningCommand(args, options).finish();

/** Starts a command that the test's end kills. */
export function start(t: TestContext, args: readonly string[], options: CommandOptions = {}): RunningCommand {
  const command = new RunningCommand(args, options);
  t.after(async () => {
    if (command.exited) return;
    command.child.kill('SIGTERM');
    setTimeout(() => command.child.kill('SIGKILL'), 5000).unref();
    await command.finish();
  });
  return command;
}
