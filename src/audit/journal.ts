// The journal: entries in their order, durable before anybody is told so. What the tree's tiles hold is taken from here, and
// after a crash what they do not hold yet is. A record is its length, a checksum over index and bytes, and the bytes; one
// that a crash has cut off is dropped, because nobody was told of it.
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  write,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { AuditError } from './contract.ts';
import { writeFiles } from './disk.ts';

const HEAD_BYTES = 8;

const writeSome = promisify(write);
const syncData = promisify(fdatasync);

/** Records of one write. */
export interface JournalBatch {
  readonly firstIndex: number;
  readonly entries: readonly Buffer[];
}

const checksum = (index: number, bytes: Uint8Array): number => crc32(bytes, index % 0x1_0000_0000);

export const journalName = (firstIndex: number): string => `${String(firstIndex).padStart(16, '0')}.journal`;

const indexOf = (name: string): number | null => {
  const match = /^(\d{16})\.journal$/.exec(name);
  return match === null ? null : Number(match[1]);
};

export class Journal {
  readonly #folder: string;
  #descriptor: number | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Entries of all files, in order. Throws AuditError for a hole, and for damage that no crash leaves. */
  recover(): { readonly firstIndex: number; readonly entries: Buffer[] } {
    const starts = readdirSync(this.#folder)
      .map(indexOf)
      .filter((index) => index !== null)
      .sort((a, b) => a - b);
    const entries: Buffer[] = [];
    const first = starts[0] ?? 0;
    starts.forEach((start, at) => {
      if (start > first + entries.length)
        throw new AuditError(`the journal has a hole before entry ${start}: restore it from a backup`);
      // A file that was begun anew repeats the last entries of the one before, which a crash kept from being removed.
      entries.length = start - first;
      entries.push(...this.#readFile(start, at === starts.length - 1));
    });
    const last = starts.at(-1);
    if (last !== undefined) this.#descriptor = openSync(join(this.#folder, journalName(last)), 'a', 0o600);
    return { firstIndex: first, entries };
  }

  #readFile(start: number, isLast: boolean): Buffer[] {
    const file = join(this.#folder, journalName(start));
    const bytes = readFileSync(file);
    const { entries, end } = readRecords(bytes, start);
    if (end === bytes.length) return entries;
    // A crash leaves the beginning of records at the end of the last file, and nothing that is whole behind it.
    if (!isLast || hasRecordBehind(bytes, end, start + entries.length))
      throw new AuditError(
        `the journal is damaged at entry ${start + entries.length}: restore it from a backup`,
      );
    const descriptor = openSync(file, 'r+');
    ftruncateSync(descriptor, end);
    fdatasyncSync(descriptor);
    closeSync(descriptor);
    return entries;
  }

  /** Appends; durable when it resolves. One call at a time. */
  async write({ firstIndex, entries }: JournalBatch): Promise<void> {
    if (this.#descriptor === null) await this.rotate(firstIndex, []);
    const descriptor = this.#descriptor!;
    const all = encodeRecords(firstIndex, entries);
    for (let at = 0; at < all.length; ) at += (await writeSome(descriptor, all, at)).bytesWritten;
    await syncData(descriptor);
  }

  /** Goes on in a new file that begins with `entries`, the first of them at the index; durable when it resolves. */
  async rotate(firstIndex: number, entries: readonly Buffer[]): Promise<void> {
    this.close();
    const file = join(this.#folder, journalName(firstIndex));
    await writeFiles([{ file, bytes: encodeRecords(firstIndex, entries) }]);
    this.#descriptor = openSync(file, 'a', 0o600);
  }

  /** Removes files whose entries all stand before `index` and in tiles. */
  forget(index: number): void {
    const starts = readdirSync(this.#folder)
      .map(indexOf)
      .filter((start) => start !== null)
      .sort((a, b) => a - b);
    for (let i = 0; i + 1 < starts.length; i++)
      if (starts[i + 1]! <= index) unlinkSync(join(this.#folder, journalName(starts[i]!)));
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

function encodeRecords(firstIndex: number, entries: readonly Buffer[]): Buffer {
  let length = 0;
  for (const bytes of entries) length += HEAD_BYTES + bytes.length;
  const all = Buffer.allocUnsafe(length);
  let at = 0;
  entries.forEach((bytes, i) => {
    all.writeUInt32BE(bytes.length, at);
    all.writeUInt32BE(checksum(firstIndex + i, bytes), at + 4);
    all.set(bytes, at + HEAD_BYTES);
    at += HEAD_BYTES + bytes.length;
  });
  return all;
}

function readRecords(bytes: Buffer, firstIndex: number): { entries: Buffer[]; end: number } {
  const entries: Buffer[] = [];
  let at = 0;
  while (at + HEAD_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const end = at + HEAD_BYTES + length;
    if (length === 0 || end > bytes.length) break;
    const entry = bytes.subarray(at + HEAD_BYTES, end);
    if (checksum(firstIndex + entries.length, entry) !== bytes.readUInt32BE(at + 4)) break;
    entries.push(entry);
    at = end;
  }
  return { entries, end: at };
}

/** Whether a whole record stands behind the broken one at `at`, whose length is believed. */
function hasRecordBehind(bytes: Buffer, at: number, index: number): boolean {
  if (at + HEAD_BYTES > bytes.length) return false;
  const next = at + HEAD_BYTES + bytes.readUInt32BE(at);
  return next < bytes.length && readRecords(bytes.subarray(next), index + 1).entries.length > 0;
}
