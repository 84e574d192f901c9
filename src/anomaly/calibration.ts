// From a score of any scale to the probability of one at least as high when all is well. The body is the empirical distribution
// (a conformal p-value: valid for exchangeable scores; Vovk et al. 2005, Laxhammar 2014); the tail, where alarms lie, is a generalised
// Pareto distribution fitted to excesses over a high threshold (Pickands 1975; streams: Siffer et al. 2017), by
// probability-weighted moments (Hosking, Wallis 1987), which a single outlier does not upset.
import { QuantileSketch } from './quantiles.ts';

/** Share of scores that are the tail. */
const TAIL_SHARE = 0.05;
/** Excesses kept. */
const MAX_EXCESSES = 256;
const MIN_EXCESSES = 16;
/** Scores between two looks at where the tail begins. */
const REFIT = 128;
/** Scores before a p-value may be small. */
const COLD = 50;

export interface CalibrationState {
  readonly sketch: ReturnType<QuantileSketch['toJSON']>;
  readonly excesses: readonly number[];
  readonly rest: readonly number[];
}

export class ScoreCalibration {
  #sketch = new QuantileSketch();
  #threshold = Number.POSITIVE_INFINITY;
  /** Latest scores beyond the threshold of their time, newest last. */
  #tail: number[] = [];
  #scale = 0;
  #shape = 0;
  #sinceFit = 0;
  readonly #halfLife: number;

  /** `halfLife`: scores after which an old one counts half. */
  constructor(halfLife = 20_000) {
    this.#halfLife = halfLife;
  }

  /** P-value of a score ≥ 0, before it is learned. */
  pValue(score: number): number {
    const count = this.#sketch.count;
    if (count < COLD) return 1;
    if (score <= this.#threshold || this.#tail.length < MIN_EXCESSES)
      return Math.min(1, (this.#sketch.shareAtLeast(score) * count + 1) / (count + 1));
    const excess = score - this.#threshold;
    const survival =
      Math.abs(this.#shape) < 1e-6
        ? Math.exp(-excess / this.#scale)
        : Math.max(0, 1 + (this.#shape * excess) / this.#scale) ** (-1 / this.#shape);
    return Math.max(1e-300, Math.min(1, TAIL_SHARE * survival));
  }

  /** Learns a score ≥ 0; answers the p-value it had before. */
  add(score: number): number {
    const p = this.pValue(score);
    // An alarm must not teach that alarms are normal.
    const taken = p < 1e-5 && this.#tail.length >= MIN_EXCESSES ? this.#threshold + 8 * this.#scale : score;
    this.#sketch.add(taken);
    if (taken > this.#threshold) {
      this.#tail.push(taken);
      if (this.#tail.length > MAX_EXCESSES) this.#tail.shift();
    }
    if (++this.#sinceFit >= REFIT || this.#threshold === Number.POSITIVE_INFINITY) this.#fit();
    return p;
  }

  #fit(): void {
    if (this.#sketch.count < COLD) return;
    const steps = this.#sinceFit;
    this.#sinceFit = 0;
    this.#sketch.decay(0.5 ** (steps / this.#halfLife));
    const before = this.#threshold;
    this.#threshold = this.#sketch.quantile(1 - TAIL_SHARE);
    this.#tail = this.#tail.filter((score) => score > this.#threshold);
    if (before === Number.POSITIVE_INFINITY) return;
    this.#fitTail();
  }

  /** Probability-weighted moments; the shape is kept where variance exists and the tail has no end in sight. */
  #fitTail(): void {
    const count = this.#tail.length;
    if (count < MIN_EXCESSES) return;
    const sorted = this.#tail.map((score) => score - this.#threshold).sort((a, b) => a - b);
    let first = 0;
    let weighted = 0;
    sorted.forEach((excess, index) => {
      first += excess;
      weighted += excess * ((count - index - 0.65) / count);
    });
    const b0 = first / count;
    const b1 = weighted / count;
    if (b0 <= 0) return;
    const ratio = b0 / Math.max(b0 - 2 * b1, 1e-12);
    this.#shape = Math.min(Math.max(2 - ratio, 0), 0.45);
    this.#scale = Math.max(b0 * (1 - this.#shape), 1e-9);
  }

  merge(other: ScoreCalibration): void {
    this.#sketch.merge(other.#sketch);
    this.#tail = [...other.#tail, ...this.#tail].slice(-MAX_EXCESSES);
    this.#threshold = this.#sketch.quantile(1 - TAIL_SHARE);
    this.#tail = this.#tail.filter((score) => score > this.#threshold);
    this.#fitTail();
  }

  toJSON(): CalibrationState {
    return {
      sketch: this.#sketch.toJSON(),
      excesses: this.#tail,
      rest: [this.#threshold === Number.POSITIVE_INFINITY ? -1 : this.#threshold, this.#scale, this.#shape],
    };
  }

  static from(value: CalibrationState, halfLife = 20_000): ScoreCalibration {
    const calibration = new ScoreCalibration(halfLife);
    calibration.#sketch = QuantileSketch.from(value.sketch);
    calibration.#tail = [...value.excesses];
    const [threshold = -1, scale = 0, shape = 0] = value.rest;
    calibration.#threshold = threshold < 0 ? Number.POSITIVE_INFINITY : threshold;
    calibration.#scale = scale;
    calibration.#shape = shape;
    return calibration;
  }
}
