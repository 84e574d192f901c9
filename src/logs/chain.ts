// The chain of segments: a file of JSON lines, each with the hash of the one before, so that what was once there can not be
// taken away, changed or moved without a trace. One writer appends, with fsync; readers read what is whole.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Link, LogError } from './contract.ts';

export const CHAIN_FILE = 'chain.jsonl';
export const FIRST_PREVIOUS = '0'.repeat(64);

export const sha256Of = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/** What a link says before its place is known. */
export type LinkContent = Link extends infer L
  ? L extends Link
    ? Omit<L, 'version' | 'link' | 'previous' | 'at'>
    : never
  : never;

export interface ReadLink {
  readonly link: Link;
  readonly sha256: string;
}

/** Texts of the whole links, and the bytes they take; what a crash left after the last line feed is not among them. */
export function chainTexts(folder: string): { readonly texts: readonly string[]; readonly bytes: number } {
  let text: string;
  try {
    text = readFileSync(join(folder, CHAIN_FILE), 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { texts: [], bytes: 0 };
    throw error;
  }
  const bytes = text.lastIndexOf('\n') + 1;
  return { texts: bytes === 0 ? [] : text.slice(0, bytes - 1).split('\n'), bytes };
}

/** One link without a look at its neighbours; null for what is none. */
export function parseLink(text: string): Link | null {
  try {
    const value = JSON.parse(text) as Partial<Link> | null;
    if (value === null || typeof value !== 'object' || value.version !== 1) return null;
    if (typeof value.link !== 'number' || typeof value.previous !== 'string') return null;
    if (value.kind === 'sealed') return Array.isArray(value.segments) ? (value as Link) : null;
    return value.kind === 'removed' && Array.isArray(value.files) ? (value as Link) : null;
  } catch {
    return null;
  }
}

/** The chain as it stands. Throws LogError at the first link that does not follow. */
export function readChain(folder: string): ReadLink[] {
  const out: ReadLink[] = [];
  let previous = FIRST_PREVIOUS;
  for (const text of chainTexts(folder).texts) {
    const link = parseLink(text);
    if (link === null || link.link !== out.length || link.previous !== previous)
      throw new LogError(`link ${out.length} of ${CHAIN_FILE} does not follow the one before`);
    previous = sha256Of(text);
    out.push({ link, sha256: previous });
  }
  return out;
}

/** Names of files that the chain says are gone. */
export const removedFiles = (links: readonly Link[]): Set<string> =>
  new Set(links.flatMap((link) => (link.kind === 'removed' ? link.files : [])));

/** The writer's end. */
export class ChainWriter {
  readonly links: ReadLink[];
  readonly #folder: string;

  /** Cuts off what a crash left of a link. Throws LogError for a chain that is broken. */
  constructor(folder: string) {
    this.#folder = folder;
    this.links = readChain(folder);
    const { bytes } = chainTexts(folder);
    const file = openSync(join(folder, CHAIN_FILE), 'a', 0o640);
    try {
      ftruncateSync(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  get head(): string {
    return this.links.at(-1)?.sha256 ?? FIRST_PREVIOUS;
  }

  /** Durable when it returns; throws, and nothing was appended, when it can not be written. */
  append(content: LinkContent, nowMs: number): ReadLink {
    const link = {
      version: 1,
      link: this.links.length,
      previous: this.head,
      at: new Date(nowMs).toISOString(),
      ...content,
    } as Link;
    const text = JSON.stringify(link);
    const file = openSync(join(this.#folder, CHAIN_FILE), 'a', 0o640);
    const before = fstatSync(file).size;
    try {
      const bytes = Buffer.from(`${text}\n`);
      try {
        if (writeSync(file, bytes) < bytes.length) throw new LogError('the disk took half of a link');
        fsyncSync(file);
      } catch (error) {
        ftruncateSync(file, before);
        throw error;
      }
    } finally {
      closeSync(file);
    }
    const read = { link, sha256: sha256Of(text) };
    this.links.push(read);
    return read;
  }
}
