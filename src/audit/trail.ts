// The writer of the trail: puts entries in order, makes them durable, and grows the tree over them. An entry is durable in the
// journal before anybody is told so; tiles and checkpoint follow, and what a crash keeps them from saying is said at the
// next start, because the journal has it.
import { randomUUID } from 'node:crypto';
import { mkdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
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
import { writeWhole } from './disk.ts';
import { encodeEntry } from './entry.ts';
import { readInbox } from './inbox.ts';
import { Journal } from './journal.ts';
import { TrailKeys } from './keys.ts';
import { takeLock } from './lock.ts';
import { joinBundle, type Tile, TileFiles, TreeEdge } from './tile-files.ts';

/** Entries of one write: what waits longer than a write takes goes together. */
const MAX_BATCH = 1024;
/** Entries that a file of the journal may have before it is begun anew. */
const ROTATE_ENTRIES = 4096;
/** Full tiles that ask for a checkpoint before its time, and that the writer waits for: they are in memory until they are written. */
const EAGER_TILES = 128;
const MAX_TILES = 512;
/** Entries that may wait without anybody waiting for them; more are counted as lost. */
const MAX_NOTED = 65_536;
/** Room that a disk must have before a trail that found none goes on, bytes. */
const PROBE_BYTES = 1_048_576;
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
  /** Checkpoints are signed with ML-DSA-44 beside Ed25519. */
  readonly mldsa?: boolean;
  readonly clock?: Clock;
  /** Hears when the trail can not be written, and when it can again (null). */
  readonly onProblem?: (problem: string | null) => void;
}

/** What is sealed and on its way into the journal. */
interface Batch {
  readonly waiting: readonly Waiting[];
  readonly entries: readonly Buffer[];
  readonly leaves: readonly Buffer[];
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
  /** Ed25519 first. */
  readonly #signers: readonly NoteSigner[];
  readonly #release: () => void;
  #edge = new TreeEdge();
  /** Entries behind the last full bundle. */
  #bundle: Buffer[] = [];
  /** What is durable in the journal; the tree may lag behind by nothing but a crash. */
  #size = 0;
  /** The checkpoint on the disk; empty where there is none. */
  #note = '';
  #checkpointSize = 0;
  #journalStart = 0;
  /** Full tiles that are not on the disk yet. */
  #tiles: Tile[] = [];
  /** Tiles that parts were written of. */
  readonly #parts = new Set<string>();
  #waiting: Waiting[] = [];
  #noted = 0;
  #lost = 0;
  #toldLost = 0;
  #isPumping = false;
  #pumped: Promise<void> = Promise.resolve();
  #publishing: Promise<void> = Promise.resolve();
  #isPublishing = false;
  #broken: AuditError | null = null;
  /** Entries of the inbox that are under way, and those that may come a second time after a crash. */
  readonly #taken = new Set<string>();
  readonly #underWay = new Set<string>();
  readonly #timers: NodeJS.Timeout[] = [];

