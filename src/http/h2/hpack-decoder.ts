// Field blocks to fields (HPACK, RFC 7541). Strict: an index that does not exist, a number that is too long or a bad
// Huffman code is a compression error and ends the connection, as both ends' tables are no longer the same. HOT
import { HpackEntry, staticTable } from './hpack-table.ts';
import { decodeHuffman } from './huffman.ts';

/** Size of the table that we let the peer use: the protocol's default, which needs no setting. */
export const DECODER_TABLE_BYTES = 4096;
/** Entries of at least 32 bytes each fit into the table. */
const RING = DECODER_TABLE_BYTES / 32;
/** Continuation bytes of a number: 28 bits are more than any length or index here. */
const MAX_NUMBER_BYTES = 4;

export interface FieldSink {
  onField(entry: HpackEntry): void;
}

export class HpackDecoder {
  readonly #ring: (HpackEntry | null)[] = new Array<HpackEntry | null>(RING).fill(null);
  /** Entries ever inserted and entries in the table. */
  #inserted = 0;
  #count = 0;
  #size = 0;
  #maxSize = DECODER_TABLE_BYTES;
  #at = 0;
  #failed = false;

  /** Decodes the block `bytes[start, end)` into `sink`; false when it is not valid, then the decoder is of no more use. */
  run(bytes: Uint8Array, start: number, end: number, sink: FieldSink): boolean {
    this.#at = start;
    this.#failed = false;
    let first = true;
    let updates = 0;
    while (this.#at < end) {
      const byte = bytes[this.#at]!;
      if (byte >= 0x80) {
        const entry = this.#entry(this.#number(bytes, end, 7));
        if (entry === null) return false;
        sink.onField(entry);
      } else if (byte >= 0x40) {
        const entry = this.#literal(bytes, end, 6);
        if (entry === null) return false;
        this.#insert(entry);
        sink.onField(entry);
      } else if (byte >= 0x20) {
        // Only at the beginning of a block, and at most two of them (RFC 7541 section 4.2).
        const size = this.#number(bytes, end, 5);
        if (!first || ++updates > 2 || this.#failed || size > DECODER_TABLE_BYTES) return false;
        this.#maxSize = size;
        this.#evict(0);
        continue;
      } else {
        const entry = this.#literal(bytes, end, 4);
        if (entry === null) return false;
        sink.onField(entry);
      }
      first = false;
    }
    return !this.#failed && this.#at === end;
  }

  #entry(index: number): HpackEntry | null {
    if (this.#failed || index <= 0) return null;
    if (index <= staticTable.length) return staticTable[index - 1]!;
    const back = index - staticTable.length;
    if (back > this.#count) return null;
    return this.#ring[(this.#inserted - back) & (RING - 1)]!;
  }

  #literal(bytes: Uint8Array, end: number, prefix: number): HpackEntry | null {
    const index = this.#number(bytes, end, prefix);
    let name: string | null;
    if (index === 0) name = this.#text(bytes, end);
    else {
      const named = this.#entry(index);
      name = named === null ? null : named.name;
    }
    if (name === null || this.#failed) return null;
    const value = this.#text(bytes, end);
    return value === null ? null : new HpackEntry(name, value);
  }

  /** A number with a prefix of so many bits (RFC 7541 section 5.1). */
  #number(bytes: Uint8Array, end: number, prefix: number): number {
    const mask = (1 << prefix) - 1;
    if (this.#at >= end) return this.#fail();
    let value = bytes[this.#at++]! & mask;
    if (value < mask) return value;
    for (let i = 0; i < MAX_NUMBER_BYTES; i++) {
      if (this.#at >= end) return this.#fail();
      const byte = bytes[this.#at++]!;
      value += (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    return this.#fail();
  }

  #text(bytes: Uint8Array, end: number): string | null {
    if (this.#at >= end) return null;
    const isHuffman = bytes[this.#at]! >= 0x80;
    const length = this.#number(bytes, end, 7);
    const from = this.#at;
    if (this.#failed || length > end - from) return null;
    this.#at = from + length;
    if (isHuffman) return decodeHuffman(bytes, from, from + length);
    return (bytes as Buffer).toString('latin1', from, from + length);
  }

  #fail(): number {
    this.#failed = true;
    return 0;
  }

  #insert(entry: HpackEntry): void {
    this.#evict(entry.size);
    // An entry larger than the table empties it and is not kept (RFC 7541 section 4.4).
    if (entry.size > this.#maxSize) return;
    this.#ring[this.#inserted & (RING - 1)] = entry;
    this.#inserted++;
    this.#count++;
    this.#size += entry.size;
  }

  #evict(room: number): void {
    while (this.#count > 0 && this.#size + room > this.#maxSize) {
      const oldest = (this.#inserted - this.#count) & (RING - 1);
      this.#size -= this.#ring[oldest]!.size;
      this.#ring[oldest] = null;
      this.#count--;
    }
  }
}
