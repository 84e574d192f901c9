// Kills a writer of log segments at random moments and holds what is on the disk against what the writer had said.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CHAIN_FILE } from '../../src/logs/chain.ts';
import { LogKeys, type SegmentSettings, searchLogs, verifyLogs } from '../../src/logs/index.ts';
import type { Random } from '../fuzz/random.ts';

const seal = 'a seal of more than thirty-two characters';

/** Runs are short, so that kills meet every step from run to segment. */
export const crashSettings = (folder: string): SegmentSettings => ({
  folder,
  seal,
  olderSeals: [],
  rotateBytes: 40_000,
  rotateMs: 3_600_000,
  keepMs: { security: 1e12, traffic: 1e12 },
});

/** The number comes back as response_bytes. */
export const numberedLine = (n: number): string =>
  `{"time":"${new Date(1_700_000_000_000 + n * 10).toISOString()}","id":"${n.toString(16).padStart(32, '0')}","listener":"public","client_address":"192.0.2.1","decision":"${n % 9 === 0 ? 'refused' : 'allowed'}","status":200,"request_bytes":0,"response_bytes":${n},"duration_us":1}\n`;

export interface LogCrashReport {
  readonly kills: number;
  readonly acknowledged: number;
  readonly links: number;
  readonly problems: readonly string[];
}

export async function runLogCrashes(folder: string, kills: number, random: Random): Promise<LogCrashReport> {
  const problems: string[] = [];
  const heads: string[] = [];
  const taken: [number, number][] = [];
  let next = 0;
  for (let kill = 0; kill < kills; kill++) {
    const first = next;
    const script = fileURLToPath(new URL('log-writer.ts', import.meta.url));
    const child = spawn(process.execPath, [script, folder, String(first)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const done = once(child, 'exit') as Promise<[number | null, string | null]>;
    let until = first;
    // The moment is a number of words of the writer and a little time after.
    let words = 1 + random.below(400);
    for await (const line of createInterface({ input: child.stdout })) {
      const [word, value] = line.split(' ');
      if (word === 'taken') until = Number(value);
      if (word === 'link') heads.push(value!);
      words--;
      if (words === 0) setTimeout(() => child.kill('SIGKILL'), random.below(4));
    }
    const [code] = await done;
    if (code !== null) problems.push(`the writer ended by itself with ${code}`);
    taken.push([first, until]);
    // Lines behind the last word may have been taken as well; the next writer's numbers are beyond them.
    next = until + 1000;
    if (kill % 25 === 24 || kill === kills - 1) await check(folder, taken, heads, problems);
    if (problems.length > 0) break;
  }
  const acknowledged = taken.reduce((sum, [from, until]) => sum + until - from, 0);
  return { kills, acknowledged, links: heads.length, problems };
}

async function check(
  folder: string,
  taken: readonly [number, number][],
  heads: readonly string[],
  problems: string[],
): Promise<void> {
  const seen = new Map<number, number>();
  for await (const { record } of searchLogs(folder, new LogKeys(seal), {})) {
    const n = record.response_bytes;
    seen.set(n, (seen.get(n) ?? 0) + 1);
  }
  for (const [n, times] of seen) if (times > 1) problems.push(`line ${n} is there ${times} times`);
  for (const [from, until] of taken)
    for (let n = from; n < until; n++) if (!seen.has(n)) problems.push(`line ${n} was taken and is lost`);
  // What is in the chain is found by its hash, as an audit trail would look for it.
  const chained = new Set(
    readFileSync(join(folder, CHAIN_FILE), 'utf8')
      .split('\n')
      .map((line) => createHash('sha256').update(line).digest('hex')),
  );
  for (const head of heads)
    if (!chained.has(head)) problems.push(`link ${head} was told and is not in the chain`);
  const report = await verifyLogs(folder, heads.at(-1));
  for (const { file, what } of report.problems) problems.push(`${file} ${what}`);
}
