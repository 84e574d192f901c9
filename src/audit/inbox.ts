// Entries of processes that are not the writer (commands of an operator while the gate runs): each is a durable file of its own,
// which the writer takes into the trail and then removes. The id in the file's name keeps one that was taken twice from counting twice.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent } from './contract.ts';
import { writeWhole } from './disk.ts';

const FOLDER = 'inbox';

export interface InboxItem {
  readonly id: string;
  readonly event: AuditEvent;
  done(): void;
}

/** Leaves an entry for the writer; durable when it returns. */
export function leaveInInbox(trail: string, event: AuditEvent, nowMs: number): void {
  const name = `${String(nowMs).padStart(15, '0')}-${randomUUID()}.json`;
  writeWhole(join(trail, FOLDER, name), JSON.stringify({ ...event, atMs: event.atMs ?? nowMs }));
}

/** What was left, oldest first. */
export function readInbox(trail: string): InboxItem[] {
  const folder = join(trail, FOLDER);
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => {
      const file = join(folder, name);
      return {
        id: name.slice(16, -5),
        event: JSON.parse(readFileSync(file, 'utf8')) as AuditEvent,
        done: () => unlinkSync(file),
      };
    });
}
