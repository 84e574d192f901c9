// The form of a file: a head that says how it is sealed and compressed, then frames with length and CRC-32. A run that is being
// written has a frame for each write and ends where a crash left it; a finished segment has compressed blocks, an index as its
// last frame, and the index's place as its last bytes.
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { LogError } from './contract.ts';
import type { FrameCipher, LogKeys, SealFact } from './log-keys.ts';

const MAGIC = Buffer.from('GWLOG1\n');
export const TRAILER_BYTES = 8;
/** Length and CRC. */
export const FRAME_HEAD_BYTES = 8;
export const MAX_HEAD_BYTES = 4096;
/** Most bytes of a frame; the index of a large segment is the longest. */
const MAX_FRAME_BYTES = 67_108_864;

export type Codec = 'none' | 'gzip' | 'zstd';

/** zstd where this Node has it. */
export const bestCodec: Codec = typeof zlib.zstdCompress === 'function' ? 'zstd' : 'gzip';

const gzip = promisify(zlib.gzip);
const gunzip = promisify(zlib.gunzip);
/** What a block may grow to when it is unpacked. */
const MAX_UNPACKED_BYTES = 134_217_728;

export async function pack(codec: Codec, bytes: Buffer): Promise<Buffer> {
  if (codec === 'none') return bytes;
  return codec === 'zstd' ? promisify(zlib.zstdCompress)(bytes) : gzip(bytes);
}

/** Throws LogError for what is no such text. */
export async function unpack(codec: Codec, bytes: Buffer): Promise<Buffer> {
  const limits = { maxOutputLength: MAX_UNPACKED_BYTES };
  if (codec === 'none') return bytes;
  if (codec === 'zstd' && bestCodec !== 'zstd') throw new LogError('this version of Node has no zstd');
  try {
    return codec === 'zstd'
      ? await promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress)(bytes, limits)
      : await gunzip(bytes, limits);
  } catch {
    throw new LogError('a block can not be unpacked');
  }
}

export interface FileHead {
  readonly version: 1;
  /** 32 random digits. */
  readonly id: string;
  readonly run: number;
  /** A line class, or `run` for one being written. */
  readonly class: string;
  readonly codec: Codec;
  readonly seal: SealFact | null;
}

const placeOf = (head: Omit<FileHead, 'seal'>): string =>
  `${head.id} ${head.run} ${head.class} ${head.codec}`;

/** A new file's head as bytes, and what seals its frames. */
export function createHead(
  keys: LogKeys,
  run: number,
  fileClass: string,
  codec: Codec,
): { readonly bytes: Buffer; readonly head: FileHead; readonly cipher: FrameCipher } {
  const facts = { version: 1 as const, id: randomBytes(16).toString('hex'), run, class: fileClass, codec };
  const { fact, cipher } = keys.create(placeOf(facts));
  const head: FileHead = { ...facts, seal: fact };
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(zlib.crc32(text));
  return { bytes: Buffer.concat([MAGIC, length, text, sum]), head, cipher };
}

/** The head at the beginning of `bytes` and where it ends; null when there is not enough. Throws LogError for no head. */
export function readHead(bytes: Buffer): { readonly head: FileHead; readonly end: number } | null {
  if (bytes.length < MAGIC.length + 4) return null;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new LogError('it is no file of an access log');
  const length = bytes.readUInt32BE(MAGIC.length);
  if (length > MAX_HEAD_BYTES) throw new LogError('its head is damaged');
  const textEnd = MAGIC.length + 4 + length;
  const end = textEnd + 4;
  if (bytes.length < end) return null;
  const text = bytes.subarray(MAGIC.length + 4, textEnd);
  if (zlib.crc32(text) !== bytes.readUInt32BE(textEnd)) throw new LogError('its head is damaged');
  let value: Partial<FileHead> | null;
  try {
    value = JSON.parse(text.toString('utf8')) as Partial<FileHead> | null;
  } catch {
    throw new LogError('its head is damaged');
  }
  if (value === null || typeof value !== 'object') throw new LogError('its head is damaged');
  const { version, id, run, class: fileClass, codec, seal } = value;
  if (version !== 1 || typeof id !== 'string' || typeof run !== 'number' || typeof fileClass !== 'string')
    throw new LogError('its head is damaged or of a later version');
  if (codec !== 'none' && codec !== 'gzip' && codec !== 'zstd') throw new LogError('its codec is not known');
  return { head: { version, id, run, class: fileClass, codec, seal: seal ?? null }, end };
}

/** What opens the frames of a file. Throws LogError when the key is missing. */
export const openHead = (keys: LogKeys, head: FileHead): FrameCipher => keys.open(head.seal, placeOf(head));

/** A frame of `payload` with its length and CRC. */
export function frameOf(payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUInt32BE(payload.length, 0);
  head.writeUInt32BE(zlib.crc32(payload), 4);
  return Buffer.concat([head, payload]);
}

/** The payload of the frame at `at`; null when it is not whole or its CRC differs. */
export function frameAt(
  bytes: Buffer,
  at: number,
): { readonly payload: Buffer; readonly end: number } | null {
  if (bytes.length - at < FRAME_HEAD_BYTES) return null;
  const length = bytes.readUInt32BE(at);
  const end = at + FRAME_HEAD_BYTES + length;
  // A hole in a file reads as zeros, whose sum would be right.
  if (length === 0 || length > MAX_FRAME_BYTES || end > bytes.length) return null;
  const payload = bytes.subarray(at + FRAME_HEAD_BYTES, end);
  return zlib.crc32(payload) === bytes.readUInt32BE(at + 4) ? { payload, end } : null;
}

/** One block of a finished segment. */
export interface BlockFact {
  readonly offset: number;
  /** Of the whole frame. */
  readonly bytes: number;
  readonly lines: number;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Bloom filter of what can be searched, base64. */
  readonly words: string;
}

export interface SegmentIndex {
  readonly blocks: readonly BlockFact[];
}

/** The last bytes of a finished segment: where the index's frame begins, and its complement against chance. */
export function trailerOf(offset: number): Buffer {
  const out = Buffer.alloc(TRAILER_BYTES);
  out.writeUInt32BE(offset, 0);
  out.writeUInt32BE(~offset >>> 0, 4);
  return out;
}

/** Where the index begins; -1 for a damaged trailer. */
export function indexOffset(trailer: Buffer): number {
  const offset = trailer.readUInt32BE(0);
  return ~offset >>> 0 === trailer.readUInt32BE(4) ? offset : -1;
}
