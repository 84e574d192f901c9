// How many requests of a key are under way at once, over all threads: counters in shared memory, with each thread's part beside the
// sum, so that what a thread that died had under way can be taken off. HOT
import { randomBytes } from 'node:crypto';
import { KeyHasher } from '../core/index.ts';
import { BucketLocks } from './bucket-locks.ts';

const WAYS = 8;
/** Words of a cell: hash high, hash low, requests under way. */
const CELL = 3;

/** Shared memory of a table, to be posted to other threads. */
export interface ConcurrencyMemory {
  readonly buffer: SharedArrayBuffer;
  readonly buckets: number;
  readonly threads: number;
  readonly seed: readonly [number, number];
}

/** `cells` is rounded up to a power of two: the most keys that can have requests under way at once. */
export function createConcurrencyTable(threads: number, cells = 16_384): ConcurrencyMemory {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, cells / WAYS)));
  const random = randomBytes(8);
  return {
    buffer: new SharedArrayBuffer(buckets * WAYS * (CELL + threads) * 4 + buckets * 4),
    buckets,
    threads,
    seed: [random.readInt32LE(0), random.readInt32LE(4)],
  };
}

/** `acquire` found the limit reached, or no room to count this key. */
export const FULL = -1;
export const NO_ROOM = -2;

export class ConcurrencyTable {
  readonly #buckets: number;
  readonly #cells: Int32Array;
  readonly #own: Int32Array;
  readonly #all: (thread: number) => Int32Array;
  readonly #locks: BucketLocks;
  readonly #hasher: KeyHasher;
  /** Requests under way after the last `acquire`. */
  underway = 0;

  /** `thread`: which part of the memory is this thread's, from 0. */
  constructor(memory: ConcurrencyMemory, thread: number) {
    const { buffer, buckets, threads } = memory;
    const cells = buckets * WAYS;
    this.#buckets = buckets;
    this.#cells = new Int32Array(buffer, 0, cells * CELL);
    this.#all = (index) => new Int32Array(buffer, cells * (CELL + index) * 4, cells);
    this.#own = this.#all(thread);
    this.#locks = new BucketLocks(new Int32Array(buffer, cells * (CELL + threads) * 4, buckets));
    this.#hasher = new KeyHasher(memory.seed[0], memory.seed[1]);
  }

  /** Counts one more of `key` unless there are `most` already. Answers what `release` needs, FULL, or NO_ROOM. */
  acquire(limitId: number, key: string, most: number): number {
    const hasher = this.#hasher;
    hasher.run(limitId, key);
    const { high, low } = hasher;
    const bucket = (high >>> 0) & (this.#buckets - 1);
    const ticket = this.#locks.lock(bucket);
    const cells = this.#cells;
    let found = -1;
    for (let cell = bucket * WAYS; cell < (bucket + 1) * WAYS; cell++) {
      const at = cell * CELL;
      if (cells[at] === high && cells[at + 1] === low) {
        found = cell;
        break;
      }
      if (cells[at + 2] === 0) found = cell;
    }
    if (found === -1) {
      this.#locks.unlock(bucket, ticket);
      return NO_ROOM;
    }
    const at = found * CELL;
    cells[at] = high;
    cells[at + 1] = low;
    if (cells[at + 2]! >= most) {
      this.underway = cells[at + 2]!;
      this.#locks.unlock(bucket, ticket);
      return FULL;
    }
    cells[at + 2] = cells[at + 2]! + 1;
    this.#own[found] = this.#own[found]! + 1;
    this.underway = cells[at + 2]!;
    this.#locks.unlock(bucket, ticket);
    return found;
  }

  release(cell: number): void {
    const bucket = Math.floor(cell / WAYS);
    const ticket = this.#locks.lock(bucket);
    this.#cells[cell * CELL + 2] = this.#cells[cell * CELL + 2]! - 1;
    this.#own[cell] = this.#own[cell]! - 1;
    this.#locks.unlock(bucket, ticket);
  }

  /** Takes off what a thread that is no more had under way. */
  forget(thread: number): void {
    const part = this.#all(thread);
    for (let cell = 0; cell < part.length; cell++) {
      if (part[cell] === 0) continue;
      const bucket = Math.floor(cell / WAYS);
      const ticket = this.#locks.lock(bucket);
      this.#cells[cell * CELL + 2] = this.#cells[cell * CELL + 2]! - part[cell]!;
      part[cell] = 0;
      this.#locks.unlock(bucket, ticket);
    }
  }
}
