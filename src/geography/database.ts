// One file in MaxMind DB format (https://maxmind.github.io/MaxMind-DB/), read in place: the bytes may be shared by all
// threads. Whether they are sound is checked once, so that a torn file is refused when it is loaded and not met by a request.
import { Reader, type Response } from 'mmdb-lib';
import { parseMetadata } from 'mmdb-lib/lib/metadata.js';
import type { DatabaseInfo } from './contract.ts';

/** The file is no database that can be used; the message says why. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

const MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
/** The metadata stand in the last bytes of the file (format, section "Database Metadata"). */
export const METADATA_BYTES = 131_072;
/** Bytes between the search tree and the data. */
const SEPARATOR_BYTES = 16;
export class Database {
  readonly info: DatabaseInfo;
  readonly #bytes: Buffer;
  readonly #reader: Reader<Response>;

  /** Throws DatabaseError for bytes that are no database, or not a whole one. */
  constructor(bytes: Buffer) {
    this.info = databaseInfo(bytes);
    this.#bytes = bytes;
    try {
      this.#reader = new Reader(bytes);
    } catch (error) {
      throw new DatabaseError(`it can not be read: ${(error as Error).message}`);
    }
    const { nodeCount, searchTreeSize } = this.#reader.metadata;
    const isWhole =
      Number.isSafeInteger(nodeCount) && nodeCount > 0 && searchTreeSize + SEPARATOR_BYTES < bytes.length;
    if (!isWhole) throw new DatabaseError('it ends before its data begin');
  }

  get nodeCount(): number {
    return this.#reader.metadata.nodeCount;
  }

  /** The record of an address in canonical form; null when there is none, or it can not be read. */
  recordOf(address: string): unknown {
    // A tree of IPv4 alone would take the first bits of a longer address for one of its own.
    if (this.info.ipVersion === 4 && address.includes(':')) return null;
    try {
      return this.#reader.get(address);
    } catch {
      return null;
    }
  }

  /** Looks at `count` nodes from `first` on; throws DatabaseError when one leads out of the file. */
  checkNodes(first: number, count: number): void {
    const { nodeCount, recordSize, searchTreeSize, nodeByteSize } = this.#reader.metadata;
    const end = nodeCount + this.#bytes.length - searchTreeSize;
    const last = Math.min(nodeCount, first + count);
    for (let node = first; node < last; node++) {
      const [left, right] = recordsAt(this.#bytes, node * nodeByteSize, recordSize);
      if (!isTarget(left, nodeCount, end) || !isTarget(right, nodeCount, end))
        throw new DatabaseError('its search tree leads out of the file');
    }
  }
}

/** A node, "not found", or data behind the separator. */
const isTarget = (record: number, nodeCount: number, end: number): boolean =>
  record <= nodeCount || (record >= nodeCount + SEPARATOR_BYTES && record < end);

const pair: [number, number] = [0, 0];

function recordsAt(bytes: Buffer, at: number, recordSize: number): readonly [number, number] {
  if (recordSize === 24) {
    pair[0] = bytes.readUIntBE(at, 3);
    pair[1] = bytes.readUIntBE(at + 3, 3);
  } else if (recordSize === 28) {
    const middle = bytes[at + 3]!;
    pair[0] = ((middle & 0xf0) << 20) | bytes.readUIntBE(at, 3);
    pair[1] = ((middle & 0x0f) << 24) | bytes.readUIntBE(at + 4, 3);
  } else {
    pair[0] = bytes.readUInt32BE(at);
    pair[1] = bytes.readUInt32BE(at + 4);
  }
  return pair;
}

/** What the database says of itself, from its last METADATA_BYTES. Throws DatabaseError. */
export function databaseInfo(tail: Buffer): DatabaseInfo {
  if (tail.lastIndexOf(MARKER) === -1) throw new DatabaseError('it has no MaxMind DB metadata');
  try {
    const { binaryFormatMajorVersion, databaseType, buildEpoch, ipVersion } = parseMetadata(tail);
    if (binaryFormatMajorVersion !== 2) throw new DatabaseError('its format is not version 2');
    return { type: String(databaseType), builtMs: buildEpoch.getTime(), ipVersion };
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    throw new DatabaseError(`its metadata can not be read: ${(error as Error).message}`);
  }
}
