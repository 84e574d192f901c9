// Kills a process that writes an audit trail, at any moment, again and again; then everything it was told must be there, and
// every checkpoint that it gave out must be a beginning of the trail.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { FileTrail, leaveInInbox, TrailReader, verifyTrail } from '../../src/audit/index.ts';
import { TileFiles } from '../../src/audit/tile-files.ts';
import { leafHash, verifierText } from '../../src/merkle/index.ts';
import type { Random } from '../fuzz/random.ts';

export interface AuditCrashReport {
  readonly kills: number;
  readonly acknowledged: number;
  readonly checkpoints: number;
  readonly problems: readonly string[];
}

/** Longest time that a writer may live, ms. */
const MAX_LIFE_MS = 400;

export async function runAuditCrashes(
  folder: string,
  kills: number,
  random: Random,
): Promise<AuditCrashReport> {
  const acknowledged = new Map<number, string>();
  const checkpoints: string[] = [];
  const problems: string[] = [];
  const left: string[] = [];
  const writer = fileURLToPath(new URL('./audit-writer.ts', import.meta.url));
  for (let kill = 0; kill < kills; kill++) {
    const child = spawn(process.execPath, [writer, folder, String(kill)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    let failed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (failed += text));
    const gone = once(child, 'close');
    // The clock of a life begins when the trail is open, so that kills fall among writes.
    await Promise.race([once(child.stdout, 'data'), gone]);
    const lifeMs = random.below(MAX_LIFE_MS);
    // Another process leaves entries beside it.
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, lifeMs / 3));
      const id = `left ${kill} ${i}`;
      leaveInInbox(
        folder,
        { action: 'state.change', outcome: 'success', actor: { kind: 'operator', id }, target: null },
        Date.now(),
      );
      left.push(id);
    }
    child.kill('SIGKILL');
    await gone;
    if (failed !== '') problems.push(`kill ${kill}: ${failed.slice(0, 300)}`);
    // What has no line feed was cut off while it was said.
    for (const line of said.slice(0, said.lastIndexOf('\n') + 1).split('\n')) {
      const [word, first, second] = line.split(' ');
      if (word === 'entry') {
        const index = Number(first);
        if (acknowledged.has(index)) problems.push(`entry ${index} was acknowledged twice`);
        acknowledged.set(index, second!);
      } else if (word === 'checkpoint') checkpoints.push(Buffer.from(first!, 'base64').toString());
    }
  }
  const trail = FileTrail.open({ folder, origin: 'crash', secret: null });
  const key = verifierText(trail.signer);
  const { size } = trail;
  await trail.close();
  const found = new Map<string, number>();
  for (const { body } of new TrailReader(folder, 'crash', null).entries())
    if (body?.actor.kind === 'operator') found.set(body.actor.id, (found.get(body.actor.id) ?? 0) + 1);
  for (const id of left)
    if (found.get(id) !== 1) problems.push(`entry "${id}" of the inbox is there ${found.get(id) ?? 0} times`);
  const files = new TileFiles(folder);
  for (const [index, leaf] of acknowledged) {
    if (index >= size) {
      problems.push(`entry ${index} was acknowledged and is not there`);
      continue;
    }
    const bundle = Math.floor(index / 256);
    const entry = files.readEntries(bundle, Math.min(256, size - bundle * 256))[index % 256]!;
    if (leafHash(entry).toString('hex') !== leaf) problems.push(`entry ${index} is another one`);
  }
  for (const { what } of verifyTrail(folder, key, checkpoints).damages) problems.push(what);
  return { kills, acknowledged: acknowledged.size + left.length, checkpoints: checkpoints.length, problems };
}
