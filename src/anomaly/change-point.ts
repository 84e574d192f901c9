// When a rate or a ratio has changed for good, however slowly: Shiryaev-Roberts sums of likelihood ratios over several sizes of
// change at once. Without a change the sum grows by at most 1 a step on average, so that the mean number of steps between false alarms
// at level A is at least A, whatever the stream looks like (e-detectors; Shin, Ramdas, Rinaldo 2022). That is what lets
// slow changes share the budget of false alarms with sudden ones.

/** Sums are kept as logarithms and forgotten below this. */
const MIN_LOG = -30;
const MAX_LOG = 700;

abstract class EvidenceSum {
  protected readonly logs: Float64Array;

  constructor(kinds: number) {
    this.logs = new Float64Array(kinds).fill(MIN_LOG);
  }

  /** One step of all sums: R ← (R + 1/kinds) · L. */
  protected step(logRatio: (kind: number) => number): void {
    const start = Math.log(1 / this.logs.length);
    for (let kind = 0; kind < this.logs.length; kind++) {
      const grown = logAdd(this.logs[kind]!, start) + logRatio(kind);
      this.logs[kind] = Math.min(Math.max(grown, MIN_LOG), MAX_LOG);
    }
  }

  /** Upper bound of the false alarms a step at this level: 1 over the sum, at most 1. */
  get pValue(): number {
    let total = MIN_LOG;
    for (const log of this.logs) total = logAdd(total, log);
    return Math.min(1, Math.exp(-total));
  }

  reset(): void {
    this.logs.fill(MIN_LOG);
  }

  toJSON(): number[] {
    return [...this.logs].map((log) => Math.round(log * 1e6) / 1e6);
  }

  protected load(logs: readonly number[]): void {
    for (let kind = 0; kind < this.logs.length; kind++)
      this.logs[kind] = Math.min(Math.max(logs[kind] ?? MIN_LOG, MIN_LOG), MAX_LOG);
  }
}

function logAdd(a: number, b: number): number {
  const high = Math.max(a, b);
  return high + Math.log1p(Math.exp(Math.min(a, b) - high));
}

/** Factors by which a rate may have grown. */
const RATE_FACTORS = [1.3, 1.7, 2.5, 5, 12] as const;

/** A rate that has risen. */
export class RateChange extends EvidenceSum {
  constructor() {
    super(RATE_FACTORS.length);
  }

  /** Takes a count whose mean without a change is `mean`; `dispersion` ≥ 1 is its variance over its mean. */
  add(count: number, mean: number, dispersion = 1): number {
    this.step((kind) => {
      const factor = RATE_FACTORS[kind]!;
      return (count * Math.log(factor) - (factor - 1) * mean) / dispersion;
    });
    return this.pValue;
  }

  static from(logs: readonly number[]): RateChange {
    const change = new RateChange();
    change.load(logs);
    return change;
  }
}

/** Factors by which odds may have grown. */
const ODDS_FACTORS = [1.5, 2, 4, 10] as const;

/** A ratio that has risen. */
export class RatioChange extends EvidenceSum {
  constructor() {
    super(ODDS_FACTORS.length);
  }

  /** Takes `hits` of `trials` whose share without a change is `ratio`, in (0, 1); `dispersion` ≥ 1 as for rates. */
  add(hits: number, trials: number, ratio: number, dispersion = 1): number {
    const share = Math.min(Math.max(ratio, 1e-6), 1 - 1e-6);
    this.step((kind) => {
      const odds = (share / (1 - share)) * ODDS_FACTORS[kind]!;
      const changed = odds / (1 + odds);
      return (
        (hits * Math.log(changed / share) + (trials - hits) * Math.log((1 - changed) / (1 - share))) /
        dispersion
      );
    });
    return this.pValue;
  }

  static from(logs: readonly number[]): RatioChange {
    const change = new RatioChange();
    change.load(logs);
    return change;
  }
}
