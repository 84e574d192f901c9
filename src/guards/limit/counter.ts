// Counters behind limits: each takes, gives back, and says what is left. HOT
import {
  type LeaseDesk,
  type LeaseLimit,
  LeaseResult,
  type LimitParameters,
  LimitResult,
  type LimitTable,
  leaseId,
  Verdict,
} from '../../limits/index.ts';

const FOREVER = Number.POSITIVE_INFINITY;

/** What the last `take` of any counter said; one for the thread. */
export const told = new LeaseResult();

export interface Counter {
  /** Answers a Verdict and fills `told`. */
  take(key: string, nowMs: number, mayWait: boolean): number;
  /** Gives back what was allowed. */
  giveBack(key: string, nowMs: number): void;
  /** What a request that has to wait for the store waits for. */
  waitId(key: string): string;
}

const local = new LimitResult();

/** A rate of this node alone, exact over its threads. */
export class LocalRate implements Counter {
  readonly #limit: LimitParameters;
  readonly #table: LimitTable;

  constructor(limit: LimitParameters, table: LimitTable) {
    this.#limit = limit;
    this.#table = table;
  }

  take(key: string, nowMs: number): number {
    this.#table.take(this.#limit, key, nowMs, local);
    told.verdict = local.allowed ? Verdict.allowed : Verdict.refused;
    told.remaining = local.remaining;
    told.resetMs = local.resetMs;
    told.retryAfterMs = local.retryAfterMs;
    return told.verdict;
  }

  giveBack(key: string, nowMs: number): void {
    this.#table.giveBack(this.#limit, key, nowMs);
  }

  waitId(): string {
    return '';
  }
}

/** A rate that all nodes count together. */
export class SharedRate implements Counter {
  readonly #limit: LeaseLimit;
  readonly #desk: LeaseDesk;

  constructor(limit: LeaseLimit, desk: LeaseDesk) {
    this.#limit = limit;
    this.#desk = desk;
  }

  take(key: string, nowMs: number, mayWait: boolean): number {
    this.#desk.take(this.#limit, key, null, nowMs, FOREVER, 1, mayWait, told);
    return told.verdict;
  }

  giveBack(key: string, nowMs: number): void {
    this.#desk.giveBack(this.#limit, key, nowMs, 1);
  }

  waitId(key: string): string {
    return leaseId(this.#limit, key);
  }
}
