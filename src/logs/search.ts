// Finding lines: whole segments are passed over by their times in the chain, blocks by their times and filters in the index;
// what is left is unpacked and looked at. Runs that are not packed yet are read as they are. Needs no lock and no running gate.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressSet } from '../net/index.ts';
import { type ExchangeRecord, parseRecord } from '../telemetry/index.ts';
import { readChain, removedFiles } from './chain.ts';
import { LogError, type SegmentFact } from './contract.ts';
import type { FrameCipher, LogKeys } from './log-keys.ts';
import { readRun, runName, runOf } from './run-file.ts';
import {
  type BlockFact,
  type FileHead,
  frameAt,
  indexOffset,
  openHead,
  readHead,
  type SegmentIndex,
  TRAILER_BYTES,
  unpack,
} from './segment-file.ts';
import { mayHold, type WordField, wordOf } from './words.ts';

/** All that is given must hold. */
export interface LogQuery {
  readonly fromMs?: number;
  readonly untilMs?: number;
  readonly id?: string;
  readonly trace?: string;
  readonly consumer?: string;
  readonly address?: string;
  /** Blocks that the client's address is in. */
  readonly addresses?: AddressSet;
  readonly api?: string;
  readonly operation?: string;
  /** `404` or `4xx`. */
  readonly status?: string;
  readonly decision?: string;
  /** Code of a refusal or failure. */
  readonly code?: string;
}

/** What a search cost. */
export interface SearchCounts {
  segments: number;
  segmentsPassed: number;
  blocks: number;
  blocksPassed: number;
  lines: number;
}

export const noCounts = (): SearchCounts => ({
  segments: 0,
  segmentsPassed: 0,
  blocks: 0,
  blocksPassed: 0,
  lines: 0,
});

export function matches(record: ExchangeRecord, query: LogQuery): boolean {
  const is = (wanted: string | undefined, value: string | undefined): boolean =>
    wanted === undefined || wanted === value;
  const atMs = Date.parse(record.time);
  if (query.fromMs !== undefined && !(atMs >= query.fromMs)) return false;
  if (query.untilMs !== undefined && !(atMs <= query.untilMs)) return false;
  const status = String(record.status);
  const { status: wanted } = query;
  if (wanted !== undefined && (wanted.endsWith('xx') ? wanted[0] !== status[0] : wanted !== status))
    return false;
  return (
    is(query.id, record.id) &&
    is(query.trace, record.trace_id) &&
    is(query.consumer, record.consumer) &&
    is(query.address, record.client_address) &&
    (query.addresses === undefined || query.addresses.has(record.client_address)) &&
    is(query.api, record.api) &&
    is(query.code, record.code) &&
    is(query.operation, record.operation) &&
    is(query.decision, record.decision)
  );
}

/** Words that a block must have. */
function wordsOfQuery(query: LogQuery): string[] {
  const fields: readonly WordField[] = ['id', 'trace', 'consumer', 'address', 'operation', 'status'];
  return fields.flatMap((field) => {
    const value = query[field];
    return value === undefined || (field === 'status' && value.endsWith('xx')) ? [] : [wordOf(field, value)];
  });
}

const overlaps = (part: { readonly fromMs: number; readonly untilMs: number }, query: LogQuery): boolean =>
  part.untilMs === 0
    ? query.fromMs === undefined && query.untilMs === undefined
    : part.untilMs >= (query.fromMs ?? 0) && part.fromMs <= (query.untilMs ?? Number.POSITIVE_INFINITY);

/** An open segment. Throws LogError where it is damaged. */
export class SegmentReader {
  readonly head: FileHead;
  readonly #file: number;
  readonly #cipher: FrameCipher;
  readonly #bytes: number;

