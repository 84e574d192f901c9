// What was used once and must not be used again (ids of DPoP proofs, nonces of signatures), in memory that all threads
// share. Bounded, without locks, and closed when in doubt: a bucket that is full refuses.
import { createHash, randomBytes } from 'node:crypto';

/** Slots of one bucket: an id lives in one of these. */
const WAYS = 16;
/** A slot is one 64-bit word: 34 bits of hash, 30 bits of the second at which it may be forgotten. */
const SECOND_BITS = 30n;
const SECOND_MASK = (1n << SECOND_BITS) - 1n;
const TAG_MASK = (1n << 34n) - 1n;
/** Seconds are counted from here, so that 30 bits last until 2057. */
const FIRST_SECOND = 1_700_000_000;

export interface ReplayMemory {
  readonly buffer: SharedArrayBuffer;
  readonly buckets: number;
  readonly seed: Uint8Array;
}

/** `slots` is rounded up to a power of two; a slot takes 8 bytes, given by the system when first written. */
export function createReplayTable(slots = 2_097_152): ReplayMemory {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, slots / WAYS)));
  return {
    buffer: new SharedArrayBuffer(buckets * WAYS * 8),
    buckets,
    seed: new Uint8Array(randomBytes(16)),
  };
}

/** `fresh`: never seen within its time, and now noted. `full`: can not be noted, so it can not be trusted either. */
export type ReplayVerdict = 'fresh' | 'replayed' | 'full';

export class ReplayTable {
  readonly #words: BigUint64Array;
  readonly #buckets: number;
  readonly #seed: Uint8Array;

  constructor(memory: ReplayMemory) {
    this.#words = new BigUint64Array(memory.buffer);
    this.#buckets = memory.buckets;
    this.#seed = memory.seed;
  }

  /** Notes `id` until `untilMs` (epoch) at `nowMs`. Of two threads that bring the same id, at most one gets `fresh`. */
  use(id: string, untilMs: number, nowMs: number): ReplayVerdict {
    const digest = createHash('sha256').update(this.#seed).update(id).digest();
    const first = (digest.readUInt32LE(0) & (this.#buckets - 1)) * WAYS;
    const tag = digest.readBigUInt64LE(8) & TAG_MASK;
    const now = BigInt(Math.max(0, Math.floor(nowMs / 1000) - FIRST_SECOND));
    const until = BigInt(Math.max(1, Math.ceil(untilMs / 1000) - FIRST_SECOND));
    const word = (tag << SECOND_BITS) | (until & SECOND_MASK);
    for (;;) {
      const slot = this.#freeSlot(first, tag, now);
      if (slot === -1) return 'replayed';
      if (slot === -2) return 'full';
      const found = Atomics.load(this.#words, slot);
      if ((found & SECOND_MASK) >= now && found !== 0n) continue;
      if (Atomics.compareExchange(this.#words, slot, found, word) !== found) continue;
      // Another thread may have put the same id into another slot at the same moment: then neither is fresh.
      return this.#isElsewhere(first, slot, tag, now) ? 'replayed' : 'fresh';
    }
  }

  /** A slot that may be written; -1 when the tag is there, -2 when no slot is free. */
  #freeSlot(first: number, tag: bigint, now: bigint): number {
    let free = -2;
    for (let slot = first; slot < first + WAYS; slot++) {
      const found = Atomics.load(this.#words, slot);
      const isLive = found !== 0n && (found & SECOND_MASK) >= now;
      if (!isLive) {
        if (free === -2) free = slot;
      } else if (found >> SECOND_BITS === tag) return -1;
    }
    return free;
  }

  #isElsewhere(first: number, own: number, tag: bigint, now: bigint): boolean {
    for (let slot = first; slot < first + WAYS; slot++) {
      if (slot === own) continue;
      const found = Atomics.load(this.#words, slot);
      if (found !== 0n && (found & SECOND_MASK) >= now && found >> SECOND_BITS === tag) return true;
    }
    return false;
  }
}
