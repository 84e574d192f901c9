// Mean and spread of a positive quantity on a logarithmic scale, in four numbers: what a caller usually does in a window. Callers
// differ by orders of magnitude, and so does one caller from hour to hour; logarithms make both about normal.
import { studentUpper } from '../anomaly/index.ts';

/** Prior spread of the logarithm, and its weight in observations, for who is little known. */
const PRIOR_VARIANCE = 0.5;
const PRIOR_WEIGHT = 6;
/** Observations that history counts for at most. */
const MEMORY = 1000;
/** Least spread: nobody is a clock. */
const LEAST_VARIANCE = 0.04;

export class LogStat {
  count = 0;
  mean = 0;
  squares = 0;
  /** Largest value seen; fades by one part in a thousand with each observation. */
  most = 0;

  add(value: number): void {
    this.count = Math.min(this.count + 1, MEMORY);
    const logged = Math.log1p(value);
    const delta = logged - this.mean;
    // One odd window must not become the rule.
    const taken = this.count > 8 ? Math.max(-3, Math.min(3, delta / this.deviation)) * this.deviation : delta;
    this.mean += taken / this.count;
    this.squares = this.squares * (1 - 1 / MEMORY) + taken * taken * (1 - 1 / this.count);
    this.most = Math.max(this.most * 0.999, taken === delta ? value : 0);
  }

  get deviation(): number {
    const variance = (this.squares + PRIOR_VARIANCE * PRIOR_WEIGHT) / (this.count + PRIOR_WEIGHT);
    return Math.sqrt(Math.max(variance, LEAST_VARIANCE));
  }

  /** What is usual. */
  get typical(): number {
    return Math.expm1(this.mean);
  }

  /** P-value of at least `value` in one more window (Student: the spread itself is not known for sure). */
  pValue(value: number): number {
    if (this.count < 4) return 1;
    const t = (Math.log1p(value) - this.mean) / (this.deviation * Math.sqrt(1 + 1 / this.count));
    return t <= 0 ? 1 : studentUpper(t, this.count + PRIOR_WEIGHT);
  }

  toJSON(): [number, number, number, number] {
    return [this.count, round(this.mean), round(this.squares), round(this.most)];
  }

  static from(value: readonly number[]): LogStat {
    const stat = new LogStat();
    [stat.count = 0, stat.mean = 0, stat.squares = 0, stat.most = 0] = value;
    return stat;
  }
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;
