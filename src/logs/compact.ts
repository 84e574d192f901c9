// From a run to segments: lines are parted by class and packed in blocks with an index of what is in each. A segment gets its
// name when it is whole and on the disk, so that a crash leaves a `.tmp` that nobody reads and a run that is packed again.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type ExchangeRecord, parseRecord } from '../telemetry/index.ts';
import { sha256Of } from './chain.ts';
import { type LineClass, lineClasses, type SegmentFact } from './contract.ts';
import type { LogKeys } from './log-keys.ts';
import { readRun, runName } from './run-file.ts';
import { type BlockFact, bestCodec, createHead, frameOf, pack, trailerOf } from './segment-file.ts';
import { filterOf, wordsOf } from './words.ts';

/** Lines of a block, before packing: some 500 of them, which is what a search unpacks for a hit. */
const BLOCK_BYTES = 262_144;

/** `segment-0000000012-security.log` */
export const segmentName = (run: number, lineClass: LineClass): string =>
  `segment-${String(run).padStart(10, '0')}-${lineClass}.log`;

export function classOf(record: ExchangeRecord | null): LineClass {
  if (record === null) return 'traffic';
  const hit = record.matches !== undefined || record.would_refuse !== undefined;
  return record.decision === 'refused' || hit ? 'security' : 'traffic';
}

class SegmentBuilder {
  readonly lineClass: LineClass;
  readonly #head: ReturnType<typeof createHead>;
  readonly #frames: Buffer[];
  readonly #blocks: BlockFact[] = [];
  #bytes: number;
  #lines: string[] = [];
  #lineBytes = 0;
  #words = new Set<string>();
  #fromMs = Number.POSITIVE_INFINITY;
  #untilMs = 0;

  constructor(keys: LogKeys, run: number, lineClass: LineClass) {
    this.lineClass = lineClass;
    this.#head = createHead(keys, run, lineClass, bestCodec);
    this.#frames = [this.#head.bytes];
    this.#bytes = this.#head.bytes.length;
  }

  /** Answers whether a block is full. */
  add(line: string, record: ExchangeRecord | null): boolean {
    this.#lines.push(line);
    this.#lineBytes += line.length + 1;
    if (record !== null) {
      for (const word of wordsOf(record)) this.#words.add(word);
      const at = Date.parse(record.time);
      if (at < this.#fromMs) this.#fromMs = at;
      if (at > this.#untilMs) this.#untilMs = at;
    }
    return this.#lineBytes >= BLOCK_BYTES;
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    const clear = Buffer.from(`${this.#lines.join('\n')}\n`, 'latin1');
    const frame = await this.#frame(String(this.#blocks.length), clear);
    this.#blocks.push({
      offset: this.#bytes,
      bytes: frame.length,
      lines: this.#lines.length,
      fromMs: this.#untilMs === 0 ? 0 : this.#fromMs,
      untilMs: this.#untilMs,
      words: filterOf(this.#words).toString('base64'),
    });
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.#lines = [];
    this.#lineBytes = 0;
    this.#words = new Set();
    this.#fromMs = Number.POSITIVE_INFINITY;
    this.#untilMs = 0;
  }

  async #frame(place: string, clear: Buffer): Promise<Buffer> {
    const { head, cipher } = this.#head;
    return frameOf(cipher.seal(place, await pack(head.codec, clear)));
  }

  /** Null: it has no lines. */
  async finish(folder: string, run: number): Promise<SegmentFact | null> {
    await this.flush();
    const blocks = this.#blocks;
    if (blocks.length === 0) return null;
    this.#frames.push(await this.#frame('index', Buffer.from(JSON.stringify({ blocks }))));
    this.#frames.push(trailerOf(this.#bytes));
    const bytes = Buffer.concat(this.#frames);
    const file = segmentName(run, this.lineClass);
    writeDurably(folder, file, bytes);
    const timed = blocks.filter((block) => block.untilMs !== 0);
    return {
      class: this.lineClass,
      file,
      sha256: sha256Of(bytes),
      bytes: bytes.length,
      lines: blocks.reduce((sum, block) => sum + block.lines, 0),
      fromMs: timed.length === 0 ? 0 : Math.min(...timed.map((block) => block.fromMs)),
      untilMs: Math.max(0, ...timed.map((block) => block.untilMs)),
    };
  }
}

/** The whole file or none of it, on the disk when the call returns. */
export function writeDurably(folder: string, name: string, bytes: Buffer): void {
  const draft = join(folder, `${name}.tmp`);
  const file = openSync(draft, 'w', 0o640);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, join(folder, name));
  syncFolder(folder);
}

/** Makes names in a folder last. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

export interface Compacted {
  readonly segments: readonly SegmentFact[];
  readonly tornBytes: number;
}

/** Packs a run. Throws LogError when it can not be read, Error when segments can not be written. */
export async function compactRun(folder: string, keys: LogKeys, run: number): Promise<Compacted> {
  const file = readFileSync(join(folder, runName(run)));
  const part = readRun(file, keys);
  // A run without a whole head has no line.
  if (part === null) return { segments: [], tornBytes: file.length };
  const builders = lineClasses.map((lineClass) => new SegmentBuilder(keys, run, lineClass));
  const { bytes } = part;
  let at = 0;
  for (let end = bytes.indexOf(10); end !== -1; at = end + 1, end = bytes.indexOf(10, at)) {
    const line = bytes.toString('latin1', at, end);
    const record = parseRecord(line);
    const builder = builders[lineClasses.indexOf(classOf(record))]!;
    // Between blocks others of the main thread have their turn.
    if (builder.add(line, record)) await builder.flush();
  }
  const segments: SegmentFact[] = [];
  for (const builder of builders) {
    const fact = await builder.finish(folder, run);
    if (fact !== null) segments.push(fact);
  }
  return { segments, tornBytes: part.damagedBytes + file.length - part.end + bytes.length - at };
}
