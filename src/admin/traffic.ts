// The last hour of traffic in memory, from the record stream: counts and durations by the second, who and what by the minute,
// and the newest records whole. Everything is bounded, whatever clients send.
import type { ExchangeRecord, RecordBatch, RecordSubscriber } from '../telemetry/index.ts';
import { bucketOf, HISTOGRAM_BUCKETS, percentile } from './histogram.ts';
import { matchesRequest, type RequestFilter } from './request-filter.ts';
import { UseCounts } from './use-counts.ts';

const SECONDS = 3600;
const MINUTES = 61;
/** Names of one kind that a minute remembers; the rest is told together. */
const MAX_NAMES = 2000;
/** Newest records that are kept whole, some 1 KiB each. */
export const MAX_RECENT = 20_000;
const MAX_PENDING_BYTES = 8 * 1_048_576;
const REST = '(others)';

const decisions = ['allowed', 'refused', 'failed', 'answered'] as const;
const CELLS = decisions.length + HISTOGRAM_BUCKETS;

export interface Talker {
  readonly name: string;
  requests: number;
  refused: number;
}

export interface TrafficBucket {
  readonly atMs: number;
  readonly allowed: number;
  readonly refused: number;
  readonly failed: number;
  readonly answered: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

const kinds = [
  'addresses',
  'consumers',
  'operations',
  'codes',
  'rules',
  'limitedOperations',
  'limitedCallers',
] as const;
export type TalkerKind = (typeof kinds)[number];

class Minute {
  minute = -1;
  readonly talkers = Object.fromEntries(kinds.map((kind) => [kind, new Map<string, Talker>()])) as Record<
    TalkerKind,
    Map<string, Talker>
  >;

  begin(minute: number): void {
    this.minute = minute;
    for (const kind of kinds) this.talkers[kind].clear();
  }

  count(kind: TalkerKind, wanted: string, isRefused: boolean): void {
    const map = this.talkers[kind];
    const name = map.size >= MAX_NAMES && !map.has(wanted) ? REST : wanted;
    let talker = map.get(name);
    if (talker === undefined) map.set(name, (talker = { name, requests: 0, refused: 0 }));
    talker.requests++;
    if (isRefused) talker.refused++;
  }
}

export type RecordListener = (record: ExchangeRecord) => void;

export class Traffic implements RecordSubscriber {
  readonly name = 'console';
  readonly maxPendingBytes = MAX_PENDING_BYTES;
  readonly whenFull = 'drop';
  readonly sinceMs: number;
  readonly uses = new UseCounts();
  readonly #cells = new Float64Array(SECONDS * CELLS);
  readonly #seconds = new Float64Array(SECONDS).fill(-1);
  readonly #minutes = Array.from({ length: MINUTES }, () => new Minute());
  readonly #recent: (ExchangeRecord | undefined)[] = new Array<undefined>(MAX_RECENT);
  #next = 0;
  readonly #listeners = new Set<RecordListener>();
  /** APIs whose requests are the console's own and not traffic. */
  readonly #isOwn: (api: string) => boolean;

  constructor(nowMs: number, isOwn: (api: string) => boolean) {
    this.sinceMs = nowMs;
    this.#isOwn = isOwn;
  }

