// Kills whole gates under load, with spools that are full, being filled or being sent; what was durable in a spool must reach the
// receiver in the end. And a receiver that is dead for a while: nothing may be missing afterwards.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileTrail, verifyTrail } from '../../src/audit/index.ts';
import { verifierText } from '../../src/merkle/index.ts';
import type { Random } from '../fuzz/random.ts';
import { ExportRig } from './export-rig.ts';

/** Longest life of a gate under load, ms. */
const MAX_LIFE_MS = 600;
/** Longest wait for a spool to be full, ms. */
const FILL_MS = 10_000;

export interface GateCrashReport {
  readonly kills: number;
  /** Records that were durable in the spool when the gate was killed. */
  readonly acknowledged: number;
  /** Kills that met a spool without room. */
  readonly full: number;
  /** Records that came more than once. */
  readonly repeated: number;
  /** Lines of the access log that went with the process before they were in the spool. */
  readonly unspooled: number;
  readonly problems: readonly string[];
}

export async function runGateCrashes(
  folder: string,
  kills: number,
  random: Random,
): Promise<GateCrashReport> {
  const rig = new ExportRig(folder);
  const promised = new Set<string>();
  const problems: string[] = [];
  let full = 0;
  try {
    await rig.start();
    for (let kill = 0; kill < kills; kill++) {
      // The first kill meets a full spool in any case.
      const isFilling = kill === 0 || random.chance(0.3);
      rig.receiver = isFilling ? 'down' : random.pick(['up', 'down', 'silent']);
      await rig.startGate();
      let isOver = false;
      const load = rig.load(() => isOver);
      if (isFilling) {
        if (await isFull(rig)) full++;
      }
      await sleep(random.below(MAX_LIFE_MS));
      await rig.killGate('SIGKILL');
      isOver = true;
      await load;
      for (const id of await rig.spooled()) promised.add(id);
    }
    rig.receiver = 'up';
    await rig.startGate();
    await rig.drained();
    await rig.killGate('SIGTERM');
  } finally {
    await rig.close();
  }
  for (const id of promised)
    if (!rig.received.has(id)) problems.push(`record ${id} was in the spool and never came`);
  const trail = FileTrail.open({ folder: join(folder, 'audit'), origin: 'gatewright', secret: null });
  const key = verifierText(trail.signer);
  await trail.close();
  for (const { what } of verifyTrail(join(folder, 'audit'), key).damages)
    problems.push(`audit trail: ${what}`);
  const unspooled = rig.logged().filter((id) => !rig.received.has(id)).length;
  const repeated = [...rig.received.values()].filter((times) => times > 1).length;
  return { kills, acknowledged: promised.size, full, repeated, unspooled, problems };
}

/** Waits until the spool grows no more while callers go on. */
async function isFull(rig: ExportRig): Promise<boolean> {
  const endMs = performance.now() + FILL_MS;
  let bytes = 0;
  let same = 0;
  while (same < 25 && performance.now() < endMs) {
    await sleep(20);
    const now = rig.spoolBytes;
    same = now === bytes && now > 0 ? same + 1 : 0;
    bytes = now;
  }
  return same >= 25;
}

export interface OutageReport {
  readonly records: number;
  readonly repeated: number;
  readonly problems: readonly string[];
}

/** The receiver is dead for `downMs` while callers go on; every line of the access log must reach it. */
export async function runOutage(folder: string, downMs: number): Promise<OutageReport> {
  const rig = new ExportRig(folder);
  try {
    await rig.start(1 << 30);
    await rig.startGate();
    const endMs = performance.now() + downMs;
    rig.receiver = 'down';
    await rig.load(() => performance.now() > endMs, 5);
    rig.receiver = 'up';
    const moreMs = performance.now() + 500;
    await rig.load(() => performance.now() > moreMs, 5);
    await sleep(200);
    await rig.drained();
    await rig.killGate('SIGTERM');
  } finally {
    await rig.close();
  }
  const logged = rig.logged();
  const problems = logged.filter((id) => !rig.received.has(id)).map((id) => `record ${id} never came`);
  const repeated = [...rig.received.values()].filter((times) => times > 1).length;
  return { records: logged.length, repeated, problems };
}
