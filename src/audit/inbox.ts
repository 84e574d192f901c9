// Entries of processes that are not the writer (commands of an operator while the gate runs): each is a durable file of its own,
// which the writer takes into the trail and then removes. The id in the file's name keeps one that was taken twice from counting twice.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditEvent, auditActions } from './contract.ts';
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

/** What was left, oldest first. What is no entry is put aside under another name, and told. */
export function readInbox(trail: string, onBad: (file: string) => void): InboxItem[] {
  const folder = join(trail, FOLDER);
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const items: InboxItem[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.json')) continue;
    const file = join(folder, name);
    const event = parseEvent(readFileSync(file, 'utf8'));
    if (event === null) {
      renameSync(file, `${file}.bad`);
      onBad(file);
    } else items.push({ id: name.slice(16, -5), event, done: () => unlinkSync(file) });
  }
  return items;
}

const isParty = (value: unknown): boolean => {
  const { kind, id } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof kind === 'string' && typeof id === 'string';
};

/** Null for what would be no entry: the trail holds nothing that its readers do not understand. */
function parseEvent(text: string): AuditEvent | null {
  let event: Partial<AuditEvent> | null;
  try {
    event = JSON.parse(text) as Partial<AuditEvent> | null;
  } catch {
    return null;
  }
  const isOne =
    auditActions.some((action) => action === event?.action) &&
    ['success', 'failure', 'refused'].includes(event?.outcome ?? '') &&
    isParty(event?.actor) &&
    (event?.target === null || isParty(event?.target)) &&
    Number.isFinite(event?.atMs);
  return isOne ? (event as AuditEvent) : null;
}
