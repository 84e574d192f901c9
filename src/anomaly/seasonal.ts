// What count is to be expected now: a baseline by hour of the week, with the hour of the day and the overall level behind it where
// little was seen yet, and a slowly moving level in front of it for growth. The answer is a negative binomial distribution, whose
// spread is learned, so that a quiet night and a busy noon share one false-alarm rate. Outliers teach it little: an
// observation counts at most as far as `CLIP` deviations from what was expected.
import { negativeBinomialLower, negativeBinomialUpper } from './tails.ts';

const HOURS_OF_WEEK = 168;
const HOUR_MS = 3_600_000;
/** Epoch began on a Thursday; slots count from Monday 00:00 UTC. */
const MONDAY_OFFSET_HOURS = 72;
/** Pseudo-observations of the coarser level behind a finer one. */
const PRIOR = 4;
/** Weight of history in observations of one slot; old weeks fade beyond that. */
const MAX_WEIGHT = 600;
const CLIP = 3;
/** What is further away teaches nothing, until so many observations in a row have said the same. */
const FAR = 6;
const NEW_NORMAL = 48;
/** The level follows within so long, ms: slower than a weekend, or it would take that for a fall. */
const LEVEL_MS = 5 * 86_400_000;
/** Spread is never believed to be narrower than this share of the mean: real traffic is not Poisson. */
const MIN_RELATIVE_SPREAD = 0.04;
/** Observations before a result may be believed. */
const COLD = 30;

export interface Expectation {
  readonly mean: number;
  /** Size of the negative binomial distribution: variance is mean + mean²/size. */
  readonly size: number;
  /** Whether enough was seen to judge. */
  readonly isWarm: boolean;
}

export class SeasonalBaseline {
  readonly #sums = new Float64Array(HOURS_OF_WEEK);
  readonly #weights = new Float64Array(HOURS_OF_WEEK);
  readonly #daySums = new Float64Array(24);
  readonly #dayWeights = new Float64Array(24);
  #sum = 0;
  #weight = 0;
  /** Recent traffic as a multiple of what the season says. */
  #level = 1;
  /** Moving average of squared relative deviation beyond Poisson, and of its weight. */
  #spread = 0.25;
  #seen = 0;
  #lastMs = 0;
  #apart = 0;

  get observations(): number {
    return this.#seen;
  }

