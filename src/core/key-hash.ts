// A keyed 64-bit hash over strings, so that nobody who does not know the seed can aim at a cell of the table
// (hash flooding). Two 32-bit lanes with the finaliser of MurmurHash3; the seed is random at every start. HOT

export class KeyHasher {
  /** The two halves of the last hash. */
  high = 0;
  low = 0;
  readonly #seedHigh: number;
  readonly #seedLow: number;

  constructor(seedHigh: number, seedLow: number) {
    this.#seedHigh = seedHigh | 0;
    this.#seedLow = seedLow | 0;
  }

  /** Hashes `limitId`, an integer below 2^53, and `key` into `high` and `low`. */
  run(limitId: number, key: string): void {
    let a = this.#seedHigh ^ Math.imul(limitId + 1, 0x9e3779b1);
    let b = this.#seedLow ^ Math.imul(limitId / 0x1_0000_0000 + 1, 0x85ebca77);
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i);
      a = Math.imul(a ^ code, 0xcc9e2d51);
      a = (a << 13) | (a >>> 19);
      b = Math.imul(b + code, 0x1b873593) ^ a;
      b = (b << 17) | (b >>> 15);
    }
    a = mix(a ^ key.length ^ b);
    b = mix(b ^ a);
    this.high = a;
    // Zero marks an empty cell.
    this.low = b === 0 && a === 0 ? 1 : b;
  }
}

function mix(value: number): number {
  let h = value;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
