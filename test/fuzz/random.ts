// Random numbers that a seed repeats (mulberry32), and the choices that generators make with them.

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to 1, without 1. */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Whole number from 0 to `end` - 1. */
  below(end: number): number {
    return Math.floor(this.unit() * end);
  }

  /** Whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** `length` characters out of `alphabet`. */
  text(alphabet: string, length: number): string {
    let out = '';
    for (let i = 0; i < length; i++) out += alphabet[this.below(alphabet.length)]!;
    return out;
  }

  /** Ascending offsets into `length` bytes, at most `most` of them. */
  cuts(length: number, most: number): number[] {
    return Array.from({ length: this.between(0, most) }, () => this.below(length + 1)).sort((a, b) => a - b);
  }
}

export const newSeed = (): number => Math.floor(Math.random() * 4_294_967_296);
