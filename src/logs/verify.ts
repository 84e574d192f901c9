// Whether the log is what it was: every link follows the one before, every segment has the bytes that its link names, nothing
// is missing and nothing was put in. Where something is wrong the smallest damaged part is named. Needs no key.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHAIN_FILE, chainTexts, FIRST_PREVIOUS, parseLink, sha256Of } from './chain.ts';
import { type Link, LogError, type SegmentFact } from './contract.ts';
import { runName, runOf } from './run-file.ts';
import { frameAt, indexOffset, MAX_HEAD_BYTES, readHead, TRAILER_BYTES } from './segment-file.ts';

export interface LogProblem {
  readonly file: string;
  readonly what: string;
}

export interface LogReport {
  readonly links: number;
  readonly segments: number;
  readonly lines: number;
  readonly bytes: number;
  /** Lines that the gate dropped, and bytes that crashes left without meaning, as the chain says. */
  readonly lost: number;
  readonly tornBytes: number;
  readonly removed: number;
  /** Runs that are not packed yet. */
  readonly runs: number;
  /** Hash of the last link: keep it elsewhere, and later `expect` finds it in the chain. */
  readonly head: string;
  readonly problems: readonly LogProblem[];
}

const hashOf = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1_048_576 }))
    hash.update(piece as Buffer);
  return hash.digest('hex');
};

/** `expect`: hash of a link that must be in the chain, for instance one that an audit trail has. */
export async function verifyLogs(folder: string, expect = ''): Promise<LogReport> {
  const problems: LogProblem[] = [];
  const add = (file: string, what: string): number => problems.push({ file, what });
  const names = new Set(readdirSync(folder));
  const { links, hashes } = checkLinks(folder, expect, add);
  const segments = new Map<string, SegmentFact>();
  const gone = new Set<string>();
  const counts = { lines: 0, bytes: 0, lost: 0, tornBytes: 0 };
  for (const link of links) {
    if (link.kind === 'removed') for (const file of link.files) gone.add(file);
    else {
      counts.lost += link.lost;
      counts.tornBytes += link.tornBytes;
      for (const segment of link.segments) segments.set(segment.file, segment);
    }
  }
  for (const file of gone) segments.delete(file);
  for (const [file, segment] of segments) {
    counts.lines += segment.lines;
    counts.bytes += segment.bytes;
    const path = join(folder, file);
    if (!names.has(file)) {
      // It may have been removed for its age while we looked.
      if (!existsSync(path) && !isRemovedNow(folder, file))
        add(file, `is missing: ${segment.lines} lines ${range(segment)}`);
    } else if ((await hashOf(path)) !== segment.sha256)
      for (const what of damageOf(readFileSync(path), segment)) add(file, what);
  }
  for (const name of names)
    if (/^segment-/.test(name) && !name.endsWith('.tmp') && !segments.has(name) && !gone.has(name))
      if (!names.has(runName(Number(name.slice(8, 18)))))
        // One that was packed this moment has its run beside it.
        add(name, 'is not in the chain');
  return {
    links: links.length,
    segments: segments.size,
    removed: gone.size,
    runs: [...names].filter((name) => runOf(name) !== -1).length,
    ...counts,
    head: hashes.at(-1) ?? FIRST_PREVIOUS,
    problems,
  };
}

function isRemovedNow(folder: string, file: string): boolean {
  return chainTexts(folder).texts.some((text) => {
    const link = parseLink(text);
    return link?.kind === 'removed' && link.files.includes(file);
  });
}

function checkLinks(
  folder: string,
  expect: string,
  add: (file: string, what: string) => void,
): { readonly links: readonly Link[]; readonly hashes: readonly string[] } {
  const links: Link[] = [];
  const hashes: string[] = [];
  let previous = FIRST_PREVIOUS;
  let number = 0;
  for (const text of chainTexts(folder).texts) {
    const link = parseLink(text);
    if (link === null) add(CHAIN_FILE, `link ${number} can not be read`);
    else {
      if (link.previous !== previous)
        add(
          CHAIN_FILE,
          number === 0
            ? 'link 0 is not the first: links before it are gone'
            : `link ${number} does not follow: link ${number - 1} was changed, or one between them removed or moved`,
        );
      else if (link.link !== number) add(CHAIN_FILE, `link ${number} says that it is link ${link.link}`);
      links.push(link);
    }
    previous = sha256Of(text);
    hashes.push(previous);
    number++;
  }
  if (expect !== '' && !hashes.includes(expect))
    add(CHAIN_FILE, `has no link ${expect}: links were removed from its end, or it was written anew`);
  return { links, hashes };
}

const moment = (ms: number): string => new Date(ms).toISOString();
const range = (part: { readonly fromMs: number; readonly untilMs: number }): string =>
  part.untilMs === 0 ? 'without a time' : `from ${moment(part.fromMs)} to ${moment(part.untilMs)}`;

/**
 * Which parts of a segment are damaged. Frames carry a CRC-32, which finds accidents; where somebody mended it, too, only the
 * hash of the whole file tells, and the whole file is named.
 */
function damageOf(bytes: Buffer, segment: SegmentFact): string[] {
  const out: string[] = [];
  if (bytes.length !== segment.bytes) out.push(`has ${bytes.length} bytes instead of ${segment.bytes}`);
  let at: number;
  try {
    const read = readHead(bytes);
    if (read === null) return [...out, 'ends within its head'];
    at = read.end;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    let end = 1;
    while (end < Math.min(bytes.length, MAX_HEAD_BYTES) && frameAt(bytes, end) === null) end++;
    return [...out, `${error.message}: bytes 0 to ${end}`];
  }
  const trailer = bytes.length - TRAILER_BYTES;
  const indexAt = trailer > at ? indexOffset(bytes.subarray(trailer)) : -1;
  if (indexAt === -1) out.push(`its last ${TRAILER_BYTES} bytes are damaged`);
  const stop = indexAt === -1 ? bytes.length : trailer;
  for (let block = 0; at < stop; block++) {
    const frame = frameAt(bytes, at);
    const what = at === indexAt ? 'its index' : `block ${block}`;
    if (frame !== null) {
      at = frame.end;
      if (indexAt === -1 && at === trailer) break;
      continue;
    }
    // The length may be what is damaged: the next place from which frames follow whole.
    let next = at + 1;
    while (next < stop && frameAt(bytes, next) === null) next++;
    if (indexAt !== -1 && at < indexAt && next > indexAt) next = indexAt;
    if (indexAt === -1 && next >= stop && at >= trailer) break;
    out.push(`${what} is damaged: bytes ${at} to ${next}`);
    at = next;
  }
  if (out.length === 0)
    out.push(`is not the file that the chain names: ${segment.lines} lines ${range(segment)}`);
  return out;
}
