// Where lists come from: a file or a URL, held to a hash or a signature before anything of it is used. What can not be had or
// does not hold leaves the last good list in force.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { AddressSetBuilder, guardedFetch } from '../net/index.ts';
import type { AddressListConfig } from './contract.ts';
import type { ParsedList } from './list-text.ts';

const MAX_BYTES = 134_217_728;
const TIMEOUT_MS = 60_000;
const SIGNATURE_BYTES = 64;
/** Addresses of a feed that are read before others have their turn. */
const STEP = 5000;

export class ListError extends Error {
  override readonly name = 'ListError';
}

export interface LoadedList extends ParsedList {
  /** Tells versions apart. */
  readonly sha256: string;
  readonly loadedMs: number;
  /** From the cache, because the source could not be had. */
  readonly isCached: boolean;
}

/** Loads a list; `before` is answered where the content is the same. Throws ListError. */
export async function loadList(
  config: AddressListConfig,
  before: LoadedList | null,
  nowMs: number,
): Promise<LoadedList> {
  const { source } = config;
  if (source.kind === 'feed') throw new ListError('a feed is read by itself');
  let bytes: Buffer;
  let isCached = false;
  try {
    bytes = await read(source, sourceOf(config));
    await check(config, bytes);
  } catch (error) {
    if (source.kind !== 'url' || source.cache === '' || before !== null) throw error;
    bytes = await readFile(source.cache).catch(() => {
      throw error;
    });
    // A copy in a file that others may write to is held to the same.
    await check(config, bytes, `${source.cache}.sig`);
    isCached = true;
  }
  const sha256 = digest(bytes);
  if (before?.sha256 === sha256) return { ...before, loadedMs: nowMs };
  const list = await parseAside(bytes);
  if (source.kind === 'url' && source.cache !== '' && !isCached) await keep(config, source.cache, bytes);
  return { ...list, sha256, loadedMs: nowMs, isCached };
}

/** Packs the address indicators of a feed; others have their turn meanwhile. */
export async function packFeed(values: Iterable<string>, nowMs: number): Promise<LoadedList> {
  const builder = new AddressSetBuilder();
  const hash = createHash('sha256');
  let unreadable = 0;
  let count = 0;
  for (const value of values) {
    if (!builder.add(value)) unreadable++;
    hash.update(`${value}\n`);
    if (++count % STEP === 0) await breathe();
  }
  const blocks = builder.size;
  return {
    memory: builder.finish(),
    blocks,
    unreadable,
    sha256: hash.digest('hex'),
    loadedMs: nowMs,
    isCached: false,
  };
}

/** What tells whether a file has changed, without reading it. */
export async function versionOf({ source }: AddressListConfig): Promise<string> {
  if (source.kind !== 'file') return '';
  const { size, mtimeMs, ino } = await stat(source.file).catch(() => ({ size: 0, mtimeMs: 0, ino: 0 }));
  return `${size} ${mtimeMs} ${ino}`;
}

const sourceOf = ({ source }: AddressListConfig): string =>
  source.kind === 'file' ? source.file : source.kind === 'url' ? source.url : '';

async function read(source: AddressListConfig['source'], place: string): Promise<Buffer> {
  if (source.kind !== 'url' || !/^https?:/.test(place))
    return readFile(place).catch((error: NodeJS.ErrnoException) => {
      throw new ListError(`${place} can not be read (${error.code})`);
    });
  const answer = await guardedFetch({
    url: place,
    reach: source.reach,
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_BYTES,
    encoding: 'latin1',
  }).catch((error: Error) => {
    throw new ListError(error.message);
  });
  if (answer.status !== 200) throw new ListError(`${new URL(place).host} answers ${answer.status}`);
  return Buffer.from(answer.body, 'latin1');
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function check(config: AddressListConfig, bytes: Buffer, signatureAt?: string): Promise<void> {
  if (config.sha256 !== '' && digest(bytes) !== config.sha256)
    throw new ListError('it is not the list with the SHA-256 of the configuration');
  if (config.publicKey === '') return;
  const beside = config.signature === '' ? `${sourceOf(config)}.sig` : config.signature;
  const found = await read(config.source, signatureAt ?? beside);
  const signature =
    found.length === SIGNATURE_BYTES ? found : Buffer.from(found.toString('latin1').trim(), 'base64');
  if (!verify(null, bytes, createPublicKey(config.publicKey), signature))
    throw new ListError('its signature is not one of the key of the configuration');
}

/** Writes the copy, and the signature that belongs to it, so that neither is ever seen half written. */
async function keep(config: AddressListConfig, cache: string, bytes: Buffer): Promise<void> {
  const write = async (file: string, content: Uint8Array): Promise<void> => {
    await writeFile(`${file}.new`, content, { mode: 0o600 });
    await rename(`${file}.new`, file);
  };
  if (config.publicKey !== '') {
    const beside = config.signature === '' ? `${sourceOf(config)}.sig` : config.signature;
    await write(`${cache}.sig`, await read(config.source, beside));
  }
  await write(cache, bytes);
}

function parseAside(bytes: Buffer): Promise<ParsedList> {
  const file = import.meta.url.endsWith('.ts') ? './list-thread.ts' : './list-thread.js';
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(file, import.meta.url), {
      name: 'address-list',
      workerData: { bytes },
    });
    worker.once('message', ({ list, problem }: { list: ParsedList | null; problem: string }) => {
      if (list === null) reject(new ListError(problem));
      else resolve(list);
    });
    worker.once('error', (error: Error) => reject(new ListError(error.message)));
    worker.once('exit', () => reject(new ListError('the list could not be read to its end')));
  });
}
