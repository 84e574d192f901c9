// Bans in memory that all threads share: the main thread writes, every thread reads without a lock. A look costs one probe for each
// length of prefix that is in use, and nothing where there are no bans. HOT
import { randomBytes } from 'node:crypto';
import { parseWords, V4_WORD } from '../net/index.ts';

const WAYS = 8;
/** Words of a slot: hash high, hash low, until (s since the epoch). */
const SLOT = 3;
/** Words of the header: bans, and two that tell which lengths of prefixes are in use: 0 to 31 and 32 to 63 … of 129. */
const COUNT = 0;
const LENGTHS = 1;
const HEADER_WORDS = 16;
const V4_BITS = 96;

export interface BanMemory {
  readonly buffer: SharedArrayBuffer;
  readonly buckets: number;
  readonly seed: readonly [number, number];
}

/** Room for some 0.5 × `slots` bans. */
export function createBanTable(slots = 131_072): BanMemory {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, slots / WAYS)));
  const random = randomBytes(8);
  return {
    buffer: new SharedArrayBuffer((HEADER_WORDS + buckets * WAYS * SLOT) * 4),
    buckets,
    seed: [random.readInt32LE(0), random.readInt32LE(4)],
  };
}

export class BanTable {
  readonly #words: Int32Array;
  readonly #buckets: number;
  readonly #seed: readonly [number, number];
  readonly #address = new Uint32Array(4);
  #high = 0;
  #low = 0;

  constructor({ buffer, buckets, seed }: BanMemory) {
    this.#words = new Int32Array(buffer);
    this.#buckets = buckets;
    this.#seed = seed;
  }

  /** Bans that were set and not taken back; some of them may have ended. */
  get size(): number {
    return Atomics.load(this.#words, COUNT);
  }

  /** Until when `address` is banned, s since the epoch; 0 when it is not. `nowSeconds`: now. */
  until(address: string, nowSeconds: number): number {
    if (Atomics.load(this.#words, COUNT) === 0 || !parseWords(address, this.#address)) return 0;
    const isV4 = this.#address[2] === V4_WORD && this.#address[0] === 0 && this.#address[1] === 0;
    let longest = 0;
    // IPv4 counts from its own first bit.
    for (let word = isV4 ? V4_BITS / 32 : 0; word < 5; word++) {
      let lengths = Atomics.load(this.#words, LENGTHS + word);
      while (lengths !== 0) {
        const bit = 31 - Math.clz32(lengths & -lengths);
        lengths &= lengths - 1;
        const slot = this.#find(word * 32 + bit);
        if (slot === -1) continue;
        const until = Atomics.load(this.#words, slot + 2);
        if (until > nowSeconds && until > longest) longest = until;
      }
    }
    return longest;
  }

  /** Sets or moves the end of a ban. `block` as `banBlock` writes it. False when there is no room. */
  set(block: string, untilSeconds: number): boolean {
    const bits = this.#read(block);
    const words = this.#words;
    let slot = this.#find(bits);
    if (slot === -1) {
      const first = this.#first();
      for (let at = first; at < first + WAYS * SLOT; at += SLOT)
        if (words[at + 2] === 0) {
          slot = at;
          break;
        }
      if (slot === -1) return false;
      // INVARIANT: a reader that sees the hash sees no end yet, or the right one.
      Atomics.store(words, slot, this.#high);
      Atomics.store(words, slot + 1, this.#low);
      Atomics.add(words, COUNT, 1);
    }
    Atomics.store(words, slot + 2, untilSeconds);
    Atomics.or(words, LENGTHS + (bits >> 5), 1 << (bits & 31));
    return true;
  }

  delete(block: string): void {
    const slot = this.#find(this.#read(block));
    if (slot === -1) return;
    Atomics.store(this.#words, slot + 2, 0);
    Atomics.store(this.#words, slot, 0);
    Atomics.store(this.#words, slot + 1, 0);
    Atomics.sub(this.#words, COUNT, 1);
  }

  #read(block: string): number {
    const slash = block.lastIndexOf('/');
    if (!parseWords(block.slice(0, slash), this.#address)) throw new RangeError(`not a block: ${block}`);
    return Number(block.slice(slash + 1)) + (block.includes(':') ? 0 : V4_BITS);
  }

  /** Slot of the address cut to `bits`, -1 when there is none. */
  #find(bits: number): number {
    this.#hash(bits);
    const words = this.#words;
    const first = this.#first();
    for (let at = first; at < first + WAYS * SLOT; at += SLOT)
      if (
        Atomics.load(words, at) === this.#high &&
        Atomics.load(words, at + 1) === this.#low &&
        Atomics.load(words, at + 2) !== 0
      )
        return at;
    return -1;
  }

  #first(): number {
    return HEADER_WORDS + ((this.#high >>> 0) & (this.#buckets - 1)) * WAYS * SLOT;
  }

  /** Seeded, so that nobody can aim at a bucket. */
  #hash(bits: number): void {
    let a = this.#seed[0] ^ Math.imul(bits + 1, 0x9e3779b1);
    let b = this.#seed[1] ^ Math.imul(bits + 1, 0x85ebca77);
    for (let i = 0; i < 4; i++) {
      const kept = Math.max(0, Math.min(32, bits - i * 32));
      const word = kept === 0 ? 0 : this.#address[i]! & (-1 << (32 - kept));
      a = Math.imul(a ^ word, 0xcc9e2d51);
      a = (a << 13) | (a >>> 19);
      b = Math.imul(b + word, 0x1b873593) ^ a;
      b = (b << 17) | (b >>> 15);
    }
    a = Math.imul(a ^ (a >>> 16) ^ b, 0x85ebca6b);
    this.#high = a ^ (a >>> 13);
    b = Math.imul(b ^ (b >>> 15) ^ this.#high, 0xc2b2ae35);
    this.#low = b ^ (b >>> 16);
  }
}
