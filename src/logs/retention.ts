// What may go: segments whose last line is older than their class is kept, unless somebody holds that time. Holds are files,
// so that a command places them beside a running gate.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { removedFiles } from './chain.ts';
import { writeDurably } from './compact.ts';
import { type LineClass, type Link, LogError, type SegmentFact } from './contract.ts';

const HOLDS = 'holds';

/** Legal hold: lines of this time stay, whatever their class. */
export interface Hold {
  readonly name: string;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly reason: string;
}

const isHoldName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);

/** Throws LogError for a hold that can not be read: what it says is not known, so nothing may be removed. */
export function readHolds(folder: string): Hold[] {
  let names: string[];
  try {
    names = readdirSync(join(folder, HOLDS));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => {
      let hold: Partial<Hold> | null = null;
      try {
        hold = JSON.parse(readFileSync(join(folder, HOLDS, name), 'utf8')) as Partial<Hold> | null;
      } catch {}
      if (typeof hold?.fromMs !== 'number' || typeof hold.untilMs !== 'number')
        throw new LogError(`the hold ${name} can not be read; nothing is removed`);
      return {
        name: name.slice(0, -'.json'.length),
        fromMs: hold.fromMs,
        untilMs: hold.untilMs,
        reason: hold.reason ?? '',
      };
    });
}

/** Throws LogError for a name that is none or is taken. */
export function placeHold(folder: string, hold: Hold): void {
  if (!isHoldName(hold.name)) throw new LogError(`"${hold.name}" is not a name`);
  if (readHolds(folder).some(({ name }) => name === hold.name))
    throw new LogError(`there is a hold ${hold.name} already`);
  mkdirSync(join(folder, HOLDS), { recursive: true, mode: 0o750 });
  writeDurably(join(folder, HOLDS), `${hold.name}.json`, Buffer.from(JSON.stringify(hold)));
}

/** Answers whether there was one. */
export function releaseHold(folder: string, name: string): boolean {
  if (!isHoldName(name) || !readHolds(folder).some((hold) => hold.name === name)) return false;
  rmSync(join(folder, HOLDS, `${name}.json`));
  return true;
}

/**
 * Files whose time is over. A segment is as old as the younger of its last line and the moment when it was finished, so that
 * lines from a clock that ran behind are not removed at once. A segment without times is as old as its link.
 */
export function overdue(
  links: readonly Link[],
  keepMs: Readonly<Record<LineClass, number>>,
  holds: readonly Hold[],
  nowMs: number,
): string[] {
  const removed = removedFiles(links);
  const isHeld = (segment: SegmentFact): boolean =>
    holds.some(
      (hold) => segment.untilMs === 0 || (segment.fromMs <= hold.untilMs && segment.untilMs >= hold.fromMs),
    );
  return links.flatMap((link) =>
    link.kind === 'removed'
      ? []
      : link.segments
          .filter((segment) => {
            const youngestMs = Math.max(segment.untilMs, Date.parse(link.at));
            const isOver = nowMs - youngestMs > keepMs[segment.class];
            return isOver && !removed.has(segment.file) && !isHeld(segment);
          })
          .map(({ file }) => file),
  );
}
