// A thread's side of shared limits: takes from the node's leases, collects questions for the main thread, and lets requests wait
// for an answer for a short time where there is no other way.
import {
  ASK_LAZILY,
  ASK_NOTHING,
  type LeaseAsk,
  type LeaseLimit,
  type LeaseResult,
  leaseId,
  type QuotaPeriod,
} from './lease-contract.ts';
import type { LeaseTable } from './lease-table.ts';

/** Debts that nobody waits for are told together, this often, ms. */
const LAZY_MS = 200;
const DEFAULT_WAIT_MS = 20;
/** Requests of one thread that may wait for the store; more are decided at once. */
const MAX_WAITERS = 10_000;

export interface LeaseDeskOptions {
  readonly table: LeaseTable;
  readonly send: (asks: readonly LeaseAsk[]) => void;
}

export class LeaseDesk {
  readonly table: LeaseTable;
  /** The longest that a request waits for the store, ms. */
  waitMs = DEFAULT_WAIT_MS;
  readonly #send: (asks: readonly LeaseAsk[]) => void;
  #now: LeaseAsk[] = [];
  readonly #lazy = new Map<string, LeaseAsk>();
  #lazyTimer: NodeJS.Timeout | null = null;
  readonly #waiters = new Map<string, Set<() => void>>();
  #waiting = 0;

  constructor(options: LeaseDeskOptions) {
    this.table = options.table;
    this.#send = options.send;
  }

  get isFull(): boolean {
    return this.#waiting >= MAX_WAITERS;
  }

  /** As `LeaseTable.take`, and asks the store where that is needed. `period`: null for a rate. */
  take(
    limit: LeaseLimit,
    key: string,
    period: QuotaPeriod | null,
    nowMs: number,
    untilMs: number,
    cost: number,
    mayWait: boolean,
    result: LeaseResult,
  ): void {
    this.table.take(limit, key, nowMs, untilMs, cost, mayWait, result);
    if (result.ask !== ASK_NOTHING) this.#ask({ limit, key, period }, result.ask === ASK_LAZILY);
  }

  giveBack(limit: LeaseLimit, key: string, nowMs: number, cost: number): void {
    this.table.giveBack(limit, key, nowMs, cost);
  }

  charge(limit: LeaseLimit, key: string, period: QuotaPeriod | null, nowMs: number, cost: number): void {
    this.table.charge(limit, key, nowMs, cost);
    this.#ask({ limit, key, period }, true);
  }

  #ask(ask: LeaseAsk, lazily: boolean): void {
    if (lazily) {
      this.#lazy.set(leaseId(ask.limit, ask.key), ask);
      if (this.#lazyTimer !== null) return;
      this.#lazyTimer = setTimeout(() => this.#sendLazy(), LAZY_MS);
      this.#lazyTimer.unref();
      return;
    }
    this.#now.push(ask);
    // All that one turn of the loop asks goes in one message.
    if (this.#now.length === 1) setImmediate(() => this.#sendNow());
  }

  #sendNow(): void {
    const asks = this.#now;
    this.#now = [];
    if (asks.length > 0) this.#send(asks);
  }

  #sendLazy(): void {
    this.#lazyTimer = null;
    const asks = [...this.#lazy.values()];
    this.#lazy.clear();
    if (asks.length > 0) this.#send(asks);
  }

  /** Resolves when the store has answered about one of the keys, or after `timeoutMs`. Answers whether it has. */
  wait(ids: readonly string[], timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting++;
      const finish = (answered: boolean): void => {
        clearTimeout(timer);
        this.#waiting--;
        for (const id of ids) {
          const waiters = this.#waiters.get(id);
          waiters?.delete(wake);
          if (waiters?.size === 0) this.#waiters.delete(id);
        }
        resolve(answered);
      };
      const wake = (): void => finish(true);
      const timer = setTimeout(() => finish(false), timeoutMs);
      for (const id of ids) {
        const waiters = this.#waiters.get(id);
        if (waiters === undefined) this.#waiters.set(id, new Set([wake]));
        else waiters.add(wake);
      }
    });
  }

  /** The main thread has heard about these keys, for better or worse. */
  answered(ids: readonly string[]): void {
    for (const id of ids) {
      const waiters = this.#waiters.get(id);
      if (waiters !== undefined) for (const wake of [...waiters]) wake();
    }
  }

  /** Tells what is owed, before the thread ends. */
  flush(): void {
    if (this.#lazyTimer !== null) clearTimeout(this.#lazyTimer);
    this.#sendNow();
    this.#sendLazy();
  }
}
