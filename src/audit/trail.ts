// The writer of the trail: puts entries in order, makes them durable, and grows the tree over them. An entry is durable in the
// journal before anybody is told so; tiles and checkpoint follow, and what a crash keeps them from saying is said at the
// next start, because the journal has it.
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { type Clock, systemClock } from '../core/index.ts';
import {
  checkpointText,
  leafHash,
  type NoteSigner,
  openNote,
  parseCheckpoint,
  rootOf,
  signNote,
  TILE_WIDTH,
} from '../merkle/index.ts';
import { AuditError, type AuditEvent, type AuditReceipt, type AuditTrail } from './contract.ts';
import { encodeEntry } from './entry.ts';
import { readInbox } from './inbox.ts';
import { Journal } from './journal.ts';
import { TrailKeys } from './keys.ts';
import { takeLock } from './lock.ts';
import { joinBundle, TileFiles, TreeEdge } from './tile-files.ts';

/** Entries of one write: what waits longer than a write takes goes together. */
const MAX_BATCH = 4096;
/** Entries that may wait without anybody waiting for them; more are counted as lost. */
const MAX_NOTED = 65_536;
/** How long a checkpoint may lag behind, ms. */
const CHECKPOINT_MS = 1000;
/** How often other processes' entries are looked for, ms. */
const INBOX_MS = 500;

export interface TrailOptions {
  readonly folder: string;
  /** Name of the log in checkpoints and of its key. */
  readonly origin: string;
  /** Seals the keys; null where none is configured. */
  readonly secret: string | null;
  readonly clock?: Clock;
  /** Hears when the trail can not be written, and when it can again (null). */
  readonly onProblem?: (problem: string | null) => void;
}

interface Waiting {
  readonly event: AuditEvent;
  readonly id: string;
  readonly done: ((receipt: AuditReceipt) => void) | null;
  readonly failed: ((error: AuditError) => void) | null;
}

export class FileTrail implements AuditTrail {
  readonly keys: TrailKeys;
  readonly #options: TrailOptions;
  readonly #clock: Clock;
  readonly #files: TileFiles;
  readonly #journal: Journal;
  readonly #signer: NoteSigner;
  readonly #release: () => void;
  #edge = new TreeEdge();
  /** Entries behind the last full bundle. */
  #bundle: Buffer[] = [];
  /** What is durable in the journal; the tree may lag behind by nothing but a crash. */
  #size = 0;
  #checkpointSize = 0;
  #journalStart = 0;
  #waiting: Waiting[] = [];
  #noted = 0;
  #lost = 0;
  #toldLost = 0;
  #scheduled = false;
  #broken: AuditError | null = null;
  readonly #recent = new Set<string>();
  readonly #timers: NodeJS.Timeout[] = [];

