// One sink's way from the record stream to its receiver: filter, spool, batch, send, retry. The queue, the cursor and
// the retry state are the sink's own, so that no receiver can hold up another.
import { appendFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GateLog, RecordBatch } from '../telemetry/index.ts';
import type { SinkConfig } from './contract.ts';
import { type ExportEvent, eventOf, passesFilter, passesTrail } from './event.ts';
import { SendError, type Sink } from './sink.ts';
import { Spool } from './spool.ts';
import type { TrailRecord } from './trail-record.ts';

/** First and longest pause after a failure, ms; each pause is a random part of the doubled one before. */
const BACKOFF_MS = { first: 500, max: 60_000 };
/** Pause while the receiver refuses this sender, ms. */
const REFUSED_MS = 30_000;
/** Longest pause that a receiver may ask for, ms. */
const MAX_RETRY_AFTER_MS = 600_000;
/** Size at which no more dead letters are kept: they are counted only. */
const MAX_DEAD_BYTES = 64 << 20;

export interface ExporterEnvironment {
  readonly log: GateLog;
  /** Settles after so many ms, or when the exporter is closed. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 to 1. */
  readonly random?: () => number;
  readonly nowMs?: () => number;
}

export interface SinkCounts {
  sent: number;
  /** Attempts that failed. */
  failures: number;
  /** Records that the receiver will never take. */
  dead: number;
}

export class Exporter {
  readonly config: SinkConfig;
  readonly counts: SinkCounts = { sent: 0, failures: 0, dead: 0 };
  readonly #folder: string;
  readonly #spool: Spool;
  readonly #sink: Sink;
  readonly #environment: Required<ExporterEnvironment>;
  readonly #closing = new AbortController();
  readonly #loop: Promise<void>;
  #attempt = 0;
  #isFailing = false;
  #oldestMs = 0;

  private constructor(
    config: SinkConfig,
    folder: string,
    spool: Spool,
    sink: Sink,
    environment: ExporterEnvironment,
  ) {
    this.config = config;
    this.#folder = folder;
    this.#spool = spool;
    this.#sink = sink;
    this.#environment = { pause, random: Math.random, nowMs: Date.now, ...environment };
    this.#loop = this.#run();
  }

  /** Opens the spool and begins to send what is in it. Rejects with Error when the spool can not be had. */
  static async start(
    config: SinkConfig,
    folder: string,
    sink: Sink,
    environment: ExporterEnvironment,
  ): Promise<Exporter> {
    const spool = await Spool.open(folder, config.spool);
    return new Exporter(config, folder, spool, sink, environment);
  }

  /** Records that wait in the spool. */
  get pending(): number {
    return this.#spool.pending;
  }

  get spoolBytes(): number {
    return this.#spool.bytes;
  }

  get dropped(): number {
    return this.#spool.dropped;
  }

  /** How old the record is that is being sent or waits for a retry, seconds; 0 when nothing does. */
  get lagSeconds(): number {
    return this.#oldestMs === 0 ? 0 : Math.max(0, (this.#environment.nowMs() - this.#oldestMs) / 1000);
  }

  /** Settles when the batch is on disk. */
  async take(batch: RecordBatch): Promise<void> {
    const { only } = this.config;
    if (only.decisions.length === 0 && only.apis.length === 0 && only.minSeverity === 'info') {
      await this.#spool.append(batch.lines, batch.count);
      return;
    }
    const wanted = batch.records.filter((record) => passesFilter(record, only));
    if (wanted.length === 0) return;
    const lines = wanted.map((record) => `${JSON.stringify(record)}\n`).join('');
    await this.#spool.append(Buffer.from(lines), wanted.length);
  }

  /** Settles when the entries are on disk: false when there was no room, and nothing of them was taken. */
  async takeTrail(entries: readonly TrailRecord[]): Promise<boolean> {
    const wanted = entries.filter((entry) => passesTrail(entry, this.config.only));
    if (wanted.length === 0) return true;
    const lines = wanted.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    return this.#spool.append(Buffer.from(lines), wanted.length);
  }

