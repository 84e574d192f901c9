// The tree in files (C2SP tlog-tiles): tiles of hashes, bundles of entries, and the checkpoint that says how much of it
// there is. Tiles that are full never change; one that is not is written anew under its new width.
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  EMPTY_ROOT,
  HASH_BYTES,
  levelsOf,
  nodeHash,
  type SubtreeReader,
  TILE_HEIGHT,
  TILE_WIDTH,
  tilePath,
  tilesOf,
} from '../merkle/index.ts';
import { AuditError } from './contract.ts';
import { writeFiles } from './disk.ts';

export const CHECKPOINT = 'checkpoint';

/** Tiles that are kept in memory while somebody reads. */
const MAX_TILES = 512;

/** A file of the tree. */
export interface Tile {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
  readonly bytes: Buffer;
}

export class TileFiles {
  readonly folder: string;
  readonly #cache = new Map<string, Buffer>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Null when there is no checkpoint yet. */
  readCheckpoint(): string | null {
    const file = join(this.folder, CHECKPOINT);
    return existsSync(file) ? readFileSync(file, 'utf8') : null;
  }

  async writeCheckpoint(note: string): Promise<void> {
    await writeFiles([{ file: join(this.folder, CHECKPOINT), bytes: Buffer.from(note) }]);
  }

  /** Writes tiles; all are durable when it resolves. */
  async writeTiles(tiles: readonly Tile[]): Promise<void> {
    await writeFiles(
      tiles.map(({ level, index, width, bytes }) => ({
        file: join(this.folder, tilePath(level, index, width)),
        bytes,
      })),
    );
  }

  /** What a full tile has, no part of it needs to say again. */
  async dropParts(tiles: readonly Tile[]): Promise<void> {
    for (const { level, index, width } of tiles)
      if (width === TILE_WIDTH)
        await rm(join(this.folder, `${tilePath(level, index)}.p`), { recursive: true, force: true });
  }

  /** A tile or bundle with at least `width` of its members: the full one, or any part that is wide enough. */
  readTile(level: number | 'entries', index: number, width: number): Buffer {
    const path = tilePath(level, index);
    const cached = this.#cache.get(`${path} ${width}`);
    if (cached !== undefined) return cached;
    const full = join(this.folder, path);
    const part = join(this.folder, tilePath(level, index, width));
    const file = existsSync(full) ? full : part;
    if (!existsSync(file)) throw new AuditError(`${file} is missing`);
    const bytes = readFileSync(file);
    if (this.#cache.size >= MAX_TILES) this.#cache.clear();
    this.#cache.set(`${path} ${width}`, bytes);
    return bytes;
  }

  /** Subtrees of the tree with `size` leaves. */
  reader(size: number): SubtreeReader {
    const read = (level: number, index: number): Buffer => {
      const tileLevel = Math.floor(level / TILE_HEIGHT);
      const rest = level % TILE_HEIGHT;
      // A subtree within a tile is made of the hashes in its lowest row.
      const count = 2 ** rest;
      const first = index * count;
      const tile = Math.floor(first / TILE_WIDTH);
      const { full, partial } = tilesOf(size, tileLevel);
      const bytes = this.readTile(tileLevel, tile, tile < full ? TILE_WIDTH : partial);
      const from = (first % TILE_WIDTH) * HASH_BYTES;
      let row: Buffer[] = [];
      for (let i = 0; i < count; i++) {
        const hash = bytes.subarray(from + i * HASH_BYTES, from + (i + 1) * HASH_BYTES);
        if (hash.length !== HASH_BYTES) throw new AuditError(`a tile of level ${tileLevel} is cut short`);
        row.push(hash);
      }
      while (row.length > 1)
        row = Array.from({ length: row.length / 2 }, (_, i) => nodeHash(row[2 * i]!, row[2 * i + 1]!));
      return row[0]!;
    };
    return read;
  }

  /** Entries of one bundle, `width` of them. */
  readEntries(index: number, width: number): Buffer[] {
    return splitBundle(this.readTile('entries', index, width)).slice(0, width);
  }
}

/** Entries as a bundle holds them: each with its length in two bytes in front. */
export function joinBundle(entries: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const entry of entries) length += 2 + entry.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const entry of entries) {
    bytes.writeUInt16BE(entry.length, at);
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}

export function splitBundle(bytes: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + (at + 2 <= bytes.length ? bytes.readUInt16BE(at) : bytes.length);
    if (end > bytes.length) throw new AuditError('a bundle of entries is cut short');
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/** The right edge of a growing tree: for each level of tiles the hashes of the one that is not full. */
export class TreeEdge {
  readonly rows: Buffer[][] = [];
  size = 0;

  /** Reads the edge of the tree of `size` leaves. */
  static read(files: TileFiles, size: number): TreeEdge {
    const edge = new TreeEdge();
    edge.size = size;
    for (let level = 0; level < levelsOf(size); level++) {
      const { full, partial } = tilesOf(size, level);
      const bytes = partial === 0 ? Buffer.alloc(0) : files.readTile(level, full, partial);
      edge.rows.push(
        Array.from({ length: partial }, (_, i) =>
          Buffer.from(bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)),
        ),
      );
    }
    return edge;
  }

  /** Adds a leaf; `onFull` gets each tile that became full by it. */
  add(leaf: Buffer, onFull: (level: number, index: number, bytes: Buffer) => void): void {
    this.size++;
    let hash = leaf;
    for (let level = 0; ; level++) {
      if (this.rows.length === level) this.rows.push([]);
      const row = this.rows[level]!;
      row.push(hash);
      if (row.length < TILE_WIDTH) return;
      const index = Math.floor(this.size / TILE_WIDTH ** (level + 1)) - 1;
      onFull(level, index, Buffer.concat(row));
      hash = fold(row, null)!;
      this.rows[level] = [];
    }
  }

  /** Tiles at the edge that are not full; `bundle` are the entries behind the last full bundle. */
  tiles(bundle: readonly Uint8Array[]): Tile[] {
    const tiles: Tile[] = [];
    this.rows.forEach((row, level) => {
      if (row.length === 0) return;
      const index = Math.floor(this.size / TILE_WIDTH ** (level + 1));
      const width = row.length;
      if (level === 0) tiles.push({ level: 'entries', index, width, bytes: joinBundle(bundle) });
      tiles.push({ level, index, width, bytes: Buffer.concat(row) });
    });
    return tiles;
  }

  /** Root of the tree as it is now. */
  root(): Buffer {
    let rest: Buffer | null = null;
    for (const row of this.rows) rest = fold(row, rest);
    return rest ?? EMPTY_ROOT;
  }
}

/** Hash over subtrees of one size, and over `rest` behind them (RFC 9162 section 2.1.1). */
function fold(row: readonly Buffer[], rest: Buffer | null): Buffer | null {
  let nodes = row;
  let behind = rest;
  while (nodes.length > 0) {
    if (nodes.length === 1 && behind === null) return nodes[0]!;
    const pairs: Buffer[] = [];
    for (let i = 0; i + 1 < nodes.length; i += 2) pairs.push(nodeHash(nodes[i]!, nodes[i + 1]!));
    if (nodes.length % 2 === 1) behind = behind === null ? nodes.at(-1)! : nodeHash(nodes.at(-1)!, behind);
    nodes = pairs;
  }
  return behind;
}
