// How many different keys: exact while they are few, HyperLogLog (Flajolet et al. 2007) beyond. Most callers touch a handful of
// anything, so that a counter is some tens of bytes until it has to be more. Union is exact: the registers of two nodes
// merge into those that one node would have.
import { KeyHasher } from '../core/index.ts';

/** Keys that are kept as they are, as hashes. */
const EXACT = 24;
/** 2^10 registers: standard error 1.04/√1024 = 3.3 %. */
const PRECISION_BITS = 10;
const REGISTERS = 1 << PRECISION_BITS;

/** Hashes for all counters that are to be merged. With a secret seed nobody outside can choose keys that collide. */
export class DistinctHash {
  readonly #hasher: KeyHasher;

  constructor(seedHigh: number, seedLow: number) {
    this.#hasher = new KeyHasher(seedHigh, seedLow);
  }

  /** 52 bits of the key's hash. */
  of(key: string): number {
    this.#hasher.run(0, key);
    return (this.#hasher.high >>> 0) * 1_048_576 + (this.#hasher.low >>> 12);
  }
}

export class DistinctCounter {
  #few: number[] | null = [];
  #registers: Uint8Array | null = null;

  /** Adds a hash of `DistinctHash`; true when it was certainly not there before. */
  add(hash: number): boolean {
    const few = this.#few;
    if (few !== null) {
      if (few.includes(hash)) return false;
      few.push(hash);
      if (few.length > EXACT) this.#grow(few);
      return true;
    }
    return this.#mark(hash);
  }

  #grow(few: readonly number[]): void {
    this.#registers = new Uint8Array(REGISTERS);
    this.#few = null;
    for (const hash of few) this.#mark(hash);
  }

  #mark(hash: number): boolean {
    const high = Math.floor(hash / 1_048_576);
    const register = high >>> (32 - PRECISION_BITS);
    // 22 bits of the high word and 20 of the low one are left for the run of zeros.
    const rest = ((high << PRECISION_BITS) >>> 0) | ((hash % 1_048_576) >>> (20 - PRECISION_BITS));
    const rank = rest === 0 ? 33 : Math.clz32(rest) + 1;
    const registers = this.#registers!;
    if (registers[register]! >= rank) return false;
    registers[register] = rank;
    return true;
  }

  get size(): number {
    if (this.#few !== null) return this.#few.length;
    let sum = 0;
    let empty = 0;
    for (const rank of this.#registers!) {
      sum += 2 ** -rank;
      if (rank === 0) empty++;
    }
    const raw = ((0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS * REGISTERS) / sum;
    return Math.round(raw <= 2.5 * REGISTERS && empty > 0 ? REGISTERS * Math.log(REGISTERS / empty) : raw);
  }

  /** Takes in what another has counted. */
  merge(other: DistinctCounter): void {
    if (other.#few !== null) {
      for (const hash of other.#few) this.add(hash);
      return;
    }
    if (this.#few !== null) this.#grow(this.#few);
    const [mine, theirs] = [this.#registers!, other.#registers!];
    for (let i = 0; i < REGISTERS; i++) if (theirs[i]! > mine[i]!) mine[i] = theirs[i]!;
  }

  clear(): void {
    this.#few = [];
    this.#registers = null;
  }

  toJSON(): { few: readonly number[] } | { registers: string } {
    return this.#few === null
      ? { registers: Buffer.from(this.#registers!).toString('base64') }
      : { few: this.#few };
  }

  /** Throws RangeError for what `toJSON` has not made. */
  static from(value: { few?: readonly number[]; registers?: string }): DistinctCounter {
    const counter = new DistinctCounter();
    if (value.few !== undefined) for (const hash of value.few) counter.add(hash);
    else {
      const registers = new Uint8Array(Buffer.from(value.registers ?? '', 'base64'));
      if (registers.length !== REGISTERS || registers.some((rank) => rank > 33))
        throw new RangeError('the registers are not those of a counter');
      counter.#few = null;
      counter.#registers = registers;
    }
    return counter;
  }
}
