// One budget of false alarms a day for all that is tested: each kind of test gets a share, and its p-values must be small enough
// that, at the rate at which it is asked, the share is not overspent (Bonferroni over the tests of a day; the rate follows traffic).

const DAY_MS = 86_400_000;
/** Rates are averaged over this time, ms. */
const HORIZON_MS = 6 * 3_600_000;
/** Before anything is known, so many tests a day are assumed. */
const INITIAL_TESTS = 10_000;

export class AlarmBudget {
  readonly #perDay: number;
  #testsPerDay = INITIAL_TESTS;
  #atMs = 0;
  #pending = 0;

  /** `perDay`: expected false alarms a day, above 0. */
  constructor(perDay: number) {
    this.#perDay = perDay;
  }

  /** Largest p-value that is an alarm now. */
  get threshold(): number {
    return Math.min(0.01, this.#perDay / this.#testsPerDay);
  }

  /** Whether `p` is an alarm; counts the test. `nowMs` does not run backwards. */
  test(p: number, nowMs: number): boolean {
    this.#pending++;
    if (this.#atMs === 0) this.#atMs = nowMs;
    const passed = nowMs - this.#atMs;
    if (passed >= 60_000) {
      const rate = (this.#pending * DAY_MS) / passed;
      this.#testsPerDay += (rate - this.#testsPerDay) * (1 - Math.exp(-passed / HORIZON_MS));
      this.#testsPerDay = Math.max(this.#testsPerDay, 1);
      this.#pending = 0;
      this.#atMs = nowMs;
    }
    return p <= this.threshold;
  }

  get testsPerDay(): number {
    return this.#testsPerDay;
  }

  /** Starts from a rate that was measured before. */
  restore(testsPerDay: number): void {
    if (testsPerDay > 0) this.#testsPerDay = testsPerDay;
  }
}
