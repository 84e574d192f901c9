// Reads a trail that somebody else may be writing: entries, searched or one by one, and proofs about them.
import { consistencyProof, inclusionProof, openNote, parseCheckpoint, TILE_WIDTH } from '../merkle/index.ts';
import { AuditError } from './contract.ts';
import { decodeEntry, type ReadEntry } from './entry.ts';
import { TrailKeys } from './keys.ts';
import { TileFiles } from './tile-files.ts';

export interface NumberedEntry extends ReadEntry {
  readonly index: number;
}

export interface EntryFilter {
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly action?: string;
  readonly outcome?: string;
  /** Id of actor or target. */
  readonly who?: string;
  readonly requestId?: string;
  readonly traceId?: string;
}

/** What shows that an entry is in the trail (and who may believe it). */
export interface EntryProof {
  readonly index: number;
  /** Base64 of the entry's bytes; empty when it was pruned, and its hash is all that is left. */
  readonly entry: string;
  /** Lower-case hexadecimal hash of the leaf. */
  readonly leaf: string;
  /** Base64, from the leaf to the root. */
  readonly proof: readonly string[];
  readonly checkpoint: string;
}

export class TrailReader {
  readonly keys: TrailKeys;
  readonly #files: TileFiles;
  readonly #note: string;
  /** Entries that the checkpoint counts. */
  readonly size: number;

  /** Reads the checkpoint as it is now. Throws AuditError when there is none that the log's key has signed. */
  constructor(folder: string, origin: string, secret: string | null) {
    this.keys = new TrailKeys(folder, secret);
    this.#files = new TileFiles(folder);
    const note = this.#files.readCheckpoint();
    if (note === null) throw new AuditError(`there is no audit trail in ${folder}`);
    const text = openNote(note, this.keys.signer(origin, false));
    const checkpoint = text === null ? null : parseCheckpoint(text);
    if (checkpoint === null) throw new AuditError('the checkpoint is not signed by the key of the trail');
    this.#note = note;
    this.size = checkpoint.size;
  }

  get checkpoint(): string {
    return this.#note;
  }

  /** Entries in order; those whose key was shredded have no body, those that were pruned are left out. */
  *entries(filter: EntryFilter = {}, from = 0): Generator<NumberedEntry> {
    for (let bundle = Math.floor(from / TILE_WIDTH); bundle * TILE_WIDTH < this.size; bundle++) {
      const width = Math.min(TILE_WIDTH, this.size - bundle * TILE_WIDTH);
      const list = this.#files.readEntries(bundle, width);
      for (let i = 0; i < list.length; i++) {
        if (list[i]!.length === 0 || bundle * TILE_WIDTH + i < from) continue;
        const entry = decodeEntry(list[i]!, (id) => this.keys.byId(id));
        if (matches(entry, filter)) yield { index: bundle * TILE_WIDTH + i, ...entry };
      }
    }
  }

  /** Entries from the newest back, beginning with the one before `before`; bundles are read as they are needed. */
  *newest(filter: EntryFilter = {}, before = this.size): Generator<NumberedEntry> {
    for (let bundle = Math.floor((Math.min(before, this.size) - 1) / TILE_WIDTH); bundle >= 0; bundle--) {
      const width = Math.min(TILE_WIDTH, this.size - bundle * TILE_WIDTH);
      const list = this.#files.readEntries(bundle, width);
      for (let i = list.length - 1; i >= 0; i--) {
        const index = bundle * TILE_WIDTH + i;
        if (index >= before) continue;
        const entry = decodeEntry(list[i]!, (id) => this.keys.byId(id));
        if (matches(entry, filter)) yield { index, ...entry };
      }
    }
  }

  /** One entry. Throws RangeError for an index that the checkpoint does not count. */
  entry(index: number): NumberedEntry {
    for (const entry of this.newest({}, index + 1)) if (entry.index === index) return entry;
    throw new RangeError(`there is no entry ${index}`);
  }

  /** Throws RangeError for an index that the checkpoint does not count. */
  prove(index: number): EntryProof {
    const read = this.#files.reader(this.size);
    const proof = inclusionProof(index, this.size, read);
    const bundle = Math.floor(index / TILE_WIDTH);
    const width = Math.min(TILE_WIDTH, this.size - bundle * TILE_WIDTH);
    const entry = this.#files.readEntries(bundle, width)[index % TILE_WIDTH]!;
    return {
      index,
      entry: entry.toString('base64'),
      leaf: Buffer.from(read(0, index)).toString('hex'),
      proof: proof.map((hash) => Buffer.from(hash).toString('base64')),
      checkpoint: this.#note,
    };
  }

  /** Shows that the trail of `from` entries is the beginning of this one. */
  proveConsistency(from: number): string[] {
    return consistencyProof(from, this.size, this.#files.reader(this.size)).map((hash) =>
      Buffer.from(hash).toString('base64'),
    );
  }
}

/** Whether an entry is one of those that the filter wants. */
export function matches(entry: ReadEntry, filter: EntryFilter): boolean {
  const atMs = Date.parse(entry.at);
  if (filter.fromMs !== undefined && atMs < filter.fromMs) return false;
  if (filter.toMs !== undefined && atMs >= filter.toMs) return false;
  if (
    filter.action !== undefined &&
    entry.action !== filter.action &&
    !entry.action.startsWith(`${filter.action}.`)
  )
    return false;
  if (filter.outcome !== undefined && entry.outcome !== filter.outcome) return false;
  const { body } = entry;
  if (filter.who !== undefined && body?.actor.id !== filter.who && body?.target?.id !== filter.who)
    return false;
  if (filter.traceId !== undefined && body?.traceId !== filter.traceId) return false;
  return filter.requestId === undefined || body?.requestId === filter.requestId;
}