  /** What is to be expected of the bin that begins at `atMs`. */
  expect(atMs: number): Expectation {
    const mean = Math.max(1e-3, this.#season(atMs) * this.#level);
    // What is not known of the mean yet widens the distribution.
    const unknown = 1 / (1 + this.#weightAt(atMs));
    const relative = Math.max(this.#spread, MIN_RELATIVE_SPREAD ** 2) + unknown * 0.25;
    return { mean, size: 1 / relative, isWarm: this.#seen >= COLD };
  }

  /** P-value of seeing at least `count`. */
  pHigh(count: number, atMs: number): number {
    const { mean, size, isWarm } = this.expect(atMs);
    return isWarm ? negativeBinomialUpper(Math.ceil(count), mean, size) : 1;
  }

  /** P-value of seeing at most `count`. */
  pLow(count: number, atMs: number): number {
    const { mean, size, isWarm } = this.expect(atMs);
    return isWarm ? negativeBinomialLower(Math.floor(count), mean, size) : 1;
  }

  /** Learns the count of the bin that began at `atMs`. */
  add(count: number, atMs: number): void {
    const { mean, size } = this.expect(atMs);
    const deviation = Math.sqrt(mean + (mean * mean) / size);
    const isCold = this.#seen < COLD;
    const isFar = !isCold && Math.abs(count - mean) > FAR * deviation;
    this.#apart = isFar ? this.#apart + 1 : 0;
    const clipped = Math.min(Math.max(count, mean - CLIP * deviation), mean + CLIP * deviation);
    const taken = isCold ? count : isFar && this.#apart < NEW_NORMAL ? mean : clipped;
    const [hour, day] = slotsOf(atMs);
    // Seasons are learned without the level, or the two would chase each other.
    const seasonal = taken / this.#level;
    learn(this.#sums, this.#weights, hour, seasonal);
    learn(this.#daySums, this.#dayWeights, day, seasonal);
    const rate = 1 / Math.min(this.#seen + 1, MAX_WEIGHT * 24);
    this.#sum += (seasonal - this.#sum) * rate;
    this.#weight = Math.min(this.#weight + 1, MAX_WEIGHT * 24);
    if (!isCold) {
      const passedMs = Math.min(Math.max(atMs - this.#lastMs, 0), LEVEL_MS / 10);
      this.#level += (passedMs / LEVEL_MS) * (taken / Math.max(mean, 1e-3) - 1) * this.#level;
      this.#level = Math.min(Math.max(this.#level, 0.02), 50);
      const beyond = ((taken - mean) ** 2 - mean) / (mean * mean);
      const step = Math.max(1 / 400, 1 / (this.#seen - COLD + 20));
      this.#spread += step * (Math.min(beyond, 4) - this.#spread);
      this.#spread = Math.max(this.#spread, 0);
    }
    this.#lastMs = atMs;
    this.#seen++;
  }

  #season(atMs: number): number {
    const [hour, day] = slotsOf(atMs);
    const dayWeight = this.#dayWeights[day]!;
    const daily = (this.#daySums[day]! * dayWeight + this.#sum * PRIOR) / (dayWeight + PRIOR);
    const weight = this.#weights[hour]!;
    return (this.#sums[hour]! * weight + daily * PRIOR * 4) / (weight + PRIOR * 4);
  }

  #weightAt(atMs: number): number {
    const [hour, day] = slotsOf(atMs);
    return this.#weights[hour]! + this.#dayWeights[day]! / 4;
  }

  /** Takes in what another node has learned of the same kind of traffic, weighted by how much each has seen. */
  merge(other: SeasonalBaseline): void {
    mergeMeans(this.#sums, this.#weights, other.#sums, other.#weights);
    mergeMeans(this.#daySums, this.#dayWeights, other.#daySums, other.#dayWeights);
    const total = this.#weight + other.#weight;
    if (total === 0) return;
    const share = other.#weight / total;
    this.#sum += (other.#sum - this.#sum) * share;
    this.#level += (other.#level - this.#level) * share;
    this.#spread += (other.#spread - this.#spread) * share;
    this.#weight = Math.min(total, MAX_WEIGHT * 24);
    this.#seen += other.#seen;
  }

  toJSON(): SeasonalState {
    return {
      sums: rounded(this.#sums),
      weights: rounded(this.#weights),
      daySums: rounded(this.#daySums),
      dayWeights: rounded(this.#dayWeights),
      rest: [this.#sum, this.#weight, this.#level, this.#spread, this.#seen, this.#lastMs],
    };
  }

  static from(value: SeasonalState): SeasonalBaseline {
    const baseline = new SeasonalBaseline();
    baseline.#sums.set(value.sums.slice(0, HOURS_OF_WEEK));
    baseline.#weights.set(value.weights.slice(0, HOURS_OF_WEEK));
    baseline.#daySums.set(value.daySums.slice(0, 24));
    baseline.#dayWeights.set(value.dayWeights.slice(0, 24));
    const [sum = 0, weight = 0, level = 1, spread = 0.25, seen = 0, lastMs = 0] = value.rest;
    baseline.#sum = sum;
    baseline.#weight = weight;
    baseline.#level = level;
    baseline.#spread = spread;
    baseline.#seen = seen;
    baseline.#lastMs = lastMs;
    return baseline;
  }
}

export interface SeasonalState {
  readonly sums: readonly number[];
  readonly weights: readonly number[];
  readonly daySums: readonly number[];
  readonly dayWeights: readonly number[];
  readonly rest: readonly number[];
}

/** Hour of the week from Monday 00:00 UTC, and hour of the day. */
export function slotsOf(atMs: number): readonly [number, number] {
  const hours = Math.floor(atMs / HOUR_MS);
  const hour = (((hours + MONDAY_OFFSET_HOURS) % HOURS_OF_WEEK) + HOURS_OF_WEEK) % HOURS_OF_WEEK;
  return [hour, hour % 24];
}

function learn(means: Float64Array, weights: Float64Array, slot: number, value: number): void {
  const weight = Math.min(weights[slot]! + 1, MAX_WEIGHT);
  weights[slot] = weight;
  means[slot] = means[slot]! + (value - means[slot]!) / weight;
}

function mergeMeans(
  means: Float64Array,
  weights: Float64Array,
  others: Float64Array,
  otherWeights: Float64Array,
): void {
  for (let i = 0; i < means.length; i++) {
    const total = weights[i]! + otherWeights[i]!;
    if (total === 0) continue;
    means[i] = (means[i]! * weights[i]! + others[i]! * otherWeights[i]!) / total;
    weights[i] = Math.min(total, MAX_WEIGHT);
  }
}

const rounded = (values: Float64Array): number[] => [...values].map((value) => Math.round(value * 1e4) / 1e4);
