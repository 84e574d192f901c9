// Retention: entries whose time is over lose their bytes, and keep their place and hash, so that every proof over the trail still holds.
// The list of what went is signed by the log before anything goes: an entry that is empty and not listed was removed by somebody
// else, and verification says so. Only full bundles are touched, which the writer never writes again.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { type Clock, systemClock } from '../core/index.ts';
import { type NoteSigner, openNote, signNote, TILE_WIDTH, tilePath } from '../merkle/index.ts';
import { AuditError, type AuditEvent } from './contract.ts';
import { writeFiles } from './disk.ts';
import { decodeEntry } from './entry.ts';
import { holdsEntry, isHoldActive, readTrailHolds, type TrailHold } from './holds.ts';
import type { TrailKeys } from './keys.ts';
import { joinBundle, splitBundle } from './tile-files.ts';

const LIST = 'pruned';
/** How soon a held entry is looked at again, ms. */
const HELD_MS = 3_600_000;
/** Bytes of a bundle whose entries are all gone. */
const EMPTY_BUNDLE_BYTES = 2 * TILE_WIDTH;

/** How long entries are kept, ms, by action or the words before a dot; `*` for the rest. Actions of the trail itself always stay. */
export type KeepMs = ReadonlyMap<string, number>;

/** The trail as its pruner needs it. */
export interface PrunedTrail {
  readonly folder: string;
  readonly origin: string;
  readonly signer: NoteSigner;
  readonly keys: TrailKeys;
  /** Entries that the checkpoint on the disk counts. */
  readonly published: number;
  append(event: AuditEvent): Promise<unknown>;
}

/** How long entries of an action are kept, ms; Infinity where it is for good. */
export function keepFor(action: string, keepMs: KeepMs): number {
  if (action.startsWith('audit.')) return Number.POSITIVE_INFINITY;
  for (let name = action; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
    const ms = keepMs.get(name);
    if (ms !== undefined) return ms;
  }
  return keepMs.get('*') ?? Number.POSITIVE_INFINITY;
}

export class Pruner {
  readonly #trail: PrunedTrail;
  readonly #keepMs: KeepMs;
  readonly #clock: Clock;
  /** When a bundle has something to lose, at the earliest. */
  readonly #dueMs = new Map<number, number>();

  constructor(trail: PrunedTrail, keepMs: KeepMs, clock: Clock = systemClock) {
    this.#trail = trail;
    this.#keepMs = keepMs;
    this.#clock = clock;
  }

  /**
   * Prunes what is over and not held; answers how many entries went. Rejects with AuditError for holds or a list that can not
   * be read, before anything goes.
   */
  async run(): Promise<number> {
    if (this.#keepMs.size === 0) return 0;
    const nowMs = this.#clock.epochMs();
    const holds = readTrailHolds(this.#trail.folder).filter((hold) => isHoldActive(hold, nowMs));
    const full = Math.floor(this.#trail.published / TILE_WIDTH);
    const going = new Map<number, number[]>();
    for (let bundle = 0; bundle < full; bundle++) {
      if ((this.#dueMs.get(bundle) ?? 0) > nowMs) continue;
      await breathe();
      const positions = this.#overdue(bundle, holds, nowMs);
      if (positions.length > 0) going.set(bundle, positions);
    }
    if (going.size === 0) return 0;
    const indexes = [...going].flatMap(([bundle, positions]) =>
      positions.map((at) => bundle * TILE_WIDTH + at),
    );
    const listed = this.#list();
    // The list first: a crash leaves entries that are still there, and never one that is gone and not listed.
    await this.#trail.append({
      action: 'audit.prune',
      outcome: 'success',
      actor: { kind: 'system', id: 'audit' },
      target: null,
      reason: 'retention',
      details: { count: indexes.length, first: indexes[0], last: indexes.at(-1), holds: holds.length },
    });
    await this.#writeList(withIndexes(listed, indexes));
    for (const [bundle, positions] of going) {
      const gone = new Set(positions);
      const file = join(this.#trail.folder, tilePath('entries', bundle));
      const entries = splitBundle(readFileSync(file)).map((bytes, at) =>
        gone.has(at) ? Buffer.alloc(0) : bytes,
      );
      await writeFiles([{ file, bytes: joinBundle(entries) }]);
    }
    return indexes.length;
  }

  /** Positions in a bundle that are over. */
  #overdue(bundle: number, holds: readonly TrailHold[], nowMs: number): number[] {
    const file = join(this.#trail.folder, tilePath('entries', bundle));
    const positions: number[] = [];
    let dueMs = Number.POSITIVE_INFINITY;
    if (statSync(file).size > EMPTY_BUNDLE_BYTES)
      splitBundle(readFileSync(file)).forEach((bytes, at) => {
        if (bytes.length === 0) return;
        const entry = decodeEntry(bytes, (id) => (holds.length === 0 ? null : this.#trail.keys.byId(id)));
        const endMs = Date.parse(entry.at) + keepFor(entry.action, this.#keepMs);
        if (endMs > nowMs) dueMs = Math.min(dueMs, endMs);
        else if (holds.some((hold) => holdsEntry(hold, entry))) dueMs = Math.min(dueMs, nowMs + HELD_MS);
        else positions.push(at);
      });
    this.#dueMs.set(bundle, dueMs);
    return positions;
  }

  /** Ranges that were pruned so far. */
  #list(): [number, number][] {
    const file = join(this.#trail.folder, LIST);
    if (!existsSync(file)) return [];
    const text = openNote(readFileSync(file, 'utf8'), this.#trail.signer);
    const [title, ...lines] = text?.trimEnd().split('\n') ?? [];
    if (title !== `${this.#trail.origin}/pruned`)
      throw new AuditError(`${file} is not signed by the trail: nothing more is pruned`);
    return lines.map((line) => line.split('-').map(Number) as [number, number]);
  }

  async #writeList(ranges: readonly [number, number][]): Promise<void> {
    const lines = ranges.map(([from, to]) => `${from}-${to}\n`);
    const note = signNote(`${this.#trail.origin}/pruned\n${lines.join('')}`, this.#trail.signer);
    await writeFiles([{ file: join(this.#trail.folder, LIST), bytes: Buffer.from(note) }]);
  }
}

/** Ranges with single indexes put in, ascending; neighbours are one range. */
export function withIndexes(
  ranges: readonly (readonly [number, number])[],
  indexes: readonly number[],
): [number, number][] {
  const all = [...ranges, ...indexes.map((index) => [index, index] as const)].sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of all) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}
