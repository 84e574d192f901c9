// HTTP/2 for a long time: h2load at full speed, then a well-behaved client at a steady rate: alone, beside attackers of
// another gate, and beside attackers of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attacks } from '../support/h2-attacks.ts';
import {
  type AttackReport,
  ask,
  attack,
  DECOY,
  GATE,
  loadFully,
  SoakGate,
  startServices,
  type Times,
} from './h2-parts.ts';

export interface H2SoakReport extends AttackReport {
  /** Requests served at full speed, and those that were not answered with 2xx. */
  readonly served: number;
  readonly failed: number;
  /** Answer times of the well-behaved client: alone; while another gate is attacked; while its own is. */
  readonly calm: Times;
  readonly elsewhere: Times;
  readonly attacked: Times;
  /** Requests of the well-behaved client that were not answered with 200. */
  readonly unserved: number;
  /** Attacks a second. */
  readonly rate: number;
  /** Resident memory of the gate's process, MiB: after full speed, and after the attacks. */
  readonly memory: readonly [number, number];
}

export const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

async function withGate<T>(
  use: (gate: SoakGate, folder: string, decoy: () => Promise<SoakGate>) => Promise<T>,
) {
  const stopServices = await startServices();
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-soak-'));
  const other = await mkdtemp(join(tmpdir(), 'gatewright-soak-'));
  const gates: SoakGate[] = [];
  const start = async (inside: string, port: number, isDecoy: boolean): Promise<SoakGate> => {
    const gate = await SoakGate.start(inside, port, isDecoy);
    gates.push(gate);
    return gate;
  };
  try {
    return await use(await start(folder, GATE, false), folder, () => start(other, DECOY, true));
  } finally {
    await Promise.all(gates.map((gate) => gate.stop()));
    await stopServices();
    for (const path of [folder, other]) await rm(path, { recursive: true, force: true });
  }
}

/** Pauses between the parts, for the gate to be done with what was, s at most. */
const SETTLE_SECONDS = 30;

/** Each of the four parts takes `seconds`; the pauses between them no more than that either. */
export function h2Soak(seconds: number): Promise<H2SoakReport> {
  const settle = Math.min(SETTLE_SECONDS, seconds);
  return withGate(async (gate, folder, startDecoy) => {
    const { served, failed } = await loadFully(gate, seconds);
    const afterLoad = await gate.memory();
    await gate.settle(settle);
    const calm = await ask(gate, seconds, join(folder, 'calm.tsv'));
    const decoy = await startDecoy();
    const there = attack(decoy.port, seconds, -1);
    const elsewhere = await ask(gate, seconds, join(folder, 'elsewhere.tsv'));
    await there;
    await decoy.stop();
    await gate.settle(settle);
    const here = attack(gate.port, seconds, -1);
    const attacked = await ask(gate, seconds, join(folder, 'attacked.tsv'));
    const report = await here;
    return {
      ...report,
      served,
      failed,
      calm: calm.times,
      elsewhere: elsewhere.times,
      attacked: attacked.times,
      unserved: calm.unserved + elsewhere.unserved + attacked.unserved,
      rate: sum(report.counts) / seconds,
      memory: [afterLoad, await gate.memory()],
    };
  });
}

export interface KindReport {
  readonly name: string;
  readonly times: Times;
  /** Attacks a second, and processor time of the gate for each, ms, without what the client that behaves costs. */
  readonly rate: number;
  readonly cpuMs: number;
}

/** The same for each kind of attack alone; each part takes `seconds`. */
export function h2Kinds(
  seconds: number,
  say: (kind: KindReport) => void,
): Promise<{ calm: Times; kinds: KindReport[] }> {
  return withGate(async (gate, folder) => {
    await loadFully(gate, seconds);
    await attack(gate.port, seconds, -1);
    await gate.settle(SETTLE_SECONDS);
    const before = await gate.cpuMs();
    const calm = await ask(gate, seconds, join(folder, 'calm.tsv'));
    const calmMs = (await gate.cpuMs()) - before;
    const kinds: KindReport[] = [];
    for (const [only, { name }] of attacks.entries()) {
      const start = await gate.cpuMs();
      const here = attack(gate.port, seconds, only);
      const { times } = await ask(gate, seconds, join(folder, `${only}.tsv`));
      const count = sum((await here).counts);
      const cpuMs = ((await gate.cpuMs()) - start - calmMs) / count;
      const kind = { name, times, rate: count / seconds, cpuMs };
      say(kind);
      kinds.push(kind);
    }
    return { calm: calm.times, kinds };
  });
}