  constructor(path: string, keys: LogKeys) {
    this.#file = openSync(path, 'r');
    try {
      this.#bytes = fstatSync(this.#file).size;
      const read = readHead(this.read(0, Math.min(this.#bytes, 8192)));
      if (read === null) throw new LogError('its head is not whole');
      this.head = read.head;
      this.#cipher = openHead(keys, read.head);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  read(at: number, length: number): Buffer {
    const out = Buffer.alloc(length);
    for (let got = 0; got < length; ) {
      const count = readSync(this.#file, out, got, length - got, at + got);
      if (count === 0) throw new LogError('it is shorter than it says');
      got += count;
    }
    return out;
  }

  async index(): Promise<SegmentIndex> {
    if (this.#bytes < TRAILER_BYTES) throw new LogError('its index is missing');
    const end = this.#bytes - TRAILER_BYTES;
    const offset = indexOffset(this.read(end, TRAILER_BYTES));
    if (offset < 0 || offset >= end) throw new LogError('its index is missing');
    const bytes = await this.#frame(offset, end - offset, 'index');
    return JSON.parse(bytes.toString('utf8')) as SegmentIndex;
  }

  block(fact: BlockFact, number: number): Promise<Buffer> {
    return this.#frame(fact.offset, fact.bytes, String(number));
  }

  async #frame(offset: number, bytes: number, place: string): Promise<Buffer> {
    const frame = frameAt(this.read(offset, bytes), 0);
    if (frame === null) throw new LogError(`frame ${place} is damaged`);
    return unpack(this.head.codec, this.#cipher.open(place, frame.payload));
  }

  close(): void {
    closeSync(this.#file);
  }
}

export interface FoundLine {
  readonly line: string;
  readonly record: ExchangeRecord;
}

/** Matching lines of one buffer of lines. */
export function scan(bytes: Buffer, query: LogQuery, counts: SearchCounts): FoundLine[] {
  const out: FoundLine[] = [];
  const rare = query.id ?? query.trace;
  for (const line of bytes.toString('latin1').split('\n')) {
    if (line === '') continue;
    counts.lines++;
    if (rare !== undefined && !line.includes(rare)) continue;
    const record = parseRecord(line);
    if (record !== null && matches(record, query)) out.push({ line, record });
  }
  return out;
}

async function searchSegment(
  folder: string,
  segment: SegmentFact,
  keys: LogKeys,
  query: LogQuery,
  counts: SearchCounts,
): Promise<FoundLine[]> {
  const found: FoundLine[] = [];
  const words = wordsOfQuery(query);
  try {
    const reader = new SegmentReader(join(folder, segment.file), keys);
    try {
      for (const [number, block] of (await reader.index()).blocks.entries()) {
        counts.blocks++;
        const filter = Buffer.from(block.words, 'base64');
        if (!overlaps(block, query) || !words.every((word) => mayHold(filter, word))) counts.blocksPassed++;
        else found.push(...scan(await reader.block(block, number), query, counts));
      }
    } finally {
      reader.close();
    }
  } catch (error) {
    if (error instanceof LogError) throw new LogError(`${segment.file}: ${error.message}`);
    throw error;
  }
  return found;
}

/**
 * Lines that match, run after run, within a run by time. Throws LogError where something can not be read: a search that
 * passes over damage in silence would prove an absence that is none. `onDamage` takes it instead, and the search goes on.
 */
export async function* searchLogs(
  folder: string,
  keys: LogKeys,
  query: LogQuery,
  counts: SearchCounts = noCounts(),
  onDamage?: (error: LogError) => void,
): AsyncGenerator<FoundLine> {
  // Runs first: one that is packed meanwhile is in the chain that is read then.
  const before = runFiles(folder, keys, onDamage);
  const links = readChain(folder).map(({ link }) => link);
  const gone = removedFiles(links);
  const packed = new Set<number>();
  for (const link of links) {
    if (link.kind !== 'sealed') continue;
    packed.add(link.run);
    const found: FoundLine[] = [];
    for (const segment of link.segments) {
      if (gone.has(segment.file)) continue;
      counts.segments++;
      if (!overlaps(segment, query)) {
        counts.segmentsPassed++;
        continue;
      }
      try {
        found.push(...(await searchSegment(folder, segment, keys, query, counts)));
      } catch (error) {
        const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
        const damage = isGone ? new LogError(`${segment.file} is missing`) : error;
        if (!(damage instanceof LogError) || onDamage === undefined) throw damage;
        onDamage(damage);
      }
    }
    yield* inOrder(found);
  }
  for (const [run, bytes] of before) if (!packed.has(run)) yield* inOrder(scan(bytes, query, counts));
}

const inOrder = (found: FoundLine[]): FoundLine[] =>
  found.sort((a, b) => (a.record.time < b.record.time ? -1 : a.record.time > b.record.time ? 1 : 0));

function runFiles(
  folder: string,
  keys: LogKeys,
  onDamage: ((error: LogError) => void) | undefined,
): [number, Buffer][] {
  const runs = readdirSync(folder)
    .map(runOf)
    .filter((run) => run !== -1);
  return runs
    .sort((a, b) => a - b)
    .flatMap((run): [number, Buffer][] => {
      try {
        const part = readRun(readFileSync(join(folder, runName(run))), keys);
        return part === null ? [] : [[run, part.bytes]];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        if (!(error instanceof LogError)) throw error;
        const damage = new LogError(`${runName(run)}: ${error.message}`);
        if (onDamage === undefined) throw damage;
        onDamage(damage);
        return [];
      }
    });
}
