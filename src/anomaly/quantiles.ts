// Quantiles with a bounded relative error: DDSketch (Masson, Rim, Lee 2019). Buckets grow geometrically, so that merging is adding,
// and the sketch of two nodes is exactly the one of their union. Values that are smaller than `MIN_VALUE` count as zero.

/** Relative error of a quantile. */
const ACCURACY = 0.02;
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
const MIN_VALUE = 1e-6;
/** Buckets kept: the span of values is GAMMA^BUCKETS, about 8 decades; what is lower collapses into the lowest. */
const BUCKETS = 480;

export class QuantileSketch {
  readonly #buckets = new Map<number, number>();
  #zeros = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds a value ≥ 0; negative ones count as zero. */
  add(value: number, weight = 1): void {
    this.#count += weight;
    if (!(value > MIN_VALUE)) {
      this.#zeros += weight;
      return;
    }
    const index = Math.ceil(Math.log(value) / LOG_GAMMA);
    this.#buckets.set(index, (this.#buckets.get(index) ?? 0) + weight);
    if (this.#buckets.size > BUCKETS) this.#collapse();
  }

  /** The two lowest buckets become one: high quantiles are what alarms are made of. */
  #collapse(): void {
    const [lowest, next] = [...this.#buckets.keys()].sort((a, b) => a - b) as [number, number];
    this.#buckets.set(next, this.#buckets.get(next)! + this.#buckets.get(lowest)!);
    this.#buckets.delete(lowest);
  }

  /** Value below which the share `q` in [0, 1] lies, within 2 %; 0 when empty. */
  quantile(q: number): number {
    if (this.#count === 0) return 0;
    const rank = q * this.#count - 1e-9;
    let seen = this.#zeros;
    if (seen >= rank && this.#zeros > 0) return 0;
    let last = 0;
    for (const index of [...this.#buckets.keys()].sort((a, b) => a - b)) {
      seen += this.#buckets.get(index)!;
      last = index;
      if (seen >= rank) break;
    }
    return (2 * GAMMA ** last) / (GAMMA + 1);
  }

  /** Share of values that are at least `value` as far as buckets tell, in [0, 1]. */
  shareAtLeast(value: number): number {
    if (this.#count === 0) return 0;
    if (!(value > MIN_VALUE)) return 1;
    const index = Math.ceil(Math.log(value) / LOG_GAMMA);
    let above = 0;
    for (const [at, weight] of this.#buckets) if (at >= index) above += weight;
    return above / this.#count;
  }

  merge(other: QuantileSketch): void {
    this.#count += other.#count;
    this.#zeros += other.#zeros;
    for (const [index, weight] of other.#buckets)
      this.#buckets.set(index, (this.#buckets.get(index) ?? 0) + weight);
    while (this.#buckets.size > BUCKETS) this.#collapse();
  }

  /** Lets what is old fade: all weights are multiplied by `factor` in (0, 1). */
  decay(factor: number): void {
    this.#count *= factor;
    this.#zeros *= factor;
    for (const [index, weight] of this.#buckets) {
      if (weight * factor < 1e-3) {
        this.#buckets.delete(index);
        this.#count -= weight * factor;
      } else this.#buckets.set(index, weight * factor);
    }
  }

  clear(): void {
    this.#buckets.clear();
    this.#zeros = 0;
    this.#count = 0;
  }

  toJSON(): { zeros: number; buckets: [number, number][] } {
    return { zeros: this.#zeros, buckets: [...this.#buckets].sort(([a], [b]) => a - b) };
  }

  static from(value: {
    readonly zeros: number;
    readonly buckets: readonly (readonly [number, number])[];
  }): QuantileSketch {
    const sketch = new QuantileSketch();
    sketch.#zeros = value.zeros;
    sketch.#count = value.zeros;
    for (const [index, weight] of value.buckets) {
      sketch.#buckets.set(index, weight);
      sketch.#count += weight;
    }
    return sketch;
  }
}
