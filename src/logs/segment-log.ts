// The writer: takes lines as the sink of the access log, appends them to a run, and in the background turns finished runs into
// segments, links them into the chain, tells the anchor and removes what is overdue. One writer a folder, by a lock that ends
// with its process. What a crash leaves is picked up at the next start, before anything else is done to it.
import {
  closeSync,
  fdatasync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  write,
} from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { type Clock, systemClock } from '../core/index.ts';
import type { LogSink } from '../telemetry/index.ts';
import { ChainWriter, removedFiles } from './chain.ts';
import { compactRun, syncFolder, writeDurably } from './compact.ts';
import { type ChainAnchor, LogError, type SegmentSettings } from './contract.ts';
import { LogKeys } from './log-keys.ts';
import { overdue, readHolds } from './retention.ts';
import { RUN_FRAME_BYTES, runName, runOf } from './run-file.ts';
import { createHead, frameOf } from './segment-file.ts';

/** Most time that lines stay in the memory of the system only, ms: what a power cut may cost. */
const SYNC_MS = 1000;
/** How often the age of the run and of segments is looked at, ms. */
const TIDY_MS = 60_000;
const ANCHORED_FILE = 'anchored';

const syncFile = promisify(fdatasync);

export interface SegmentLogOptions {
  readonly settings: SegmentSettings;
  readonly clock?: Clock;
  /** Lines that were dropped so far, ever. */
  readonly dropped?: () => number;
  readonly anchor?: ChainAnchor;
  /** Told of what goes wrong in the background; it is tried again with the next run. */
  readonly onProblem?: (problem: string) => void;
}

interface OpenRun {
  readonly run: number;
  readonly file: number;
  readonly cipher: ReturnType<typeof createHead>['cipher'];
  readonly openedMs: number;
  /** Where the next frame goes. */
  end: number;
  lineBytes: number;
  /** The last byte was a line feed. */
  isWhole: boolean;
  isDirty: boolean;
}

export class SegmentLog implements LogSink {
  readonly #settings: SegmentSettings;
  readonly #clock: Clock;
  readonly #keys: LogKeys;
  readonly #lock: DatabaseSync;
  readonly #chain: ChainWriter;
  readonly #options: SegmentLogOptions;
  readonly #timers: NodeJS.Timeout[];
  #run: OpenRun | null = null;
  #nextRun: number;
  #writing = false;
  #wantsRotate = false;
  /** Runs that wait to be packed, oldest first. */
  readonly #pending: number[] = [];
  #work: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();
  #droppedSaid = 0;
  /** Times that work in the background failed. */
  failures = 0;

