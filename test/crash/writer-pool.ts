// Programs that write until they are killed. The next ones are loaded while the last one is looked at, so that a kill costs what the
// work costs and not what loading costs; what they do begins with the word to go.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** Loaded and waiting. */
const SPARES = 2;

export class WriterPool {
  readonly #script: string;
  /** Compiled once for all of them. */
  readonly #cache = mkdtempSync(join(tmpdir(), 'gatewright-compiled-'));
  readonly #spares: Child[] = [];
  #closed = false;

  constructor(script: string) {
    this.#script = script;
  }

  #fill(): void {
    while (!this.#closed && this.#spares.length < SPARES)
      this.#spares.push(
        spawn(process.execPath, [this.#script], {
          stdio: ['pipe', 'pipe', 'inherit'],
          env: { ...process.env, NODE_COMPILE_CACHE: this.#cache },
        }),
      );
  }

  /**
   * Has one begin with `job`, and kills it `moreMs` after it has said `after` lines, the first of which is `begun`; answers what
   * it has said after that: only whole lines, for the last may have been cut off. Rejects when it ends by itself.
   */
  run(job: unknown, after: number, moreMs: number): Promise<readonly string[]> {
    this.#fill();
    const child = this.#spares.shift()!;
    this.#fill();
    return new Promise((resolve, reject) => {
      let text = '';
      let asked = false;
      child.stdin.on('error', () => {});
      child.stdin.write(`${JSON.stringify(job)}\n`);
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (asked || text.split('\n').length - 1 < after) return;
        asked = true;
        setTimeout(() => child.kill('SIGKILL'), moreMs);
      });
      child.on('error', reject);
      child.on('close', (code, signal) => {
        if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself (${code ?? signal})`));
        else resolve(text.split('\n').slice(1, -1));
      });
    });
  }

  close(): void {
    this.#closed = true;
    for (const child of this.#spares.splice(0)) child.kill('SIGKILL');
    rmSync(this.#cache, { recursive: true, force: true });
  }
}

/** The other end: waits for the word, and says that it begins. */
export async function nextJob<T>(): Promise<T> {
  // Who is killed writes no cache at its end.
  flushCompileCache();
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write('begun\n');
    return JSON.parse(line) as T;
  }
  process.exit(0);
}
