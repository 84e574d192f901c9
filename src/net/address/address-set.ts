// A set of address blocks: sorted, merged ranges in typed arrays, searched by halving. IPv4, nearly all of the
// traffic, is looked up as one 32-bit number without a BigInt; a million blocks take twenty steps. HOT
import { parseAddress, parseCidr } from './address.ts';

const V4_FIRST = 0xffff_0000_0000n;
const V4_LAST = 0xffff_ffff_ffffn;

export class AddressSet {
  readonly #v4First: Uint32Array;
  readonly #v4Last: Uint32Array;
  readonly #first: BigUint64Array;
  readonly #last: BigUint64Array;

  /** Throws RangeError for a text that is no block; check with `parseCidr` before. */
  constructor(blocks: readonly string[]) {
    const ranges = blocks.map((block) => {
      const range = parseCidr(block);
      if (range === null) throw new RangeError(`not an address block: ${block}`);
      return range;
    });
    const merged = merge(ranges);
    const v4 = clip(merged, V4_FIRST, V4_LAST);
    this.#v4First = Uint32Array.from(v4, (range) => Number(range.first - V4_FIRST));
    this.#v4Last = Uint32Array.from(v4, (range) => Number(range.last - V4_FIRST));
    this.#first = halves(merged.map((range) => range.first));
    this.#last = halves(merged.map((range) => range.last));
  }

  /** Whether `address` is in a block; false for a text that is no address. */
  has(address: string): boolean {
    const v4 = parseV4(address);
    return v4 === -1 ? this.#hasLong(address) : this.#hasV4(v4);
  }

  #hasV4(value: number): boolean {
    const first = this.#v4First;
    let low = 0;
    let high = first.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (first[middle]! <= value) low = middle + 1;
      else high = middle;
    }
    return low > 0 && value <= this.#v4Last[low - 1]!;
  }

  #hasLong(address: string): boolean {
    const value = parseAddress(address);
    if (value === null) return false;
    let low = 0;
    let high = this.#first.length >>> 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#first, middle, value.high, value.low) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compare(this.#last, low - 1, value.high, value.low) >= 0;
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

/** Order of entry `index` against a value: negative, zero or positive. */
function compare(list: BigUint64Array, index: number, high: bigint, low: bigint): number {
  const entryHigh = list[index * 2]!;
  if (entryHigh !== high) return entryHigh < high ? -1 : 1;
  const entryLow = list[index * 2 + 1]!;
  return entryLow === low ? 0 : entryLow < low ? -1 : 1;
}

function halves(values: readonly bigint[]): BigUint64Array {
  const out = new BigUint64Array(values.length * 2);
  values.forEach((value, i) => {
    out[i * 2] = value >> 64n;
    out[i * 2 + 1] = value & 0xffff_ffff_ffff_ffffn;
  });
  return out;
}

interface Range {
  first: bigint;
  last: bigint;
}

function merge(ranges: readonly Readonly<Range>[]): Range[] {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const out: Range[] = [];
  for (const range of sorted) {
    const previous = out.at(-1);
    if (previous !== undefined && range.first <= previous.last + 1n) {
      if (range.last > previous.last) previous.last = range.last;
    } else out.push({ ...range });
  }
  return out;
}

function clip(ranges: readonly Range[], first: bigint, last: bigint): Range[] {
  return ranges
    .filter((range) => range.last >= first && range.first <= last)
    .map((range) => ({
      first: range.first < first ? first : range.first,
      last: range.last > last ? last : range.last,
    }));
}

/** Value of a dotted quad, -1 when the text is none. */
function parseV4(text: string): number {
  let value = 0;
  let part = -1;
  let dots = 0;
  if (text.length > 15) return -1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      if (part === -1) return -1;
      value = value * 256 + part;
      part = -1;
      dots++;
    } else {
      const digit = code - 48;
      if (digit < 0 || digit > 9 || part === 0) return -1;
      part = part === -1 ? digit : part * 10 + digit;
      if (part > 255) return -1;
    }
  }
  return dots === 3 && part !== -1 ? value * 256 + part : -1;
}
