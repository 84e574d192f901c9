// A bounded window of the latest values with a robust centre and scale, which are looked at anew now and then rather than at
// every value.

/** Values between two looks, once the window has filled somewhat. */
const REFRESH = 24;
const EARLY_REFRESH = 5;
const EARLY = 100;
/** Share of the standard deviation that the scale has at least: where most values are equal, the median deviation is zero. */
const LEAST_OF_DEVIATION = 0.15;

export class TrailingWindow {
  readonly #values: Float64Array;
  #count = 0;
  #centre = 0;
  #scale = 1;
  #refreshAt = 0;

  /** Without `isMeasured` values are only kept. */
  constructor(size: number, isMeasured = true) {
    this.#values = new Float64Array(size);
    if (!isMeasured) this.#refreshAt = Number.POSITIVE_INFINITY;
  }

  /** How many values are kept. */
  get length(): number {
    return Math.min(this.#count, this.#values.length);
  }

  /** The value `back` steps before the latest; `back` < length. */
  at(back: number): number {
    return this.#values[(this.#count - 1 - back) % this.#values.length]!;
  }

  /** Median deviation as a standard deviation, above 0. */
  get scale(): number {
    return this.#scale;
  }

  /** Mean of the latest `size` values, or of all when there are fewer. */
  mean(size: number): number {
    const count = Math.min(size, this.length);
    let sum = 0;
    for (let back = 0; back < count; back++) sum += this.at(back);
    return count === 0 ? 0 : sum / count;
  }

  /** Distance of a value from the centre, in scales. */
  distance(value: number): number {
    return Math.abs(value - this.#centre) / this.#scale;
  }

  push(value: number): void {
    this.#values[this.#count++ % this.#values.length] = value;
    if (this.#count >= this.#refreshAt) this.#refresh();
  }

  #refresh(): void {
    this.#refreshAt = this.#count + (this.#count < EARLY ? EARLY_REFRESH : REFRESH);
    const values = this.#values.subarray(0, this.length);
    this.#centre = medianOf(values);
    const deviation = medianOf(values.map((value) => Math.abs(value - this.#centre))) * 1.4826;
    let sum = 0;
    for (const value of values) sum += value;
    const mean = sum / values.length;
    let squares = 0;
    for (const value of values) squares += (value - mean) ** 2;
    const standard = Math.sqrt(squares / values.length);
    this.#scale = Math.max(deviation, LEAST_OF_DEVIATION * standard, 1e-6 * Math.abs(this.#centre), 1e-12);
  }

  toJSON(): string {
    const values = Float64Array.from({ length: this.length }, (_, index) => this.at(this.length - 1 - index));
    return Buffer.from(values.buffer).toString('base64');
  }

  static from(text: string, size: number, isMeasured = true): TrailingWindow {
    const window = new TrailingWindow(size, isMeasured);
    const bytes = Buffer.from(text, 'base64');
    for (let at = 0; at + 8 <= bytes.length; at += 8) window.push(bytes.readDoubleLE(at));
    return window;
  }
}

/** Median; 0 of nothing. */
export function medianOf(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
