// A set of address blocks in memory that threads can share: sorted, merged ranges in typed arrays. IPv4, nearly all of the traffic,
// is looked up as one 32-bit number: its upper bits point at the few ranges that it can be in, so that a million blocks cost what ten
// cost. IPv6 is looked up by halving, on words. HOT
import { type AddressRange, parseCidr } from './address.ts';
import { parseWords, V4_WORD } from './address-words.ts';

/** Plain data, to be posted to other threads. */
export interface AddressSetMemory {
  /** Ranges of IPv4 (first, last), the directory over them, ranges of IPv6 (four words first, four words last). */
  readonly words: Uint32Array;
  readonly v4Count: number;
  readonly v6Count: number;
  /** Upper bits of an IPv4 address that the directory goes by, 0 to 16. */
  readonly directoryBits: number;
}

/** Words that an address is looked up by; one for the thread. */
const sought = new Uint32Array(4);

export class AddressSet {
  readonly #words: Uint32Array;
  readonly #v4Count: number;
  readonly #directory: number;
  readonly #shift: number;
  readonly #v6: number;
  readonly #v6Count: number;

  /** Of texts, RangeError for one that is no block (check with `parseCidr` before), or of what a builder made. */
  constructor(blocks: readonly string[] | AddressSetMemory) {
    const { words, v4Count, v6Count, directoryBits } = Array.isArray(blocks)
      ? packed(blocks as readonly string[])
      : (blocks as AddressSetMemory);
    this.#words = words;
    this.#v4Count = v4Count;
    this.#directory = v4Count * 2;
    this.#shift = 32 - directoryBits;
    this.#v6 = v4Count * 2 + 2 ** directoryBits + 1;
    this.#v6Count = v6Count;
  }

  /** Ranges after merging. */
  get size(): number {
    return this.#v4Count + this.#v6Count;
  }

  /** Whether `address` is in a block; false for a text that is no address. */
  has(address: string): boolean {
    if (this.#v4Count + this.#v6Count === 0 || !parseWords(address, sought)) return false;
    return sought[0] === 0 && sought[1] === 0 && sought[2] === V4_WORD
      ? this.#hasV4(sought[3]!)
      : this.#hasV6();
  }

  #hasV4(value: number): boolean {
    const words = this.#words;
    const slot = this.#shift === 32 ? 0 : value >>> this.#shift;
    // Ranges that begin in the slot, and the last that began before it.
    let low = words[this.#directory + slot]!;
    let high = words[this.#directory + slot + 1]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (words[middle * 2]! <= value) low = middle + 1;
      else high = middle;
    }
    return low > 0 && value <= words[low * 2 - 1]!;
  }

  #hasV6(): boolean {
    let low = 0;
    let high = this.#v6Count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#v6 + middle * 8) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && this.#compare(this.#v6 + low * 8 - 4) >= 0;
  }

  /** Order of the value at `at` against what is sought. */
  #compare(at: number): number {
    const words = this.#words;
    for (let i = 0; i < 4; i++) {
      const word = words[at + i]!;
      const other = sought[i]!;
      if (word !== other) return word < other ? -1 : 1;
    }
    return 0;
  }
}

/** Lists can be long and stand in many places: each is compiled once. */
const compiled = new WeakMap<readonly string[], AddressSet>();

/** The set of a list that does not change. Throws RangeError as the constructor does. */
export function addressSetOf(blocks: readonly string[]): AddressSet {
  let set = compiled.get(blocks);
  if (set === undefined) {
    set = new AddressSet(blocks);
    compiled.set(blocks, set);
  }
  return set;
}

function packed(blocks: readonly string[]): AddressSetMemory {
  const builder = new AddressSetBuilder();
  for (const block of blocks) if (!builder.add(block)) throw new RangeError(`not an address block: ${block}`);
  return builder.finish(false);
}

const V4_FIRST = 0xffff_0000_0000n;
const V4_LAST = 0xffff_ffff_ffffn;

/** Collects blocks, a million and more, and packs them. */
export class AddressSetBuilder {
  /** IPv4 as `first × 64 + free bits`: numbers that sort by themselves. */
  #v4 = new Float64Array(64);
  #v4Count = 0;
  readonly #ranges: AddressRange[] = [];

  /** Blocks so far. */
  get size(): number {
    return this.#v4Count + this.#ranges.length;
  }

