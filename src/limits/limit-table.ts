// Rate limits, exact over all threads: a table of GCRA cells in shared memory (the generic cell rate algorithm of
// ITU-T I.371, in its virtual-scheduling form). A cell holds one number, the theoretical arrival time (TAT); a cell
// whose TAT has passed says nothing and may be taken by another key. HOT
import { randomBytes } from 'node:crypto';
import { KeyHasher } from '../core/index.ts';
import { BucketLocks } from './bucket-locks.ts';

/** Cells of one bucket: a key lives in one of these, under one lock. */
const WAYS = 8;
/** Int32 words of a cell: hash high, hash low, and two for the TAT (float64, ms). */
const CELL_WORDS = 4;
const CELL_BYTES = CELL_WORDS * 4;
/** Words before the cells: evictions of live cells. */
const HEADER_BYTES = 64;

/** Shared memory of a table, to be posted to other threads. */
export interface LimitTableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly buckets: number;
  readonly seed: readonly [number, number];
}

/** GCRA parameters, in ms. */
export interface LimitParameters {
  /** Distinguishes limits; part of the key. An integer below 2^53. */
  readonly id: number;
  /** Emission interval: period / count. */
  readonly intervalMs: number;
  /** Tolerance: (burst - 1) × interval. */
  readonly toleranceMs: number;
  readonly burst: number;
}

/** Outcome of the last `take`; reused. */
export class LimitResult {
  allowed = true;
  /** Requests that may come at once now. */
  remaining = 0;
  /** Until the burst is whole again, ms. */
  resetMs = 0;
  /** Until the next request is allowed, ms; 0 when allowed. */
  retryAfterMs = 0;
}

/** `cells` is rounded up to a power of two; a cell takes 16.5 bytes. */
export function createLimitTable(cells = 262_144): LimitTableMemory {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, cells / WAYS)));
  const random = randomBytes(8);
  return {
    buffer: new SharedArrayBuffer(HEADER_BYTES + buckets * WAYS * CELL_BYTES + buckets * 4),
    buckets,
    seed: [random.readInt32LE(0), random.readInt32LE(4)],
  };
}

export class LimitTable {
  readonly #buckets: number;
  readonly #header: Int32Array;
  readonly #words: Int32Array;
  readonly #tats: Float64Array;
  readonly #locks: BucketLocks;
  readonly #hasher: KeyHasher;

  constructor(memory: LimitTableMemory) {
    const { buffer, buckets } = memory;
    const cells = buckets * WAYS;
    this.#buckets = buckets;
    this.#header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#words = new Int32Array(buffer, HEADER_BYTES, cells * CELL_WORDS);
    this.#tats = new Float64Array(buffer, HEADER_BYTES, (cells * CELL_WORDS) / 2);
    this.#locks = new BucketLocks(new Int32Array(buffer, HEADER_BYTES + cells * CELL_BYTES, buckets));
    this.#hasher = new KeyHasher(memory.seed[0], memory.seed[1]);
  }

  /** Live cells that had to make room for others: the table is too small for the number of keys. */
  get evictions(): number {
    return Atomics.load(this.#header, 0);
  }

  /**
   * Takes `cost` requests of `key` out of the limit at `nowMs` (monotonic, the same on all threads) and fills `result`. What costs
   * more than the burst passes when the burst is whole; a cost of 0 passes while something is left.
   */
  take(limit: LimitParameters, key: string, nowMs: number, result: LimitResult, cost = 1): void {
    const hasher = this.#hasher;
    hasher.run(limit.id, key);
    const bucket = (hasher.high >>> 0) & (this.#buckets - 1);
    const ticket = this.#locks.lock(bucket);
    const cell = this.#cellOf(bucket, hasher.high, hasher.low, nowMs);
    const at = cell * 2 + 1;
    const tat = Math.max(this.#tats[at]!, nowMs);
    const early = tat - nowMs;
    const toleranceMs =
      cost <= 1 ? limit.toleranceMs : Math.max(0, limit.toleranceMs - (cost - 1) * limit.intervalMs);
    if (early > toleranceMs) {
      this.#locks.unlock(bucket, ticket);
      result.allowed = false;
      result.remaining = 0;
      result.retryAfterMs = early - toleranceMs;
      result.resetMs = early;
      return;
    }
    const next = tat + cost * limit.intervalMs;
    this.#tats[at] = next;
    this.#locks.unlock(bucket, ticket);
    result.allowed = true;
    result.retryAfterMs = 0;
    result.resetMs = next - nowMs;
    // What is left of the tolerance, in whole intervals; the epsilon takes the rounding of the division.
    const left = limit.toleranceMs - (next - nowMs);
    result.remaining = left < 0 ? 0 : Math.floor(left / limit.intervalMs + 1e-6) + 1;
  }

  /** Whether `key` took something that it would not get again at once, without taking any. */
  isTaken(limit: LimitParameters, key: string, nowMs: number): boolean {
    const hasher = this.#hasher;
    hasher.run(limit.id, key);
    const first = ((hasher.high >>> 0) & (this.#buckets - 1)) * WAYS;
    const words = this.#words;
    for (let cell = first; cell < first + WAYS; cell++) {
      const at = cell * CELL_WORDS;
      if (words[at] === hasher.high && words[at + 1] === hasher.low)
        return this.#tats[cell * 2 + 1]! - nowMs > limit.toleranceMs;
    }
    return false;
  }

  /** Charges what is known only afterwards, such as bytes: it may go beyond the burst. */
  charge(limit: LimitParameters, key: string, nowMs: number, cost: number): void {
    const hasher = this.#hasher;
    hasher.run(limit.id, key);
    const bucket = (hasher.high >>> 0) & (this.#buckets - 1);
    const ticket = this.#locks.lock(bucket);
    const at = this.#cellOf(bucket, hasher.high, hasher.low, nowMs) * 2 + 1;
    this.#tats[at] = Math.max(this.#tats[at]!, nowMs) + cost * limit.intervalMs;
    this.#locks.unlock(bucket, ticket);
  }

  /** Gives a request back that another limit refused. */
  giveBack(limit: LimitParameters, key: string, nowMs: number, cost = 1): void {
    const hasher = this.#hasher;
    hasher.run(limit.id, key);
    const bucket = (hasher.high >>> 0) & (this.#buckets - 1);
    const ticket = this.#locks.lock(bucket);
    const cell = this.#cellOf(bucket, hasher.high, hasher.low, nowMs);
    const at = cell * 2 + 1;
    this.#tats[at] = Math.max(this.#tats[at]! - cost * limit.intervalMs, 0);
    this.#locks.unlock(bucket, ticket);
  }

  /** Index of the key's cell, taken over from an expired key, or else from the one that expires first. */
  #cellOf(bucket: number, high: number, low: number, nowMs: number): number {
    const words = this.#words;
    const tats = this.#tats;
    const first = bucket * WAYS;
    let victim = first;
    let victimTat = Number.POSITIVE_INFINITY;
    for (let cell = first; cell < first + WAYS; cell++) {
      const at = cell * CELL_WORDS;
      if (words[at] === high && words[at + 1] === low) return cell;
      const tat = tats[cell * 2 + 1]!;
      if (tat < victimTat) {
        victim = cell;
        victimTat = tat;
      }
    }
    if (victimTat > nowMs) Atomics.add(this.#header, 0, 1);
    const at = victim * CELL_WORDS;
    words[at] = high;
    words[at + 1] = low;
    tats[victim * 2 + 1] = 0;
    return victim;
  }
}
