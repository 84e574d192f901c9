// Lines as they are written, from another process: the newest run is read on; when it ends, the next one, or what became of it.
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { readChain } from './chain.ts';
import { LogError } from './contract.ts';
import type { FrameCipher, LogKeys } from './log-keys.ts';
import { readFrames, runName, runOf } from './run-file.ts';
import { type FoundLine, type LogQuery, noCounts, SegmentReader, scan } from './search.ts';
import { openHead, readHead } from './segment-file.ts';

/** How often the run is looked at, ms. */
const LOOK_MS = 200;

/** Lines that are written from now on and match, until `signal` says it is enough. */
export async function* followLogs(
  folder: string,
  keys: LogKeys,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<FoundLine> {
  const runs = (): number[] =>
    readdirSync(folder)
      .map(runOf)
      .filter((run) => run !== -1);
  let run = Math.max(0, ...runs());
  let tail = openTail(folder, run, keys);
  // What is there already is read over; the beginning of a line at its end is kept.
  tail?.next();
  let seen = tail !== null;
  try {
    while (!signal.aborted) {
      // Asked before reading: what the run has now it has for good when a later one is there.
      const isOver = Math.max(-1, ...runs()) > run;
      tail ??= openTail(folder, run, keys);
      if (tail !== null) yield* scan(tail.next(), query, noCounts());
      else if (isOver && !seen) yield* await packedRun(folder, keys, run, query);
      if (isOver) {
        tail?.close();
        run++;
        tail = openTail(folder, run, keys);
        seen = tail !== null;
        continue;
      }
      await pause(signal);
    }
  } finally {
    tail?.close();
  }
}

/** A run that grows. It can be read to its end when its name is gone. */
class RunTail {
  readonly #file: number;
  readonly #cipher: FrameCipher;
  #end: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: number, cipher: FrameCipher, end: number) {
    this.#file = file;
    this.#cipher = cipher;
    this.#end = end;
  }

  /** Whole lines that have come. */
  next(): Buffer {
    const bytes = readFrom(this.#file, this.#end);
    const part = readFrames(bytes, this.#end, this.#end, this.#cipher, false);
    this.#end = part.end;
    const all = Buffer.concat([this.#rest, part.bytes]);
    const whole = all.lastIndexOf(10) + 1;
    this.#rest = Buffer.from(all.subarray(whole));
    return all.subarray(0, whole);
  }

  close(): void {
    closeSync(this.#file);
  }
}

function readFrom(file: number, at: number): Buffer {
  const out = Buffer.alloc(Math.max(0, fstatSync(file).size - at));
  let got = 0;
  for (let count = -1; got < out.length && count !== 0; got += count)
    count = readSync(file, out, got, out.length - got, at + got);
  return out.subarray(0, got);
}

/** Ends early, without an error, when the signal comes. */
const pause = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, LOOK_MS);
    signal.addEventListener('abort', done);
  });

/** Null: it is not there (yet, or any more). */
function openTail(folder: string, run: number, keys: LogKeys): RunTail | null {
  let file: number;
  try {
    file = openSync(join(folder, runName(run)), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const read = readHead(readFrom(file, 0));
    if (read === null) throw new LogError(`${runName(run)} has no head`);
    return new RunTail(file, openHead(keys, read.head), read.end);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** The lines of a run that was packed before it was seen. */
async function packedRun(folder: string, keys: LogKeys, run: number, query: LogQuery): Promise<FoundLine[]> {
  const found: FoundLine[] = [];
  for (const { link } of readChain(folder)) {
    if (link.kind !== 'sealed' || link.run !== run) continue;
    for (const { file } of link.segments) {
      const reader = new SegmentReader(join(folder, file), keys);
      try {
        const { blocks } = await reader.index();
        for (const [number, block] of blocks.entries())
          found.push(...scan(await reader.block(block, number), query, noCounts()));
      } catch (error) {
        if (error instanceof LogError) throw new LogError(`${file}: ${error.message}`);
        throw error;
      } finally {
        reader.close();
      }
    }
  }
  return found.sort((a, b) => a.record.time.localeCompare(b.record.time));
}
