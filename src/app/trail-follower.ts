// Carries entries of the audit trail to one sink of the export. It reads the trail from a cursor of its own, and moves the cursor when the
// spool has the entries on disk: what a crash interrupts is read again, and the sink gets it at least once.
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuditError, type NumberedEntry, TrailReader } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import type { Exporter, TrailRecord } from '../export/index.ts';
import type { GateLog } from '../telemetry/index.ts';

/** Entries of one look. */
const STEP = 500;
/** How often the trail is looked at, ms: its checkpoints come as often. */
const LOOK_MS = 1000;

type AuditConfig = NonNullable<GateConfig['audit']>;

export interface FollowerParts {
  readonly audit: AuditConfig;
  readonly exporter: Exporter;
  /** Folder of the sink's spool. */
  readonly folder: string;
  /** Refusals are in the trail, too: a sink that gets requests has them already. */
  readonly withRequests: boolean;
  readonly log: GateLog;
}

export class TrailFollower {
  readonly #parts: FollowerParts;
  readonly #cursorFile: string;
  /** Next entry; null until the trail was found. */
  #next: number | null;
  #seenMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #work: Promise<void> = Promise.resolve();
  #isBusy = false;
  #problem = '';

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.#cursorFile = join(parts.folder, 'trail');
    const text = existsSync(this.#cursorFile) ? readFileSync(this.#cursorFile, 'utf8') : '';
    this.#next = /^\d{1,15}\n$/.test(text) ? Number(text) : null;
  }

  /** A sink that is new gets what comes from now on. */
  start(): void {
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  #look(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#work = this.#carryAll()
      .then(
        () => this.#tell(''),
        (error: unknown) => this.#tell(error instanceof Error ? error.message : String(error)),
      )
      .finally(() => {
        this.#isBusy = false;
      });
  }

  #tell(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { log, exporter } = this.#parts;
    if (problem === '') log.write('info', 'export-recovered', { sink: exporter.config.name });
    else log.write('warning', 'export-failing', { sink: exporter.config.name, problem });
  }

  async #carryAll(): Promise<void> {
    const { folder, origin, secret } = this.#parts.audit;
    const changedMs = statSync(join(folder, 'checkpoint'), { throwIfNoEntry: false })?.mtimeMs;
    if (changedMs === undefined || changedMs === this.#seenMs) return;
    const reader = new TrailReader(folder, origin, secret);
    this.#next ??= this.#keep(reader.size);
    if (this.#next > reader.size)
      throw new AuditError(`the sink has had ${this.#next} entries, and the trail has ${reader.size}`);
    while (this.#next < reader.size) {
      const end = Math.min(reader.size, this.#next + STEP);
      const records = this.#records(reader, this.#next, end);
      // What finds no room stays in the trail, and is tried again.
      if (!(await this.#parts.exporter.takeTrail(records))) return;
      this.#next = this.#keep(end);
    }
    this.#seenMs = changedMs;
  }

  #records(reader: TrailReader, from: number, end: number): TrailRecord[] {
    const records: TrailRecord[] = [];
    for (const entry of reader.entries({}, from)) {
      if (entry.index >= end) break;
      if (this.#parts.withRequests && entry.action.startsWith('request.')) continue;
      records.push(recordOf(entry, this.#parts.audit.origin));
    }
    return records;
  }

  #keep(next: number): number {
    writeFileSync(`${this.#cursorFile}.new`, `${next}\n`, { mode: 0o640 });
    renameSync(`${this.#cursorFile}.new`, this.#cursorFile);
    return next;
  }

  /** Carries what is in the trail now, and stops. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#work;
    this.#look();
    await this.#work;
  }
}

function recordOf({ index, id, at, action, outcome, body }: NumberedEntry, trail: string): TrailRecord {
  const head = { time: at, id, trail, index, action, outcome };
  if (body === null) return head;
  const { actor, target, address, reason, requestId, traceId, before, after, details } = body;
  const event = details?.['event'] ?? details?.['operation'];
  const members = {
    actor_kind: actor.kind,
    actor: actor.id,
    target_kind: target?.kind,
    target: target?.id,
    address: address === '' ? undefined : address,
    reason: reason === '' ? undefined : reason,
    request_id: requestId,
    trace_id: traceId,
    event: typeof event === 'string' ? event : undefined,
    before,
    after,
    details,
  };
  const known = Object.entries(members).filter(([, value]) => value !== undefined);
  return { ...head, ...Object.fromEntries(known) };
}
