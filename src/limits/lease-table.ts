// What a node holds of limits that several nodes share, over all of its threads: tokens that the store has leased to it, and
// what it knows of the rest. Requests take tokens here; nobody waits for the store while there are any. HOT
import { randomBytes } from 'node:crypto';
import { KeyHasher } from '../core/index.ts';
import { BucketLocks } from './bucket-locks.ts';
import {
  ASK_LAZILY,
  ASK_NOTHING,
  ASK_NOW,
  horizonMs,
  LEASE_MS,
  type LeaseLimit,
  type LeaseResult,
  Verdict,
} from './lease-contract.ts';

const WAYS = 8;
const HEADER_BYTES = 64;
/** Words of the header. */
const EVICTIONS = 0;
/** Whether stores answer, and how many nodes share them: that of rates, then that of quotas. */
const STORE_UP = 1;
const NODES = 3;
/** Float64 members of a cell; the first holds the hash. */
const CELL = 14;
const TOKENS = 1;
/** Admitted ahead of the store's word, to be settled with it. */
const DEBT = 2;
/** Tokens whose time passed, to be given back. */
const UNUSED = 3;
const DEMAND = 4;
const WAITING = 5;
const LEASE_UNTIL = 6;
const DRY_UNTIL = 7;
/** Rate: theoretical arrival time of the shared bucket, ms. Quota: what the store has left; negative while unknown. */
const LEVEL = 8;
/** Since when an ask is under way, ms; 0 for none. */
const ASKED = 9;
/** When demand was last told, ms. */
const SINCE = 10;
/** Until when the store is taken to be away for this key, ms. */
const AWAY_UNTIL = 11;
/** When the cell says nothing any more, ms. */
const FREE_AT = 12;
/** Admitted on the node's own share while the store was away. */
const SHARE_DEBT = 13;

/** An ask that has no answer after this time may be made again, ms. */
const ASK_STALE_MS = 500;
/** Shortest time over which demand is measured, and shortest time that an empty bucket is left alone, ms. */
const MIN_DEMAND_MS = 20;
const MIN_DRY_MS = 5;

/** Shared memory of a table, to be posted to other threads. */
export interface LeaseTableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly buckets: number;
  readonly seed: readonly [number, number];
}

/** What a node tells the store of one key. Reused. */
export class Demand {
  wanted = 0;
  debt = 0;
  unused = 0;
}

/** `cells` is rounded up to a power of two; a cell takes 112.5 bytes. */
export function createLeaseTable(cells = 131_072): LeaseTableMemory {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, cells / WAYS)));
  const random = randomBytes(8);
  const buffer = new SharedArrayBuffer(HEADER_BYTES + buckets * WAYS * CELL * 8 + buckets * 4);
  new Int32Array(buffer).fill(1, NODES, NODES + 2);
  return { buffer, buckets, seed: [random.readInt32LE(0), random.readInt32LE(4)] };
}

export class LeaseTable {
  readonly #buckets: number;
  readonly #header: Int32Array;
  readonly #words: Int32Array;
  readonly #cells: Float64Array;
  readonly #locks: BucketLocks;
  readonly #hasher: KeyHasher;

  constructor(memory: LeaseTableMemory) {
    const { buffer, buckets } = memory;
    const cells = buckets * WAYS;
    this.#buckets = buckets;
    this.#header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#words = new Int32Array(buffer, HEADER_BYTES, cells * CELL * 2);
    this.#cells = new Float64Array(buffer, HEADER_BYTES, cells * CELL);
    this.#locks = new BucketLocks(new Int32Array(buffer, HEADER_BYTES + cells * CELL * 8, buckets));
    this.#hasher = new KeyHasher(memory.seed[0], memory.seed[1]);
  }