  private constructor(options: TrailOptions, release: () => void) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#release = release;
    this.keys = new TrailKeys(options.folder, options.secret, this.#clock);
    this.#files = new TileFiles(options.folder);
    this.#journal = new Journal(options.folder);
    const isNew = this.#files.readCheckpoint() === null;
    this.#signers = this.keys.signers(options.origin, isNew, options.mldsa === true);
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

  /** Entries that the checkpoint on the disk counts. */
  get published(): number {
    return this.#checkpointSize;
  }

  get folder(): string {
    return this.#options.folder;
  }

  get origin(): string {
    return this.#options.origin;
  }

  get signer(): NoteSigner {
    return this.#signers[0]!;
  }

  /** All that sign checkpoints. */
  get signers(): readonly NoteSigner[] {
    return this.#signers;
  }

  #recover(): void {
    const note = this.#files.readCheckpoint();
    const { firstIndex, entries } = this.#journal.recover();
    let size = 0;
    if (note !== null) {
      const text = openNote(note, this.signer);
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
    this.#note = note ?? '';
    this.#checkpointSize = size;
    this.#journalStart = firstIndex;
    this.#bundle = entries.slice(bundleStart - firstIndex, size - firstIndex);
    for (const entry of entries) this.#remember(entry);
    this.#size = size;
    for (const { level, index } of this.#edge.tiles(this.#bundle)) this.#parts.add(`${level}/${index}`);
    const more = entries.slice(size - firstIndex);
    this.#grow(more, more.map(leafHash));
  }

  /** Ids of entries that may come from the inbox a second time. */
  #remember(entry: Buffer): void {
    const id = /^\{"v":1,"id":"([0-9a-f-]{36})"/.exec(entry.toString('latin1', 0, 80))?.[1];
    if (id !== undefined) this.#taken.add(id);
  }

  #start(): void {
    this.#timers.push(setInterval(() => this.#tick(), CHECKPOINT_MS));
    this.#timers.push(setInterval(() => this.takeInbox(), INBOX_MS));
    for (const timer of this.#timers) timer.unref();
    this.takeInbox();
    void this.#publish();
  }

  append(event: AuditEvent): Promise<AuditReceipt> {
    return new Promise((done, failed) => this.#enqueue({ event, id: randomUUID(), done, failed }));
  }

  note(event: AuditEvent): void {
    if (this.#noted >= MAX_NOTED || this.#broken !== null) {
      this.#lost++;
      return;
    }
    this.#noted++;
    this.#enqueue({ event, id: randomUUID(), done: null, failed: null });
  }

  #enqueue(waiting: Waiting): void {
    if (this.#broken !== null) return waiting.failed?.(this.#broken);
    // Time is when it happened, not when it was written.
    const event =
      waiting.event.atMs === undefined ? { ...waiting.event, atMs: this.#clock.epochMs() } : waiting.event;
    this.#waiting.push({ ...waiting, event });
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#pumped = new Promise((resolve) => setImmediate(() => void this.#pump().then(resolve)));
  }

  /** Writes what waits; one write at a time, and everything that came meanwhile goes with the next. */
  async #pump(): Promise<void> {
    for (let batch = this.#take(); batch !== null; ) {
      let ahead: Batch | null = null;
      try {
        if (this.#size - this.#journalStart >= ROTATE_ENTRIES) await this.#rotate();
        const written = this.#journal.write({ firstIndex: this.#size, entries: batch.entries });
        // While the disk is at work, the next batch is sealed, if it is worth it.
        if (this.#waiting.length >= MAX_BATCH) ahead = this.#take();
        await written;
        this.#acknowledge(batch);
        if (this.#tiles.length >= MAX_TILES) await this.#publish();
        else if (this.#tiles.length >= EAGER_TILES && !this.#isPublishing) void this.#publish();
      } catch (error) {
        this.#fail(error as Error, [...batch.waiting, ...(ahead?.waiting ?? [])]);
        break;
      }
      batch = ahead ?? this.#take();
    }
    this.#isPumping = false;
  }

  #acknowledge({ waiting, entries, leaves }: Batch): void {
    const first = this.#size;
    this.#grow(entries, leaves);
    waiting.forEach(({ done }, at) => {
      done?.({ index: first + at, leaf: leaves[at]!.toString('hex') });
    });
  }

  /** Seals what goes with the next write; null when nothing waits. What can not be sealed fails alone. */
  #take(): Batch | null {
    while (this.#waiting.length > 0) {
      const some = this.#waiting.slice(0, MAX_BATCH);
      this.#waiting = this.#waiting.slice(MAX_BATCH);
      const waiting: Waiting[] = [];
      const entries: Buffer[] = [];
      try {
        this.keys.refresh();
      } catch (error) {
        this.#fail(error as Error, some);
        return null;
      }
      for (const one of some) {
        if (one.failed === null) this.#noted--;
        try {
          entries.push(this.#encode(one));
          waiting.push(one);
        } catch (error) {
          if (one.failed === null) this.#lost++;
          else one.failed(error instanceof AuditError ? error : new AuditError((error as Error).message));
        }
      }
      if (entries.length > 0) return { waiting, entries, leaves: entries.map(leafHash) };
    }
    return null;
  }

  #encode({ event, id }: Waiting): Buffer {
    const subject = event.subject ?? (event.actor.kind === 'user' ? event.actor.id : '');
    return encodeEntry(event, event.atMs!, this.keys.forSubject(subject), id);
  }

  /**
   * The journal could not be written: what part of the batch is durable nobody knows. The trail takes nothing more until what
   * is there was read anew.
   */
  #fail(error: Error, batch: readonly Waiting[]): void {
    this.#broken = new AuditError(`the audit trail can not be written: ${error.message}`);
    this.#options.onProblem?.(this.#broken.message);
    for (const { failed } of [...batch, ...this.#waiting]) failed?.(this.#broken);
    this.#lost += [...batch, ...this.#waiting].filter(({ failed }) => failed === null).length;
    this.#waiting = [];
    this.#noted = 0;
  }

  /** A disk that was full may have room again: what is there is read anew, as after a crash. */
  #reopen(): void {
    if (this.#isPumping || this.#isPublishing) return;
    const probe = join(this.#options.folder, 'probe');
    try {
      writeWhole(probe, Buffer.alloc(PROBE_BYTES));
      unlinkSync(probe);
      this.#journal.close();
      this.#tiles = [];
      this.#parts.clear();
      this.#taken.clear();
      this.#underWay.clear();
      this.#recover();
    } catch {
      return;
    }
    this.#broken = null;
    this.#options.onProblem?.(null);
    void this.#publish();
  }

  /** Takes durable entries into the tree. */
  #grow(entries: readonly Buffer[], leaves: readonly Buffer[]): void {
    for (let i = 0; i < entries.length; i++) {
      this.#bundle.push(entries[i]!);
      this.#size++;
      this.#edge.add(leaves[i]!, (level, index, bytes) => {
        if (level === 0) {
          const bundle = joinBundle(this.#bundle);
          this.#tiles.push({ level: 'entries', index, width: TILE_WIDTH, bytes: bundle });
          this.#bundle = [];
        }
        this.#tiles.push({ level, index, width: TILE_WIDTH, bytes });
      });
    }
  }

  /** Signs for everything that is durable now. One at a time; never rejects. */
  #publish(): Promise<void> {
    this.#isPublishing = true;
    const turn = this.#publishing.then(async () => {
      try {
        await this.#publishNow();
      } catch (error) {
        this.#fail(error as Error, []);
      }
      if (this.#publishing === turn) this.#isPublishing = false;
    });
    this.#publishing = turn;
    return turn;
  }

  async #publishNow(): Promise<void> {
    if (this.#broken !== null || (this.#size === this.#checkpointSize && this.#note !== '')) return;
    const size = this.#size;
    const full = this.#tiles;
    this.#tiles = [];
    const parts = this.#edge.tiles(this.#bundle);
    const root = this.#edge.root();
    await this.#files.writeTiles([...full, ...parts]);
    const text = checkpointText({ origin: this.#options.origin, size, root });
    const note = signNote(text, this.#signers, Math.floor(this.#clock.epochMs() / 1000));
    await this.#files.writeCheckpoint(note);
    this.#note = note;
    this.#checkpointSize = size;
    await this.#files.dropParts(full.filter(({ level, index }) => this.#parts.delete(`${level}/${index}`)));
    for (const { level, index } of parts) this.#parts.add(`${level}/${index}`);
    this.#journal.forget(size - (size % TILE_WIDTH));
  }

  /** Begins the journal anew behind what is in full bundles; the old file goes when a checkpoint covers it. */
  async #rotate(): Promise<void> {
    const start = this.#size - this.#bundle.length;
    await this.#journal.rotate(start, this.#bundle);
    this.#journalStart = start;
  }

  #tick(): void {
    if (this.#broken !== null) return this.#reopen();
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
    if (!this.#isPublishing) void this.#publish();
  }

  /** Takes what other processes have left. */
  takeInbox(): void {
    if (this.#broken !== null) return;
    const onBad = (file: string): void => this.#options.onProblem?.(`${file} is no entry, and was put aside`);
    for (const { id, event, done } of readInbox(this.#options.folder, onBad)) {
      // One whose number is known was taken before a crash, or is under way.
      if (this.#taken.has(id)) {
        if (!this.#underWay.has(id)) done();
        continue;
      }
      this.#taken.add(id);
      this.#underWay.add(id);
      const taken = (): void => {
        done();
        this.#underWay.delete(id);
      };
      this.#enqueue({ event, id, done: taken, failed: () => {} });
    }
  }

  /** The checkpoint of everything that is durable, signed. */
  async checkpoint(): Promise<string> {
    await this.#publish();
    if (this.#broken !== null) throw this.#broken;
    return this.#note;
  }

  /** Writes what waits and gives the trail up. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    while (this.#isPumping) await this.#pumped;
    await this.#publish();
    if (this.#broken === null && this.#size - this.#journalStart >= ROTATE_ENTRIES) {
      await this.#rotate();
      this.#journal.forget(this.#journalStart);
    }
    this.#journal.close();
    this.#release();
  }
}