  take(batch: RecordBatch): void {
    for (const record of batch.records) {
      if (record.api !== undefined && this.#isOwn(record.api)) continue;
      this.#count(record);
      this.#recent[this.#next++ % MAX_RECENT] = record;
      for (const listener of this.#listeners) listener(record);
    }
  }

  #count(record: ExchangeRecord): void {
    const atMs = Date.parse(record.time);
    if (!Number.isFinite(atMs)) return;
    const second = Math.floor(atMs / 1000);
    const slot = second % SECONDS;
    if (this.#seconds[slot]! < second) {
      this.#seconds[slot] = second;
      this.#cells.fill(0, slot * CELLS, (slot + 1) * CELLS);
    }
    if (this.#seconds[slot] === second) {
      const at = slot * CELLS;
      this.#cells[at + decisions.indexOf(record.decision)]!++;
      this.#cells[at + decisions.length + bucketOf(record.duration_us)]!++;
    }
    const minute = Math.floor(second / 60);
    const names = this.#minutes[minute % MINUTES]!;
    if (names.minute < minute) names.begin(minute);
    if (names.minute === minute) countNames(names, record);
    this.uses.take(record, atMs);
  }

  /** Sums of the window that ends at `nowMs`, in steps of `stepS`. */
  series(nowMs: number, windowS: number, stepS: number): TrafficBucket[] {
    const end = Math.floor(nowMs / 1000 / stepS) * stepS + stepS;
    const out: TrafficBucket[] = [];
    const sum = new Float64Array(CELLS);
    for (let from = end - Math.ceil(windowS / stepS) * stepS; from < end; from += stepS) {
      sum.fill(0);
      this.#add(sum, from, from + stepS);
      out.push(bucketFrom(sum, from * 1000));
    }
    return out;
  }

  /** Sums of all seconds from `fromMs` to `untilMs`. */
  totals(fromMs: number, untilMs: number): TrafficBucket {
    const sum = new Float64Array(CELLS);
    this.#add(sum, Math.floor(fromMs / 1000), Math.floor(untilMs / 1000));
    return bucketFrom(sum, fromMs);
  }

  #add(sum: Float64Array, from: number, until: number): void {
    for (let second = from; second < until; second++) {
      const slot = ((second % SECONDS) + SECONDS) % SECONDS;
      if (this.#seconds[slot] !== second) continue;
      for (let i = 0, at = slot * CELLS; i < CELLS; i++) sum[i]! += this.#cells[at + i]!;
    }
  }

  /** The busiest of the whole minutes that the window touches. */
  top(kind: TalkerKind, nowMs: number, windowS: number, count: number): Talker[] {
    const last = Math.floor(nowMs / 60_000);
    const first = last - Math.min(MINUTES - 1, Math.ceil(windowS / 60) - 1);
    const sum = new Map<string, Talker>();
    for (const { minute, talkers } of this.#minutes) {
      if (minute < first || minute > last) continue;
      for (const { name, requests, refused } of talkers[kind].values()) {
        const talker = sum.get(name);
        if (talker === undefined) sum.set(name, { name, requests, refused });
        else {
          talker.requests += requests;
          talker.refused += refused;
        }
      }
    }
    return [...sum.values()]
      .sort((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1))
      .slice(0, count);
  }

  /** How many records are kept whole. */
  get size(): number {
    return Math.min(this.#next, MAX_RECENT);
  }

  /** Newest first, from the one before position `before`. */
  *recent(before = this.#next): Generator<{ readonly position: number; readonly record: ExchangeRecord }> {
    const oldest = Math.max(0, this.#next - MAX_RECENT);
    for (let position = Math.min(before, this.#next) - 1; position >= oldest; position--)
      yield { position, record: this.#recent[position % MAX_RECENT]! };
  }

  find(filter: RequestFilter, limit: number): ExchangeRecord[] {
    const out: ExchangeRecord[] = [];
    for (const { record } of this.recent()) {
      if (!matchesRequest(record, filter)) continue;
      out.push(record);
      if (out.length >= limit) break;
    }
    return out;
  }

  /** Calls back with each record; the answer ends it. */
  listen(listener: RecordListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }
}

function countNames(names: Minute, record: ExchangeRecord): void {
  const isRefused = record.decision === 'refused';
  names.count('addresses', record.client_address, isRefused);
  if (record.consumer !== undefined) names.count('consumers', record.consumer, isRefused);
  const operation = record.operation === undefined ? '(unknown)' : `${record.api}/${record.operation}`;
  names.count('operations', operation, isRefused);
  if (record.code !== undefined) names.count('codes', record.code, isRefused);
  for (const rule of record.rules ?? []) names.count('rules', String(rule), isRefused);
  if (record.code === 'rate-limited') {
    names.count('limitedOperations', operation, true);
    names.count('limitedCallers', record.consumer ?? record.client_address, true);
  }
}

const bucketFrom = (sum: Float64Array, atMs: number): TrafficBucket => ({
  atMs,
  allowed: sum[0]!,
  refused: sum[1]!,
  failed: sum[2]!,
  answered: sum[3]!,
  p50: percentile(sum, decisions.length, 0.5),
  p95: percentile(sum, decisions.length, 0.95),
  p99: percentile(sum, decisions.length, 0.99),
});
