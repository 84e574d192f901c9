// A run: the file that lines are appended to as they come. A frame a write, so that a killed process costs the last frame at
// most. After a power cut pages may be missing in the middle: reading goes on behind them, and says how many bytes were lost.
import { LogError } from './contract.ts';
import type { FrameCipher, LogKeys } from './log-keys.ts';
import { FRAME_HEAD_BYTES, frameAt, openHead, readHead } from './segment-file.ts';

/** Bytes of lines in a frame of a run. */
export const RUN_FRAME_BYTES = 1_048_576;
/** What sealing adds at most. */
const SEAL_BYTES = 64;
const LINE_FEED = Buffer.from('\n');

/** `run-0000000012.open` */
export const runName = (run: number): string => `run-${String(run).padStart(10, '0')}.open`;

export function runOf(name: string): number {
  const match = /^run-(\d{10})\.open$/.exec(name);
  return match === null ? -1 : Number(match[1]);
}

export interface RunPart {
  /** Lines, perhaps ending within one. */
  readonly bytes: Buffer;
  /** Behind the last frame that is whole. */
  readonly end: number;
  /** Bytes of the file before `end` that could not be read. */
  readonly damagedBytes: number;
}

/** Reads a run from its beginning. Null: its head is not whole. Throws LogError when it is no run or its key is not known. */
export function readRun(file: Buffer, keys: LogKeys): RunPart | null {
  const read = readHead(file);
  return read === null ? null : readFrames(file, 0, read.end, openHead(keys, read.head), true);
}

/**
 * The frames of `file`, which begins at byte `base` of the run, from byte `from` of the run on. Without `salvage` it ends at the
 * first frame that is not whole, which may be on its way.
 */
export function readFrames(
  file: Buffer,
  base: number,
  from: number,
  cipher: FrameCipher,
  salvage: boolean,
): RunPart {
  let end = from - base;
  let damagedBytes = 0;
  const parts: Buffer[] = [];
  for (let at = end; at !== -1; ) {
    const clear = openFrame(file, at, base, cipher);
    if (clear === null) {
      at = salvage ? nextFrame(file, at + 1) : -1;
      continue;
    }
    if (at > end) {
      // The line that was cut off must not become one with what follows.
      if (parts.length > 0 && parts.at(-1)!.at(-1) !== 10) parts.push(LINE_FEED);
      damagedBytes += at - end;
    }
    parts.push(clear.bytes);
    end = clear.end;
    at = end;
  }
  return { bytes: Buffer.concat(parts), end: end + base, damagedBytes };
}

function openFrame(
  file: Buffer,
  at: number,
  base: number,
  cipher: FrameCipher,
): { readonly bytes: Buffer; readonly end: number } | null {
  const frame = frameAt(file, at);
  if (frame === null) return null;
  try {
    return { bytes: cipher.open(String(at + base), frame.payload), end: frame.end };
  } catch (error) {
    if (error instanceof LogError) return null;
    throw error;
  }
}

/** Where the next whole frame begins, from `at` on; -1 for nowhere. */
function nextFrame(file: Buffer, at: number): number {
  for (let i = at; i + FRAME_HEAD_BYTES < file.length; i++) {
    // Almost every place is no frame by its length alone, so that few sums are made.
    if (file.readUInt32BE(i) > RUN_FRAME_BYTES + SEAL_BYTES) continue;
    if (frameAt(file, i) !== null) return i;
  }
  return -1;
}