  /** Throws LogError when the folder is in use or its chain is broken, Error when it can not be written. */
  constructor(options: SegmentLogOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#clock = options.clock ?? systemClock;
    const { folder, seal, olderSeals } = options.settings;
    this.#keys = new LogKeys(seal, olderSeals);
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    this.#lock = lockFolder(folder);
    try {
      this.#chain = new ChainWriter(folder);
      const sealed = this.#chain.links.flatMap(({ link }) => (link.kind === 'sealed' ? [link.run] : []));
      const names = readdirSync(folder);
      for (const name of names) if (name.endsWith('.tmp')) rmSync(join(folder, name));
      const gone = removedFiles(this.#chain.links.map(({ link }) => link));
      for (const name of names) if (gone.has(name)) rmSync(join(folder, name));
      const runs = names.map(runOf).filter((run) => run !== -1);
      this.#nextRun = Math.max(-1, ...sealed, ...runs) + 1;
      for (const run of runs.sort((a, b) => a - b)) {
        // Its segments are in the chain: only the last step was missing.
        if (sealed.includes(run)) rmSync(join(folder, runName(run)));
        else this.#pending.push(run);
      }
      this.#run = this.#open();
    } catch (error) {
      this.#lock.close();
      throw error;
    }
    this.#timers = [
      setInterval(() => this.#tick(), SYNC_MS).unref(),
      setInterval(() => this.#schedule(), TIDY_MS).unref(),
    ];
    this.#schedule();
  }

  /** Hash of the newest link. */
  get head(): string {
    return this.#chain.head;
  }

  #open(): OpenRun {
    const run = this.#nextRun;
    const { bytes, cipher } = createHead(this.#keys, run, 'run', 'none');
    const path = join(this.#settings.folder, runName(run));
    // The run has its name when its head is whole.
    writeDurably(this.#settings.folder, runName(run), bytes);
    const file = openSync(path, 'r+');
    this.#nextRun++;
    const openedMs = this.#clock.epochMs();
    return {
      run,
      file,
      cipher,
      openedMs,
      end: bytes.length,
      lineBytes: 0,
      isWhole: true,
      isDirty: false,
    };
  }

  // Appending.

  async write(bytes: Buffer): Promise<number> {
    this.#writing = true;
    let taken = 0;
    while (taken < bytes.length) {
      const piece = bytes.subarray(taken, Math.min(bytes.length, taken + RUN_FRAME_BYTES));
      if (!(await this.#append(piece))) break;
      taken += piece.length;
    }
    this.#writing = false;
    const run = this.#run;
    if (this.#wantsRotate || (run !== null && run.lineBytes >= this.#settings.rotateBytes)) this.#rotate();
    return taken;
  }

  /** All of it or nothing. */
  async #append(clear: Buffer): Promise<boolean> {
    try {
      const run = (this.#run ??= this.#open());
      const frame = frameOf(run.cipher.seal(String(run.end), clear));
      const written = await new Promise<number>((resolve) => {
        write(run.file, frame, 0, frame.length, run.end, (error, count) => resolve(error ? -1 : count));
      });
      if (written !== frame.length) {
        // Half a frame must not stand where the next one is looked for.
        ftruncateSync(run.file, run.end);
        return false;
      }
      run.end += frame.length;
      run.lineBytes += clear.length;
      run.isWhole = clear.at(-1) === 10;
      run.isDirty = true;
      return true;
    } catch (error) {
      this.#fail('the access log can not be written', error);
      return false;
    }
  }

  #sync(): Promise<void> {
    const run = this.#run;
    if (run === null || !run.isDirty) return this.#syncing;
    run.isDirty = false;
    this.#syncing = this.#syncing
      .then(() => syncFile(run.file))
      .catch((error: unknown) => this.#fail('the access log can not be synced', error));
    return this.#syncing;
  }

  // From run to segments.

  /** Ends the run where it ends with a whole line; with the next write otherwise. */
  #rotate(): void {
    const run = this.#run;
    this.#wantsRotate = false;
    if (run === null || run.lineBytes === 0) return;
    if (this.#writing || !run.isWhole) {
      this.#wantsRotate = true;
      return;
    }
    this.#retire(run);
    try {
      this.#run = this.#open();
    } catch (error) {
      // The next write tries again.
      this.#fail('no new run can be begun', error);
    }
    this.#schedule();
  }

  #retire(run: OpenRun): void {
    this.#run = null;
    this.#pending.push(run.run);
    this.#syncing = this.#syncing
      .then(() => syncFile(run.file))
      .catch((error: unknown) => this.#fail('the access log can not be synced', error))
      .finally(() => closeSync(run.file));
  }

  #schedule(): void {
    this.#work = this.#work
      .then(() => this.#settle())
      .catch((error: unknown) => this.#fail('the access log can not be packed', error));
  }

  async #settle(): Promise<void> {
    await this.#syncing;
    for (const run of [...this.#pending]) {
      try {
        await this.#pack(run);
        this.#pending.splice(this.#pending.indexOf(run), 1);
      } catch (error) {
        // It stays, can be searched as it is, and is tried again; those behind it need not wait.
        this.#fail(`run ${run} of the access log can not be packed`, error);
      }
    }
    try {
      this.#removeOverdue();
    } catch (error) {
      // A hold that can not be read must not keep links from the anchor.
      this.#fail('segments can not be removed', error);
    }
    await this.#tellAnchor();
  }

  async #pack(run: number): Promise<void> {
    const { folder } = this.#settings;
    if (!this.#chain.links.some(({ link }) => link.kind === 'sealed' && link.run === run)) {
      const { segments, tornBytes } = await compactRun(folder, this.#keys, run);
      const dropped = this.#options.dropped?.() ?? 0;
      const lost = dropped - this.#droppedSaid;
      if (segments.length > 0 || tornBytes > 0 || lost > 0) {
        this.#chain.append({ kind: 'sealed', run, segments, lost, tornBytes }, this.#clock.epochMs());
        this.#droppedSaid = dropped;
      }
    }
    // A crash before this line: the chain has the run, and the next start removes it.
    rmSync(join(folder, runName(run)), { force: true });
  }

  #removeOverdue(): void {
    const { folder, keepMs } = this.#settings;
    const nowMs = this.#clock.epochMs();
    const links = this.#chain.links.map(({ link }) => link);
    const files = overdue(links, keepMs, readHolds(folder), nowMs);
    if (files.length === 0) return;
    // First the chain says so; a crash in between is made good at the next start.
    this.#chain.append({ kind: 'removed', files, reason: 'retention' }, nowMs);
    for (const file of files) rmSync(join(folder, file), { force: true });
    syncFolder(folder);
  }

  async #tellAnchor(): Promise<void> {
    const { anchor, settings } = this.#options;
    if (anchor === undefined) return;
    let told = 0;
    try {
      told = Number(readFileSync(join(settings.folder, ANCHORED_FILE), 'latin1'));
    } catch {}
    if (!Number.isInteger(told) || told < 0 || told > this.#chain.links.length) told = 0;
    for (const { link, sha256 } of this.#chain.links.slice(told)) {
      await anchor(link, sha256);
      told++;
      writeDurably(settings.folder, ANCHORED_FILE, Buffer.from(String(told)));
    }
  }

  #tick(): void {
    void this.#sync();
    const run = this.#run;
    if (run !== null && this.#clock.epochMs() - run.openedMs >= this.#settings.rotateMs) this.#rotate();
  }

  #fail(what: string, error: unknown): void {
    this.failures++;
    this.#options.onProblem?.(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** Ends the run now: what was written so far becomes segments. */
  reopen(): void {
    this.#rotate();
  }

  /** Settles when runs that have ended are segments. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const run = this.#run;
    if (run !== null) this.#retire(run);
    this.#schedule();
    await this.#work;
    await this.#syncing;
    this.#lock.close();
  }
}

/** The system frees the lock with the process, however it ends. */
function lockFolder(folder: string): DatabaseSync {
  const sqlite = process.getBuiltinModule('node:sqlite') as typeof import('node:sqlite') | undefined;
  if (sqlite === undefined) throw new LogError('segments need a version of Node that has node:sqlite');
  const lock = new sqlite.DatabaseSync(join(folder, 'lock'));
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch {
    lock.close();
    throw new LogError(`another process writes to ${folder}`);
  }
  return lock;
}