  async #run(): Promise<void> {
    const { batch } = this.config;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#spool.arrival();
      if (signal.aborted) return;
      try {
        if (this.#spool.pending < batch.records) await this.#environment.pause(batch.lingerMs, signal);
        const chunk = await this.#spool.read(batch.records, batch.bytes);
        if (chunk === null) continue;
        if (!(await this.#deliverAll(this.#eventsOf(chunk.lines)))) return;
        await this.#spool.commit(chunk);
        this.#oldestMs = 0;
      } catch (error) {
        // The disk: the spool stays as it is and is tried again.
        this.#note(error);
        await this.#backOff(0, BACKOFF_MS.first);
      }
    }
  }

  #eventsOf(lines: Buffer): ExportEvent[] {
    const events: ExportEvent[] = [];
    for (const line of lines.toString('utf8').split('\n')) {
      const event = line === '' ? null : eventOf(line, this.config.redact);
      if (event !== null) events.push(event);
    }
    this.#oldestMs = events[0]?.timeMs ?? 0;
    return events;
  }

  async #deliverAll(events: readonly ExportEvent[]): Promise<boolean> {
    const { records } = this.config.batch;
    for (let at = 0; at < events.length; at += records)
      if (!(await this.#deliver(events.slice(at, at + records)))) return false;
    return true;
  }

  /** Sends until every event was taken or is a dead letter; false when the exporter was closed before. */
  async #deliver(first: readonly ExportEvent[]): Promise<boolean> {
    let events = first;
    while (events.length > 0) {
      if (this.#closing.signal.aborted) return false;
      try {
        const { rejected, again } = await this.#sink.send(events);
        for (const [index, reason] of rejected) await this.#bury(events[index], reason);
        this.counts.sent += events.length - rejected.size - again.size;
        events = events.filter((_event, index) => again.has(index));
        if (events.length > 0) await this.#backOff(0, BACKOFF_MS.max);
        else this.#succeeded();
      } catch (error) {
        if (error instanceof SendError && error.kind === 'permanent') {
          if (events.length === 1) {
            await this.#bury(events[0], error.message);
            return true;
          }
          const half = events.length >> 1;
          return (await this.#deliver(events.slice(0, half))) && (await this.#deliver(events.slice(half)));
        }
        this.#note(error);
        const isRefused = error instanceof SendError && error.kind === 'refused';
        const asked = error instanceof SendError ? error.retryAfterMs : 0;
        await this.#backOff(isRefused ? REFUSED_MS : asked, BACKOFF_MS.max);
      }
    }
    return true;
  }

  #succeeded(): void {
    this.#attempt = 0;
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#environment.log.write('info', 'export-recovered', { sink: this.config.name });
  }

  #note(error: unknown): void {
    this.counts.failures++;
    if (this.#isFailing) return;
    this.#isFailing = true;
    const problem = error instanceof Error ? error.message : String(error);
    this.#environment.log.write('warning', 'export-failing', { sink: this.config.name, problem });
  }

  async #backOff(leastMs: number, maxMs: number): Promise<void> {
    const ceiling = Math.min(maxMs, BACKOFF_MS.first * 2 ** Math.min(this.#attempt++, 16));
    const jitter = this.#environment.random() * ceiling;
    await this.#environment.pause(Math.min(MAX_RETRY_AFTER_MS, leastMs) + jitter, this.#closing.signal);
  }

  /** Keeps what will never be taken, with the reason, so that people can look at it and send it by hand. */
  async #bury(event: ExportEvent | undefined, reason: string): Promise<void> {
    if (event === undefined) return;
    this.counts.dead++;
    const path = join(this.#folder, 'dead-letters.ndjson');
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    if (size >= MAX_DEAD_BYTES) return;
    const letter = { reason: reason.slice(0, 500), record: event.record };
    await appendFile(path, `${JSON.stringify(letter)}\n`, { mode: 0o640 });
  }

  /** Stops sending; what is not acknowledged stays in the spool for the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#spool.close();
    await this.#sink.close();
    await this.#loop;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