  /** False for a text that is no address or block. */
  add(text: string): boolean {
    const slash = text.indexOf('/');
    const isV4 = text.indexOf(':') === -1;
    if (isV4) {
      if (!parseWords(slash === -1 ? text : text.slice(0, slash), sought)) return false;
      const digits = slash === -1 ? '32' : text.slice(slash + 1);
      if (!/^(?:0|[1-9]|[12][0-9]|3[0-2])$/.test(digits)) return false;
      const free = 32 - Number(digits);
      const first = sought[3]!;
      if (free > 0 && first % 2 ** free !== 0) return false;
      this.#push(first * 64 + free);
      return true;
    }
    const range = parseCidr(text);
    if (range === null) return false;
    this.#ranges.push(range);
    return true;
  }

  /** Sorted, merged, with a directory; in shared memory, unless for one thread alone. */
  finish(isShared = true): AddressSetMemory {
    const v6 = merge(this.#ranges);
    // Blocks of IPv6 that hold the mapped part, `::/0` for one, hold all or some of IPv4.
    for (const { first, last } of clip(v6)) this.#addRange(first, last);
    const v4 = this.#v4.subarray(0, this.#v4Count).sort();
    const ranges = new Uint32Array(v4.length * 2);
    let v4Count = 0;
    for (const entry of v4) {
      const first = Math.floor(entry / 64);
      const last = first + 2 ** (entry % 64) - 1;
      const before = v4Count * 2 - 1;
      if (v4Count > 0 && first <= ranges[before]! + 1) {
        if (last > ranges[before]!) ranges[before] = last;
      } else {
        ranges[v4Count * 2] = first;
        ranges[v4Count * 2 + 1] = last;
        v4Count++;
      }
    }
    const directoryBits = Math.min(16, Math.ceil(Math.log2(Math.max(1, v4Count))));
    const slots = 2 ** directoryBits;
    const length = v4Count * 2 + slots + 1 + v6.length * 8;
    const words = isShared ? new Uint32Array(new SharedArrayBuffer(length * 4)) : new Uint32Array(length);
    words.set(ranges.subarray(0, v4Count * 2));
    let at = 0;
    for (let slot = 0; slot <= slots; slot++) {
      while (at < v4Count && ranges[at * 2]! < slot * 2 ** (32 - directoryBits)) at++;
      words[v4Count * 2 + slot] = at;
    }
    v6.forEach(({ first, last }, index) => {
      const place = v4Count * 2 + slots + 1 + index * 8;
      for (let i = 0; i < 4; i++) {
        const bits = BigInt(96 - i * 32);
        words[place + i] = Number((first >> bits) & 0xffff_ffffn);
        words[place + 4 + i] = Number((last >> bits) & 0xffff_ffffn);
      }
    });
    return { words, v4Count, v6Count: v6.length, directoryBits };
  }

  /** A range of IPv4, as the blocks that it is made of. */
  #addRange(first: number, last: number): void {
    for (let from = first; from <= last; ) {
      let free = 0;
      while (free < 32 && from % 2 ** (free + 1) === 0 && from + 2 ** (free + 1) - 1 <= last) free++;
      this.#push(from * 64 + free);
      from += 2 ** free;
    }
  }

  #push(entry: number): void {
    if (this.#v4Count === this.#v4.length) {
      const larger = new Float64Array(this.#v4.length * 2);
      larger.set(this.#v4);
      this.#v4 = larger;
    }
    this.#v4[this.#v4Count++] = entry;
  }
}

function merge(ranges: readonly AddressRange[]): { first: bigint; last: bigint }[] {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const out: { first: bigint; last: bigint }[] = [];
  for (const range of sorted) {
    const previous = out.at(-1);
    if (previous !== undefined && range.first <= previous.last + 1n) {
      if (range.last > previous.last) previous.last = range.last;
    } else out.push({ ...range });
  }
  return out;
}

/** What the ranges hold of IPv4. */
function clip(ranges: readonly AddressRange[]): { first: number; last: number }[] {
  return ranges
    .filter((range) => range.last >= V4_FIRST && range.first <= V4_LAST)
    .map((range) => ({
      first: Number((range.first < V4_FIRST ? V4_FIRST : range.first) - V4_FIRST),
      last: Number((range.last > V4_LAST ? V4_LAST : range.last) - V4_FIRST),
    }));
}
