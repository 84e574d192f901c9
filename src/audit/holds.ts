// Legal holds: entries that match one are not pruned, and keys that open them are not shredded, until its time is over or it is
// released. Each is a file, so that a command places it beside a running gate.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AuditError } from './contract.ts';
import { syncFolder, writeWhole } from './disk.ts';
import type { ReadEntry } from './entry.ts';
import { type EntryFilter, matches } from './reader.ts';

const FOLDER = 'holds';

export interface TrailHold {
  readonly name: string;
  readonly reason: string;
  /** Who placed it, and when (RFC 3339). */
  readonly by: string;
  readonly at: string;
  /** RFC 3339; null: until it is released. */
  readonly until: string | null;
  /** What it holds; everything when it is empty. */
  readonly query: EntryFilter;
}

const isName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);

/** Throws AuditError for a hold that can not be read: what it says is not known, so nothing may go. */
export function readTrailHolds(folder: string): TrailHold[] {
  const path = join(folder, FOLDER);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => {
      let hold: TrailHold | null = null;
      try {
        hold = JSON.parse(readFileSync(join(path, name), 'utf8')) as TrailHold | null;
      } catch {}
      const isGood =
        typeof hold?.query === 'object' &&
        hold.query !== null &&
        (hold.until === null || !Number.isNaN(Date.parse(hold.until)));
      if (hold === null || !isGood)
        throw new AuditError(`the hold ${name} can not be read: nothing is pruned or shredded`);
      return { ...hold, name: name.slice(0, -'.json'.length) };
    });
}

/** Throws AuditError for a name that is none or is taken. Durable when it returns. */
export function placeTrailHold(folder: string, hold: TrailHold): void {
  if (!isName(hold.name))
    throw new AuditError(`"${hold.name}" is not a name: letters, digits, ".", "_" and "-"`);
  if (readTrailHolds(folder).some(({ name }) => name === hold.name))
    throw new AuditError(`there is a hold ${hold.name} already`);
  writeWhole(join(folder, FOLDER, `${hold.name}.json`), JSON.stringify(hold));
}

/** Answers whether there was one. */
export function releaseTrailHold(folder: string, name: string): boolean {
  if (!isName(name) || !existsSync(join(folder, FOLDER, `${name}.json`))) return false;
  rmSync(join(folder, FOLDER, `${name}.json`));
  syncFolder(join(folder, FOLDER));
  return true;
}

export const isHoldActive = ({ until }: TrailHold, nowMs: number): boolean =>
  until === null || Date.parse(until) > nowMs;

/** Whether the hold keeps the entry. What can not be told, because its key is gone, is kept. */
export function holdsEntry({ query }: TrailHold, entry: ReadEntry): boolean {
  if (entry.body !== null) return matches(entry, query);
  const { who: _who, requestId: _requestId, traceId: _traceId, ...open } = query;
  return matches(entry, open);
}
