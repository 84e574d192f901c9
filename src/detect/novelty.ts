// How often a kind of surprise happens to a caller that is fine: an empirical Bayes rate a caller-day over the whole population.
// The prior says that surprises are rare (once in 10,000 caller-days, worth 500 of them), and what happens here corrects it.

const PRIOR_EVENTS = 0.05;
const PRIOR_DAYS = 500;
/** Caller-days that the past counts for at most. */
const MEMORY_DAYS = 100_000;

export class NoveltyRate {
  #events = 0;
  #days = 0;

  /** Probability that it happens to a caller on a day when all is well. */
  get rate(): number {
    return Math.min(1, (this.#events + PRIOR_EVENTS) / (this.#days + PRIOR_DAYS));
  }

  /** A caller was there on a day. */
  addDay(): void {
    this.#days++;
    if (this.#days > MEMORY_DAYS) {
      this.#days *= 0.5;
      this.#events *= 0.5;
    }
  }

  addEvent(): void {
    this.#events++;
  }

  toJSON(): [number, number] {
    return [this.#events, this.#days];
  }

  static from(value: readonly number[]): NoveltyRate {
    const rate = new NoveltyRate();
    [rate.#events = 0, rate.#days = 0] = value;
    return rate;
  }
}
