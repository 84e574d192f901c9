// Counters behind limits: each takes, gives back, says what is left, and may hold something until the exchange is over. HOT
import type { Clock } from '../../core/index.ts';
import type { Exchange, Held } from '../../exchange/index.ts';
import {
  type Calendar,
  type ConcurrencyTable,
  FULL,
  type LeaseDesk,
  type LeaseLimit,
  LeaseResult,
  type LimitParameters,
  LimitResult,
  type LimitTable,
  leaseId,
  type QuotaPeriod,
  Verdict,
} from '../../limits/index.ts';

const FOREVER = Number.POSITIVE_INFINITY;

/** What the last `take` of any counter said; one for the thread. */
export class Told extends LeaseResult {
  /** How long the request has to wait for its turn, ms. */
  delayMs = 0;
  /** Has to be given up when the exchange is over; null for nothing. */
  held: Held | null = null;
}

export const told = new Told();

export interface Counter {
  /** Takes `cost`, answers a Verdict and fills `told`. */
  take(key: string, nowMs: number, cost: number, mayWait: boolean): number;
  /** Gives back what was allowed. */
  giveBack(key: string, nowMs: number, cost: number): void;
  /** What a request that has to wait for the store waits for. */
  waitId(key: string): string;
}

const local = new LimitResult();

/** A rate of this node alone, exact over its threads. */
export class LocalRate implements Counter {
  readonly #limit: LimitParameters;
  /** The same with a queue: who is within it waits for his turn. */
  readonly #queued: LimitParameters;
  readonly #table: LimitTable;

  constructor(limit: LimitParameters, table: LimitTable, queueMs: number) {
    this.#limit = limit;
    this.#queued = queueMs === 0 ? limit : { ...limit, toleranceMs: limit.toleranceMs + queueMs };
    this.#table = table;
  }

  take(key: string, nowMs: number, cost: number): number {
    const { intervalMs, toleranceMs } = this.#limit;
    this.#table.take(this.#queued, key, nowMs, local, cost);
    told.verdict = local.allowed ? Verdict.allowed : Verdict.refused;
    told.delayMs =
      this.#queued === this.#limit ? 0 : Math.max(0, local.resetMs - cost * intervalMs - toleranceMs);
    told.remaining = told.delayMs > 0 ? 0 : local.remaining;
    told.resetMs = local.resetMs;
    told.retryAfterMs = local.retryAfterMs;
    told.held = null;
    return told.verdict;
  }

  giveBack(key: string, nowMs: number, cost: number): void {
    this.#table.giveBack(this.#limit, key, nowMs, cost);
  }

  waitId(): string {
    return '';
  }
}

/** Bytes of this node: what bodies took is charged at their end, and beyond the rate nothing new begins. */
export class LocalBytes implements Counter {
  readonly #limit: LimitParameters;
  readonly #table: LimitTable;
  readonly #clock: Clock;

  constructor(limit: LimitParameters, table: LimitTable, clock: Clock) {
    this.#limit = limit;
    this.#table = table;
    this.#clock = clock;
  }

  take(key: string, nowMs: number): number {
    this.#table.take(this.#limit, key, nowMs, local, 0);
    told.verdict = local.allowed ? Verdict.allowed : Verdict.refused;
    told.delayMs = 0;
    told.remaining = local.remaining;
    told.resetMs = local.resetMs;
    told.retryAfterMs = local.retryAfterMs;
    told.held = (exchange) =>
      this.#table.charge(this.#limit, key, this.#clock.monotonicMs(), bytesOf(exchange));
    return told.verdict;
  }

  giveBack(): void {}

  waitId(): string {
    return '';
  }
}

const bytesOf = ({ requestBytes, responseBytes }: Exchange): number => requestBytes + responseBytes;

/** A rate or a quota whose tokens come from a store. */
export class LeasedCounter implements Counter {
  readonly #limit: LeaseLimit;
  readonly #desk: LeaseDesk;
  readonly #clock: Clock;
  /** Null for a rate. */
  readonly #calendar: Calendar | null;
  readonly #isBytes: boolean;
  readonly #queueMs: number;
  /** The period of the last call, whose name is part of keys. */
  #suffix = '';
  #untilMs = FOREVER;
  #period = { name: '', previous: '', untilEpochMs: 0 };

  constructor(
    limit: LeaseLimit,
    parts: {
      readonly desk: LeaseDesk;
      readonly clock: Clock;
      readonly calendar: Calendar | null;
      readonly isBytes: boolean;
      readonly queueMs: number;
    },
  ) {
    this.#limit = limit;
    this.#desk = parts.desk;
    this.#clock = parts.clock;
    this.#calendar = parts.calendar;
    this.#isBytes = parts.isBytes;
    this.#queueMs = parts.queueMs;
  }

  take(key: string, nowMs: number, cost: number, mayWait: boolean): number {
    const own = this.#keyNow(key, nowMs);
    const period = this.#periodOf(key);
    this.#desk.take(this.#limit, own, period, nowMs, this.#untilMs, this.#isBytes ? 0 : cost, mayWait, told);
    told.held = null;
    // Who may queue tries again when the next token comes.
    told.delayMs = 0;
    if (told.verdict === Verdict.refused && told.retryAfterMs <= this.#queueMs)
      told.delayMs = told.retryAfterMs;
    if (this.#isBytes)
      told.held = (exchange) =>
        this.#desk.charge(this.#limit, own, period, this.#clock.monotonicMs(), bytesOf(exchange));
    return told.verdict;
  }

  giveBack(key: string, nowMs: number, cost: number): void {
    if (!this.#isBytes) this.#desk.giveBack(this.#limit, this.#keyNow(key, nowMs), nowMs, cost);
  }

  waitId(key: string): string {
    return leaseId(this.#limit, key + this.#suffix);
  }

  #keyNow(key: string, nowMs: number): string {
    if (this.#calendar === null) return key;
    const epochMs = this.#clock.epochMs();
    const { name, previous, endMs } = this.#calendar.at(epochMs);
    if (name !== this.#period.name || endMs !== this.#period.untilEpochMs) {
      this.#period = { name, previous, untilEpochMs: endMs };
      this.#suffix = `\n${name}`;
    }
    this.#untilMs = nowMs + endMs - epochMs;
    return key + this.#suffix;
  }

  #periodOf(key: string): QuotaPeriod | null {
    return this.#calendar === null ? null : { subject: key, ...this.#period };
  }
}

/** Requests under way at once, over the threads of this node. */
export class Concurrency implements Counter {
  readonly #id: number;
  readonly #most: number;
  readonly #table: ConcurrencyTable;
  #last = FULL;

  constructor(id: number, most: number, table: ConcurrencyTable) {
    this.#id = id;
    this.#most = most;
    this.#table = table;
  }

  take(key: string): number {
    const cell = this.#table.acquire(this.#id, key, this.#most);
    this.#last = cell;
    const isFull = cell < 0;
    told.verdict = isFull ? Verdict.refused : Verdict.allowed;
    told.delayMs = 0;
    told.remaining = Math.max(0, this.#most - this.#table.underway);
    told.resetMs = 0;
    told.retryAfterMs = isFull ? 1000 : 0;
    told.held = isFull ? null : () => this.#table.release(cell);
    return told.verdict;
  }

  /** INVARIANT: within one turn, right after `take`. */
  giveBack(): void {
    this.#table.release(this.#last);
  }

  waitId(): string {
    return '';
  }
}
