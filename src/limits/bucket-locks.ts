// Locks of the buckets of a table in shared memory. A bucket is held for some tens of nanoseconds; a thread that is
// terminated meanwhile leaves its lock behind, which is broken after STALE_LOCK_MS. HOT
import { randomBytes } from 'node:crypto';

/** Attempts to take a bucket's lock before the thread gives its time slice up. */
const SPINS = 1000;
/** A lock that the same holder has kept this long belongs to a thread that was killed while it held it. */
const STALE_LOCK_MS = 50;

export class BucketLocks {
  readonly #locks: Int32Array;
  /** What this thread writes into a lock that it holds: never 0, and another number each time. */
  #ticket = (randomBytes(2).readUInt16LE(0) << 16) | 1;

  /** One word a bucket, 0 where nobody holds it. */
  constructor(locks: Int32Array) {
    this.#locks = locks;
  }

  /** Answers the ticket that `unlock` needs. */
  lock(bucket: number): number {
    const locks = this.#locks;
    const low = (this.#ticket & 0xffff) + 1;
    this.#ticket = (this.#ticket & ~0xffff) | (low > 0xffff ? 1 : low);
    const ticket = this.#ticket;
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.compareExchange(locks, bucket, 0, ticket) === 0) return ticket;
    }
    this.#lockSlowly(bucket, ticket);
    return ticket;
  }

  #lockSlowly(bucket: number, ticket: number): void {
    const locks = this.#locks;
    let holder = 0;
    let sinceMs = 0;
    for (;;) {
      const found = Atomics.compareExchange(locks, bucket, 0, ticket);
      if (found === 0) return;
      const nowMs = performance.now();
      if (found !== holder) {
        holder = found;
        sinceMs = nowMs;
      } else if (nowMs - sinceMs > STALE_LOCK_MS) {
        if (Atomics.compareExchange(locks, bucket, holder, ticket) === holder) return;
      }
      Atomics.wait(locks, bucket, found, 1);
    }
  }

  /** A holder that was taken for dead leaves the lock to the one that broke it. */
  unlock(bucket: number, ticket: number): void {
    Atomics.compareExchange(this.#locks, bucket, ticket, 0);
  }
}
