// Fields to field blocks (HPACK, RFC 7541). A value that comes twice in a row under its name goes into the table and
// costs one byte from then on; values that change are written out; credentials are never put into a table, so that
// no length tells about them (RFC 7541 section 7.1). HOT
import type { FieldList } from '../fields/index.ts';
import { staticNames } from './hpack-table.ts';

/** Names remembered at most; fields of others are written out. */
const MAX_NAMES = 64;
/** Longest value worth a place in the table, bytes. */
const MAX_INDEXED_VALUE = 512;
const STATIC_ENTRIES = 61;

const never = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie', 'x-api-key']);
const staticStatuses: Readonly<Record<number, string>> = {
  200: '\x88',
  204: '\x89',
  206: '\x8a',
  304: '\x8b',
  400: '\x8c',
  404: '\x8d',
  500: '\x8e',
};
const STATUS_NAME = 8;

const char = String.fromCharCode;

/** A number with a prefix of so many bits, under the bits that `first` sets (RFC 7541 section 5.1). */
export function encodeNumber(value: number, prefix: number, first: number): string {
  const mask = (1 << prefix) - 1;
  if (value < mask) return char(first | value);
  let out = char(first | mask);
  let rest = value - mask;
  while (rest >= 0x80) {
    out += char(0x80 | (rest & 0x7f));
    rest >>>= 7;
  }
  return out + char(rest);
}

/** A string, not Huffman-coded. `text` holds one latin1 character a byte. */
const encodeText = (text: string): string => encodeNumber(text.length, 7, 0) + text;

/** What the encoder knows of a field name. */
class NameRow {
  readonly staticIndex: number;
  readonly neverIndexed: boolean;
  /** Beginning of a field that is written out: name and representation. */
  readonly literal: string;
  lastValue = '';
  /** Number of the table's entry that holds `lastValue`, or -1. */
  entry = -1;

  constructor(name: string) {
    this.staticIndex = staticNames.get(name) ?? 0;
    this.neverIndexed = never.has(name);
    const first = this.neverIndexed ? 0x10 : 0;
    this.literal =
      this.staticIndex !== 0 ? encodeNumber(this.staticIndex, 4, first) : char(first) + encodeText(name);
  }
}

interface TableEntry {
  readonly row: NameRow;
  readonly number: number;
  readonly size: number;
}

export class HpackEncoder {
  readonly #names = new Map<string, NameRow>();
  #entries: TableEntry[] = [];
  /** Index in `#entries` of the oldest entry that is still in the table. */
  #oldest = 0;
  #inserted = 0;
  #size = 0;
  #maxSize = 4096;
  /** Size update that the next block must begin with, or -1. */
  #update = -1;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; no more than the default is used. */
  setMaxSize(size: number): void {
    const next = Math.min(size, 4096);
    if (next === this.#maxSize) return;
    this.#maxSize = next;
    this.#update = next;
    this.#evict(0);
  }

  /** What a block begins with. */
  begin(): string {
    if (this.#update === -1) return '';
    const out = encodeNumber(this.#update, 5, 0x20);
    this.#update = -1;
    return out;
  }

  encodeStatus(status: number): string {
    return staticStatuses[status] ?? encodeNumber(STATUS_NAME, 4, 0) + encodeText(String(status));
  }

  /** All fields of a list, in order. */
  encodeFields(fields: FieldList): string {
    const { names, values } = fields;
    let out = '';
    for (let i = 0; i < names.length; i++) out += this.encodeField(names[i]!, values[i]!);
    return out;
  }

  encodeField(name: string, value: string): string {
    let row = this.#names.get(name);
    if (row === undefined) {
      row = new NameRow(name);
      if (this.#names.size >= MAX_NAMES) return row.literal + encodeText(value);
      this.#names.set(name, row);
    } else if (row.lastValue === value) {
      if (row.entry !== -1) return encodeNumber(STATIC_ENTRIES + this.#inserted - row.entry, 7, 0x80);
      if (!row.neverIndexed && value.length <= MAX_INDEXED_VALUE) return this.#insert(row, name, value);
    }
    row.lastValue = value;
    row.entry = -1;
    return row.literal + encodeText(value);
  }

  #insert(row: NameRow, name: string, value: string): string {
    const size = name.length + value.length + 32;
    this.#evict(size);
    if (size > this.#maxSize) return row.literal + encodeText(value);
    row.entry = this.#inserted++;
    this.#entries.push({ row, number: row.entry, size });
    this.#size += size;
    return (
      (row.staticIndex !== 0 ? encodeNumber(row.staticIndex, 6, 0x40) : '\x40' + encodeText(name)) +
      encodeText(value)
    );
  }

  #evict(room: number): void {
    while (this.#oldest < this.#entries.length && this.#size + room > this.#maxSize) {
      const entry = this.#entries[this.#oldest++]!;
      this.#size -= entry.size;
      if (entry.row.entry === entry.number) entry.row.entry = -1;
    }
    if (this.#oldest > 256) {
      this.#entries = this.#entries.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}