  get evictions(): number {
    return Atomics.load(this.#header, EVICTIONS);
  }

  /** Whether the store of these limits answers. */
  isStoreUp(kind: LeaseLimit['kind']): boolean {
    return Atomics.load(this.#header, STORE_UP + (kind === 'rate' ? 0 : 1)) === 1;
  }

  setStoreUp(kind: LeaseLimit['kind'], up: boolean): void {
    Atomics.store(this.#header, STORE_UP + (kind === 'rate' ? 0 : 1), up ? 1 : 0);
  }

  /** Nodes that share the store of these limits, at least 1. */
  nodes(kind: LeaseLimit['kind']): number {
    return Atomics.load(this.#header, NODES + (kind === 'rate' ? 0 : 1));
  }

  setNodes(kind: LeaseLimit['kind'], count: number): void {
    Atomics.store(this.#header, NODES + (kind === 'rate' ? 0 : 1), Math.max(1, count));
  }

  /**
   * Takes `cost` of `key` at `nowMs`. `untilMs`: end of a quota's period. `mayWait`: false when the request has waited long
   * enough for the store. `result.ask` says whether the store has to be asked about the key.
   */
  take(
    limit: LeaseLimit,
    key: string,
    nowMs: number,
    untilMs: number,
    cost: number,
    mayWait: boolean,
    result: LeaseResult,
  ): void {
    const { high, low, bucket } = this.#place(limit, key);
    const ticket = this.#locks.lock(bucket);
    const at = this.#cellOf(bucket, high, low, nowMs) * CELL;
    const cells = this.#cells;
    expire(cells, at, nowMs);
    result.ask = ASK_NOTHING;
    const isUp = this.isStoreUp(limit.kind) && nowMs >= cells[at + AWAY_UNTIL]!;
    const nodes = this.nodes(limit.kind);
    cells[at + DEMAND] = cells[at + DEMAND]! + cost;
    if (cost === 0) {
      // What will be charged later passes unless nothing is left.
      result.verdict = isUp && nowMs < cells[at + DRY_UNTIL]! ? Verdict.refused : Verdict.allowed;
      if (isUp && cells[at + DEBT]! > 0) this.#ask(at, nowMs, ASK_LAZILY, result);
    } else if (cells[at + TOKENS]! >= cost) {
      cells[at + TOKENS] = cells[at + TOKENS]! - cost;
      result.verdict = Verdict.allowed;
      // Half is used: more is asked for before the rest is.
      if (isUp && cells[at + TOKENS]! <= cells[at + DEMAND]! && nowMs >= cells[at + DRY_UNTIL]!)
        this.#ask(at, nowMs, ASK_NOW, result);
    } else if (!isUp) {
      this.#takeShare(limit, at, nowMs, cost, result);
    } else if (nowMs < cells[at + DRY_UNTIL]!) {
      result.verdict = Verdict.refused;
    } else if (cells[at + DEBT]! + cost <= Math.floor(limit.credit / nodes)) {
      const debt = cells[at + DEBT]! + cost;
      cells[at + DEBT] = debt;
      result.verdict = Verdict.allowed;
      this.#ask(at, nowMs, debt * 2 * nodes >= limit.credit ? ASK_NOW : ASK_LAZILY, result);
    } else if (mayWait) {
      cells[at + WAITING] = cells[at + WAITING]! + cost;
      result.verdict = Verdict.wait;
      this.#ask(at, nowMs, ASK_NOW, result);
    } else this.#takeShare(limit, at, nowMs, cost, result);
    const rate = limit.kind === 'rate';
    cells[at + FREE_AT] = rate ? Math.max(cells[at + LEVEL]!, nowMs + LEASE_MS) : untilMs;
    this.#tell(limit, at, nowMs, untilMs, result);
    this.#locks.unlock(bucket, ticket);
  }

  /** Gives back what another limit refused. */
  giveBack(limit: LeaseLimit, key: string, nowMs: number, cost: number): void {
    const { high, low, bucket } = this.#place(limit, key);
    const ticket = this.#locks.lock(bucket);
    const at = this.#cellOf(bucket, high, low, nowMs) * CELL;
    const cells = this.#cells;
    if (nowMs < cells[at + LEASE_UNTIL]!) cells[at + TOKENS] = cells[at + TOKENS]! + cost;
    else if (cells[at + DEBT]! >= cost) cells[at + DEBT] = cells[at + DEBT]! - cost;
    else cells[at + UNUSED] = cells[at + UNUSED]! + cost;
    this.#locks.unlock(bucket, ticket);
  }

  /** Charges what is known only afterwards, such as bytes. */
  charge(limit: LeaseLimit, key: string, nowMs: number, cost: number): void {
    const { high, low, bucket } = this.#place(limit, key);
    const ticket = this.#locks.lock(bucket);
    const at = this.#cellOf(bucket, high, low, nowMs) * CELL;
    const cells = this.#cells;
    expire(cells, at, nowMs);
    const leased = Math.min(cells[at + TOKENS]!, cost);
    cells[at + TOKENS] = cells[at + TOKENS]! - leased;
    cells[at + DEBT] = cells[at + DEBT]! + cost - leased;
    cells[at + DEMAND] = cells[at + DEMAND]! + cost;
    cells[at + FREE_AT] = Math.max(cells[at + FREE_AT]!, nowMs + LEASE_MS);
    this.#locks.unlock(bucket, ticket);
  }

  /** Takes what the store has to be told of the key, which counts as told from now on. */
  collect(limit: LeaseLimit, key: string, nowMs: number, out: Demand): void {
    const { high, low, bucket } = this.#place(limit, key);
    const ticket = this.#locks.lock(bucket);
    const at = this.#cellOf(bucket, high, low, nowMs) * CELL;
    const cells = this.#cells;
    expire(cells, at, nowMs);
    const elapsedMs = Math.max(MIN_DEMAND_MS, nowMs - cells[at + SINCE]!);
    const ahead = Math.floor((cells[at + DEMAND]! * horizonMs[limit.kind]) / elapsedMs);
    out.wanted = Math.max(
      0,
      Math.max(cells[at + WAITING]!, Math.min(ahead, limit.burst)) - cells[at + TOKENS]!,
    );
    // What was admitted at a rate while the store was away has partly run off since.
    const level = Math.max(0, cells[at + LEVEL]! - nowMs) / (limit.intervalMs * this.nodes(limit.kind));
    const share = cells[at + SHARE_DEBT]!;
    out.debt = cells[at + DEBT]! + (limit.kind === 'rate' ? Math.min(share, Math.ceil(level)) : share);
    out.unused = cells[at + UNUSED]!;
    cells[at + DEBT] = 0;
    cells[at + SHARE_DEBT] = 0;
    cells[at + UNUSED] = 0;
    cells[at + DEMAND] = 0;
    cells[at + WAITING] = 0;
    cells[at + SINCE] = nowMs;
    cells[at + ASKED] = nowMs;
    this.#locks.unlock(bucket, ticket);
  }

  /** Takes over what the store said to what was collected at `askedMs`. `level`: ms for a rate, tokens left for a quota. */
  grant(
    limit: LeaseLimit,
    key: string,
    nowMs: number,
    askedMs: number,
    reply: { readonly granted: number; readonly level: number; readonly dryMs: number },
    leaseMs: number,
  ): void {
    const { high, low, bucket } = this.#place(limit, key);
    const ticket = this.#locks.lock(bucket);
    const at = this.#cellOf(bucket, high, low, nowMs) * CELL;
    const cells = this.#cells;
    expire(cells, at, nowMs);
    // Tokens are as old as the question: the store took them out between then and now.
    const untilMs = askedMs + leaseMs;
    if (reply.granted > 0) {
      if (untilMs > nowMs) {
        cells[at + TOKENS] = cells[at + TOKENS]! + reply.granted;
        cells[at + LEASE_UNTIL] =
          cells[at + TOKENS]! > reply.granted ? Math.min(cells[at + LEASE_UNTIL]!, untilMs) : untilMs;
      } else cells[at + UNUSED] = cells[at + UNUSED]! + reply.granted;
    }
    cells[at + LEVEL] = limit.kind === 'rate' ? nowMs + reply.level : reply.level;
    cells[at + DRY_UNTIL] = reply.dryMs > 0 ? nowMs + Math.max(reply.dryMs, MIN_DRY_MS) : 0;
    cells[at + ASKED] = 0;
    cells[at + AWAY_UNTIL] = 0;
    cells[at + FREE_AT] = Math.max(cells[at + FREE_AT]!, cells[at + LEASE_UNTIL]!, cells[at + DRY_UNTIL]!);
    this.#locks.unlock(bucket, ticket);
  }

  /** What was collected did not reach the store, as far as is known: it stays owed, and the key is on its own until `awayMs`. */
  restore(limit: LeaseLimit, key: string, nowMs: number, told: Demand, awayMs: number): void {
    const { high, low, bucket } = this.#place(limit, key);
    const ticket = this.#locks.lock(bucket);
    const at = this.#cellOf(bucket, high, low, nowMs) * CELL;
    const cells = this.#cells;
    cells[at + DEBT] = cells[at + DEBT]! + told.debt;
    cells[at + ASKED] = 0;
    cells[at + AWAY_UNTIL] = awayMs;
    this.#locks.unlock(bucket, ticket);
  }

  /** Whether the key has tokens whose time has passed, or debts. */
  owes(limit: LeaseLimit, key: string, nowMs: number): boolean {
    const { high, low, bucket } = this.#place(limit, key);
    const ticket = this.#locks.lock(bucket);
    const at = this.#cellOf(bucket, high, low, nowMs) * CELL;
    expire(this.#cells, at, nowMs);
    const owes = this.#cells[at + UNUSED]! > 0 || this.#cells[at + DEBT]! > 0;
    this.#locks.unlock(bucket, ticket);
    return owes;
  }

  #ask(at: number, nowMs: number, how: number, result: LeaseResult): void {
    const askedMs = this.#cells[at + ASKED]!;
    if (askedMs !== 0 && nowMs - askedMs < ASK_STALE_MS) return;
    // A lazy ask does not keep a later request from asking at once.
    if (how === ASK_NOW) this.#cells[at + ASKED] = nowMs;
    result.ask = how;
  }

  /** The node's share of the limit, for as long as the store does not answer. */
  #takeShare(limit: LeaseLimit, at: number, nowMs: number, cost: number, result: LeaseResult): void {
    const cells = this.#cells;
    if (!limit.alone) {
      result.verdict = Verdict.unavailable;
      return;
    }
    const nodes = this.nodes(limit.kind);
    if (limit.kind === 'quota') {
      const left = cells[at + LEVEL]! < 0 ? limit.burst : cells[at + LEVEL]!;
      const isAllowed =
        cells[at + DEBT]! + cells[at + SHARE_DEBT]! + cost <= Math.max(0, Math.floor(left / nodes));
      result.verdict = isAllowed ? Verdict.allowed : Verdict.refused;
      if (isAllowed) cells[at + SHARE_DEBT] = cells[at + SHARE_DEBT]! + cost;
      return;
    }
    const intervalMs = limit.intervalMs * nodes;
    const toleranceMs = (Math.max(1, Math.floor(limit.burst / nodes)) - 1) * intervalMs;
    const tat = Math.max(cells[at + LEVEL]!, nowMs);
    const isAllowed = tat - nowMs <= Math.max(0, toleranceMs - (cost - 1) * intervalMs);
    result.verdict = isAllowed ? Verdict.allowed : Verdict.refused;
    if (!isAllowed) return;
    cells[at + LEVEL] = tat + cost * intervalMs;
    cells[at + SHARE_DEBT] = cells[at + SHARE_DEBT]! + cost;
  }

  /** Fills what the caller is told. */
  #tell(limit: LeaseLimit, at: number, nowMs: number, untilMs: number, result: LeaseResult): void {
    const cells = this.#cells;
    const isRefused = result.verdict === Verdict.refused;
    const own = cells[at + TOKENS]! - cells[at + DEBT]! - cells[at + SHARE_DEBT]!;
    if (limit.kind === 'quota') {
      const level = cells[at + LEVEL]!;
      result.remaining = isRefused ? 0 : Math.max(0, (level < 0 ? limit.burst : level) + own);
      result.resetMs = untilMs - nowMs;
      result.retryAfterMs = isRefused ? untilMs - nowMs : 0;
      return;
    }
    const fullMs = Math.max(0, cells[at + LEVEL]! - nowMs);
    const room = Math.floor((limit.toleranceMs - fullMs) / limit.intervalMs + 1e-6) + 1;
    result.remaining = isRefused ? 0 : Math.min(limit.burst, Math.max(0, room + own));
    result.resetMs = fullMs;
    result.retryAfterMs = isRefused
      ? Math.max(1, cells[at + DRY_UNTIL]! - nowMs, fullMs - limit.toleranceMs)
      : 0;
  }

  readonly #found = { high: 0, low: 0, bucket: 0 };

  #place(limit: LeaseLimit, key: string): { high: number; low: number; bucket: number } {
    const hasher = this.#hasher;
    hasher.run(limit.id, key);
    const found = this.#found;
    found.high = hasher.high;
    found.low = hasher.low;
    found.bucket = (hasher.high >>> 0) & (this.#buckets - 1);
    return found;
  }

  /** Index of the key's cell, taken over from one that says nothing any more, or else from the one that will first. */
  #cellOf(bucket: number, high: number, low: number, nowMs: number): number {
    const words = this.#words;
    const cells = this.#cells;
    const first = bucket * WAYS;
    let victim = first;
    let victimMs = Number.POSITIVE_INFINITY;
    for (let cell = first; cell < first + WAYS; cell++) {
      const at = cell * CELL * 2;
      if (words[at] === high && words[at + 1] === low) return cell;
      const freeAt = cells[cell * CELL + FREE_AT]!;
      if (freeAt < victimMs) {
        victim = cell;
        victimMs = freeAt;
      }
    }
    if (victimMs > nowMs) Atomics.add(this.#header, EVICTIONS, 1);
    cells.fill(0, victim * CELL, victim * CELL + CELL);
    words[victim * CELL * 2] = high;
    words[victim * CELL * 2 + 1] = low;
    cells[victim * CELL + LEVEL] = -1;
    return victim;
  }
}

/** Tokens whose time has passed are not used any more. */
function expire(cells: Float64Array, at: number, nowMs: number): void {
  if (cells[at + TOKENS]! > 0 && nowMs >= cells[at + LEASE_UNTIL]!) {
    cells[at + UNUSED] = cells[at + UNUSED]! + cells[at + TOKENS]!;
    cells[at + TOKENS] = 0;
  }
}
