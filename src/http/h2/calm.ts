// How much trouble a peer may make. Each frame that costs work and brings nothing (a reset of a request just sent, a
// ping, an empty DATA frame, a change of settings, …) takes from one account that time and finished exchanges fill;
// who overdraws it is asked to calm down and loses the connection. One account bounds rapid reset (CVE-2023-44487),
// MadeYouReset (CVE-2025-8671) and the floods of 2019 (CVE-2019-9512 to 9518) alike, also in mixtures.

/** Most that can be saved up: a browser that leaves a page resets some hundred streams at once, and may. */
const CAPACITY = 600;
/** What time brings, a second. */
const REFILL_PER_SECOND = 20;
/** What an exchange that ended well brings. */
const PER_EXCHANGE = 2;

/**
 * What may be spent in one read before others get their turn: 150 requests that are begun in vain would keep a thread for
 * ten milliseconds, 16 keep it for one.
 */
const PER_READ = 64;

/** Prices. */
export const Cost = {
  /** A frame that has no effect. */
  idle: 1,
  /** A request that was begun in vain, whoever reset it. */
  reset: 4,
} as const;

export class CalmAccount {
  #balance = CAPACITY;
  #atMs = 0;
  #spentInRead = 0;

  /** Fills the account for the time since the last call, before a read. */
  tick(nowMs: number): void {
    this.#spentInRead = 0;
    if (this.#atMs !== 0) {
      this.#balance = Math.min(CAPACITY, this.#balance + ((nowMs - this.#atMs) * REFILL_PER_SECOND) / 1000);
    }
    this.#atMs = nowMs;
  }

  earn(): void {
    this.#balance = Math.min(CAPACITY, this.#balance + PER_EXCHANGE);
  }

  /** Takes `cost`; false when the account is overdrawn. */
  spend(cost: number): boolean {
    this.#balance -= cost;
    this.#spentInRead += cost;
    return this.#balance >= 0;
  }

  /** This read has caused enough trouble for one turn. */
  get isSpentOut(): boolean {
    return this.#spentInRead >= PER_READ;
  }
}