  private constructor(options: TrailOptions, release: () => void) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#release = release;
    this.keys = new TrailKeys(options.folder, options.secret);
    this.#files = new TileFiles(options.folder);
    this.#journal = new Journal(options.folder);
    this.#signer = this.keys.signer(options.origin, this.#files.readCheckpoint() === null);
  }

  /** Opens the trail for writing. Throws AuditError when it is damaged, or when another process writes it. */
  static open(options: TrailOptions): FileTrail {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const release = takeLock(options.folder);
    if (release === null)
      throw new AuditError(
        `another process writes the audit trail in ${options.folder}: there is one writer`,
      );
    try {
      const trail = new FileTrail(options, release);
      trail.#recover();
      trail.#start();
      return trail;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Entries that are durable. */
  get size(): number {
    return this.#size;
  }

  /** Entries that could not even wait, since the start. */
  get lost(): number {
    return this.#lost;
  }

  get signer(): NoteSigner {
    return this.#signer;
  }

  #recover(): void {
    const note = this.#files.readCheckpoint();
    const { firstIndex, entries } = this.#journal.recover();
    let size = 0;
    if (note !== null) {
      const text = openNote(note, this.#signer);
      const checkpoint = text === null ? null : parseCheckpoint(text);
      if (checkpoint === null || checkpoint.origin !== this.#options.origin)
        throw new AuditError(
          'the checkpoint of the audit trail is not signed by its key: run gatewright audit verify',
        );
      size = checkpoint.size;
      const root = rootOf(size, this.#files.reader(size));
      if (Buffer.compare(root, checkpoint.root) !== 0)
        throw new AuditError('the audit trail is not what its checkpoint says: run gatewright audit verify');
    }
    const bundleStart = size - (size % TILE_WIDTH);
    if (firstIndex > bundleStart)
      throw new AuditError('the journal of the audit trail does not reach back to its checkpoint');
    if (firstIndex + entries.length < size)
      throw new AuditError('the journal of the audit trail ends before its checkpoint: entries were removed');
    this.#edge = TreeEdge.read(this.#files, size);
    this.#checkpointSize = size;
    this.#journalStart = firstIndex;
    this.#bundle = entries.slice(bundleStart - firstIndex, size - firstIndex);
    for (const entry of entries) this.#remember(entry);
    this.#size = size;
    this.#grow(entries.slice(size - firstIndex));
    this.#publish();
  }

  /** Ids of entries that may come from the inbox a second time. */
  #remember(entry: Buffer): void {
    const id = /^\{"v":1,"id":"([0-9a-f-]{36})"/.exec(entry.toString('latin1', 0, 80))?.[1];
    if (id !== undefined) this.#recent.add(id);
  }

  #start(): void {
    this.#timers.push(setInterval(() => this.#tick(), CHECKPOINT_MS));
    this.#timers.push(setInterval(() => this.takeInbox(), INBOX_MS));
    for (const timer of this.#timers) timer.unref();
    this.takeInbox();
  }

  append(event: AuditEvent): Promise<AuditReceipt> {
    return new Promise((done, failed) => this.#enqueue({ event, id: randomUUID(), done, failed }));
  }

  note(event: AuditEvent): void {
    if (this.#noted >= MAX_NOTED) {
      this.#lost++;
      return;
    }
    this.#noted++;
    this.#enqueue({ event, id: randomUUID(), done: null, failed: null });
  }

  #enqueue(waiting: Waiting): void {
    if (this.#broken !== null && waiting.failed !== null) return waiting.failed(this.#broken);
    // Time is when it happened, not when it was written.
    const event =
      waiting.event.atMs === undefined ? { ...waiting.event, atMs: this.#clock.epochMs() } : waiting.event;
    this.#waiting.push({ ...waiting, event });
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /** Writes what waits; one write at a time, and everything that came meanwhile goes with the next. */
  #flush(): void {
    this.#scheduled = false;
    if (this.#waiting.length === 0) return;
    const batch = this.#waiting.slice(0, MAX_BATCH);
    this.#waiting = this.#waiting.slice(MAX_BATCH);
    const good: Waiting[] = [];
    const entries: Buffer[] = [];
    for (const waiting of batch) {
      if (waiting.done === null && waiting.failed === null) this.#noted--;
      try {
        entries.push(this.#encode(waiting));
        good.push(waiting);
      } catch (error) {
        waiting.failed?.(error instanceof AuditError ? error : new AuditError((error as Error).message));
      }
    }
    const first = this.#size;
    try {
      if (entries.length > 0) this.#journal.write({ firstIndex: first, entries });
    } catch (error) {
      this.#fail(error as Error, good);
      return;
    }
    this.#grow(entries);
    good.forEach(({ id, done }, at) => {
      this.#recent.add(id);
      done?.({ index: first + at, leaf: leafHash(entries[at]!).toString('hex') });
    });
    if (this.#waiting.length > 0 && !this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    }
  }

  #encode({ event, id }: Waiting): Buffer {
    const subject = event.subject ?? (event.actor.kind === 'user' ? event.actor.id : '');
    return encodeEntry(event, event.atMs!, this.keys.forSubject(subject), id);
  }

  /**
   * The journal could not be written: what part of the batch is durable nobody knows. The trail takes nothing more until it is
   * opened anew, which reads what is there.
   */
  #fail(error: Error, batch: readonly Waiting[]): void {
    this.#broken = new AuditError(`the audit trail can not be written: ${error.message}`);
    this.#options.onProblem?.(this.#broken.message);
    for (const { failed } of [...batch, ...this.#waiting]) failed?.(this.#broken);
    this.#lost += [...batch, ...this.#waiting].filter(({ failed }) => failed === null).length;
    this.#waiting = [];
  }

  /** Takes durable entries into the tree; full tiles are written at once. */
  #grow(entries: readonly Buffer[]): void {
    for (const entry of entries) {
      this.#bundle.push(entry);
      this.#size++;
      this.#edge.add(leafHash(entry), (level, index, bytes) => {
        if (level === 0) {
          this.#files.writeTile('entries', index, TILE_WIDTH, joinBundle(this.#bundle));
          this.#bundle = [];
        }
        this.#files.writeTile(level, index, TILE_WIDTH, bytes);
      });
    }
  }

  /** Signs for everything that is durable. */
  #publish(): void {
    if (this.#size === this.#checkpointSize && this.#files.readCheckpoint() !== null) return;
    const size = this.#size;
    this.#edge.rows.forEach((row, level) => {
      if (row.length === 0) return;
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      if (level === 0) this.#files.writeTile('entries', index, row.length, joinBundle(this.#bundle));
      this.#files.writeTile(level, index, row.length, Buffer.concat(row));
    });
    const root = rootOf(size, this.#files.reader(size));
    const text = checkpointText({ origin: this.#options.origin, size, root });
    this.#files.writeCheckpoint(signNote(text, this.#signer));
    this.#checkpointSize = size;
    const bundleStart = size - this.#bundle.length;
    if (bundleStart - this.#journalStart < MAX_BATCH) return;
    this.#journal.rotate(bundleStart, this.#bundle);
    this.#journal.forget(bundleStart);
    this.#journalStart = bundleStart;
    this.#recent.clear();
    for (const entry of this.#bundle) this.#remember(entry);
  }

  #tick(): void {
    if (this.#broken !== null) return;
    if (this.#lost > this.#toldLost) {
      const count = this.#lost - this.#toldLost;
      this.#toldLost = this.#lost;
      this.note({
        action: 'audit.lost',
        outcome: 'failure',
        actor: { kind: 'system', id: 'audit' },
        target: null,
        details: { count },
      });
    }
    try {
      this.#publish();
    } catch (error) {
      this.#fail(error as Error, []);
    }
  }

  /** Takes what other processes have left. */
  takeInbox(): void {
    if (this.#broken !== null) return;
    for (const { id, event, done } of readInbox(this.#options.folder)) {
      if (this.#recent.has(id)) done();
      else if (!this.#waiting.some((waiting) => waiting.id === id))
        this.#enqueue({ event, id, done: () => done(), failed: () => {} });
    }
  }

  /** The checkpoint of everything that is durable, signed. */
  checkpoint(): string {
    this.#publish();
    return this.#files.readCheckpoint()!;
  }

  /** Writes what waits and gives the trail up. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    while (this.#waiting.length > 0 && this.#broken === null) {
      this.#flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#broken === null) this.#publish();
    this.#journal.close();
    this.#release();
  }
}
