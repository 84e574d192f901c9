// A queue of records on disk: appended in frames with checksums, durable before it is acknowledged, read from a cursor
// that moves when the receiver has taken a batch. A crash leaves at most a torn frame at the end (cut off) and a
// cursor that is a batch behind (that batch is sent again).
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** Length, checksum, number of records. */
const HEADER_BYTES = 12;
/** A frame that says it is larger is damage. */
const MAX_FRAME_BYTES = 64 << 20;
/** Smallest and largest size at which a segment is closed. */
const SEGMENT_BYTES = { min: 4096, max: 16 << 20 };

export interface SpoolOptions {
  readonly maxBytes: number;
  readonly whenFull: 'wait' | 'drop-oldest' | 'drop-newest';
}

interface Segment {
  readonly sequence: number;
  bytes: number;
  records: number;
}

/** Where the next frame is read. */
interface Position {
  readonly sequence: number;
  readonly offset: number;
}

export interface SpoolChunk {
  /** Whole lines. */
  readonly lines: Buffer;
  readonly records: number;
  readonly end: Position;
}

interface Waiting {
  readonly frame: Buffer;
  readonly records: number;
  readonly resolve: (isKept: boolean) => void;
  readonly reject: (error: Error) => void;
}

type FileHandle = Awaited<ReturnType<typeof open>>;

export class Spool {
  readonly #folder: string;
  readonly #options: SpoolOptions;
  readonly #segmentBytes: number;
  readonly #segments: Segment[] = [];
  #file: FileHandle | null = null;
  #cursor: Position = { sequence: 0, offset: 0 };
  readonly #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #room = Promise.withResolvers<void>();
  #arrived = Promise.withResolvers<void>();
  #isClosed = false;
  /** Records in the spool that are not acknowledged by the receiver. */
  pending = 0;
  /** Records given up because there was no room. */
  dropped = 0;
  /** Frames that could not be read. */
  damaged = 0;

  private constructor(folder: string, options: SpoolOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#segmentBytes = Math.min(
      SEGMENT_BYTES.max,
      Math.max(SEGMENT_BYTES.min, Math.floor(options.maxBytes / 8)),
    );
  }

  /** Opens or makes the spool of `folder`. One process at a time; rejects with Error where another has it. */
  static async open(folder: string, options: SpoolOptions): Promise<Spool> {
    await mkdir(folder, { recursive: true, mode: 0o750 });
    await takeLock(join(folder, 'lock'));
    const spool = new Spool(folder, options);
    await spool.#recover();
    return spool;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #pathOf(sequence: number): string {
    return join(this.#folder, `${String(sequence).padStart(12, '0')}.seg`);
  }

  async #recover(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => /^\d{12}\.seg$/.test(name)).sort();
    const cursor = await readCursor(join(this.#folder, 'cursor'));
    for (const name of names) {
      const sequence = Number.parseInt(name, 10);
      if (sequence < cursor.sequence) {
        await rm(join(this.#folder, name), { force: true });
        continue;
      }
      const bytes = await readFile(join(this.#folder, name));
      let unread = 0;
      let offset = 0;
      for (let frame = frameAt(bytes, 0); frame !== null; frame = frameAt(bytes, offset)) {
        if (sequence > cursor.sequence || offset >= cursor.offset) unread += frame.records;
        offset = frame.end;
      }
      // What follows the last whole frame was never acknowledged, or the disk has lost it.
      if (offset < bytes.length) {
        this.damaged++;
        const file = await open(this.#pathOf(sequence), 'r+');
        await file.truncate(offset);
        await file.close();
      }
      this.#segments.push({ sequence, bytes: offset, records: unread });
      this.pending += unread;
    }
    const first = this.#segments[0]?.sequence ?? cursor.sequence + 1;
    this.#cursor = first === cursor.sequence ? cursor : { sequence: first, offset: 0 };
  }

  /** Settles when the lines are on disk: true, or false when they were given up for want of room. */
  append(lines: Buffer, records: number): Promise<boolean> {
    if (this.#isClosed) return Promise.reject(new Error('the spool is closed'));
    const head = Buffer.alloc(HEADER_BYTES);
    head.writeUInt32LE(lines.length, 0);
    head.writeUInt32LE(crc32(lines), 4);
    head.writeUInt32LE(records, 8);
    const frame = Buffer.concat([head, lines]);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ frame, records, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** All that waits is written together and made durable once. */
  async #write(): Promise<void> {
    // Appends of the same turn come together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      const kept: Waiting[] = [];
      try {
        for (const one of group) {
          if (!(await this.#makeRoom(one.frame.length))) {
            this.dropped += one.records;
            one.resolve(false);
            continue;
          }
          const { segment, file } = await this.#openSegment();
          await file.appendFile(one.frame);
          segment.bytes += one.frame.length;
          segment.records += one.records;
          this.pending += one.records;
          kept.push(one);
        }
        await this.#file?.datasync();
        for (const one of kept) one.resolve(true);
        this.#arrived.resolve();
        this.#arrived = Promise.withResolvers();
      } catch (error) {
        // The end of the segment is not known to be whole: the next write begins a new one.
        await this.#file?.close().catch(() => {});
        this.#file = null;
        for (const one of group) one.reject(error instanceof Error ? error : new Error(String(error)));
      }
    }
    // INVARIANT: in the same turn as the look at what waits, so that nobody adds to a writer that has ended.
    this.#writing = null;
  }

  async #makeRoom(bytes: number): Promise<boolean> {
    const { maxBytes, whenFull } = this.#options;
    while (this.bytes + bytes > maxBytes && this.pending > 0) {
      if (whenFull === 'drop-newest') return false;
      if (whenFull === 'wait') {
        if (this.#isClosed) return false;
        // What is written must be durable, or it would wait for itself.
        await this.#file?.datasync();
        await this.#room.promise;
        continue;
      }
      const oldest = this.#segments[0];
      if (oldest === undefined) break;
      this.dropped += oldest.records;
      await this.#forget(oldest);
    }
    return true;
  }

  async #forget(segment: Segment): Promise<void> {
    this.pending -= segment.records;
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    if (this.#segments.length === 0) await this.#closeFile();
    this.#cursor = { sequence: this.#segments[0]?.sequence ?? segment.sequence + 1, offset: 0 };
    await rm(this.#pathOf(segment.sequence), { force: true });
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (file === null) return;
    await file.datasync();
    await file.close();
  }

  async #openSegment(): Promise<{ segment: Segment; file: FileHandle }> {
    const last = this.#segments.at(-1);
    if (this.#file !== null && last !== undefined && last.bytes < this.#segmentBytes)
      return { segment: last, file: this.#file };
    await this.#closeFile();
    const sequence = Math.max(last?.sequence ?? 0, this.#cursor.sequence - (last === undefined ? 1 : 0)) + 1;
    this.#file = await open(this.#pathOf(sequence), 'wx', 0o640);
    const segment: Segment = { sequence, bytes: 0, records: 0 };
    this.#segments.push(segment);
    if (this.#segments.length === 1) this.#cursor = { sequence, offset: 0 };
    await syncFolder(this.#folder);
    return { segment, file: this.#file };
  }

  /** Settles when something is there to be read, or the spool is closed. */
  async arrival(): Promise<void> {
    if (this.pending === 0 && !this.#isClosed) await this.#arrived.promise;
  }

  /** The next frames from the cursor on, at least one and at most about `maxBytes` or `maxRecords`; null for none. */
  async read(maxRecords: number, maxBytes: number): Promise<SpoolChunk | null> {
    while (this.pending > 0) {
      const index = this.#segments.findIndex(({ sequence }) => sequence === this.#cursor.sequence);
      const segment = this.#segments[index];
      if (segment === undefined) return null;
      const { sequence, offset } = this.#cursor;
      const want = segment.bytes - offset;
      if (want > 0) {
        const bytes = await readPart(this.#pathOf(sequence), offset, want);
        const lines: Buffer[] = [];
        let [records, size, at] = [0, 0, 0];
        for (let frame = frameAt(bytes, 0); frame !== null; frame = frameAt(bytes, at)) {
          if (records > 0 && (records + frame.records > maxRecords || size + frame.lines.length > maxBytes))
            break;
          lines.push(frame.lines);
          records += frame.records;
          size += frame.lines.length;
          at = frame.end;
        }
        if (records > 0)
          return { lines: Buffer.concat(lines), records, end: { sequence, offset: offset + at } };
        // The disk does not give back what it took: the rest of this segment is lost, and said to be.
        this.damaged++;
        this.dropped += segment.records;
        this.pending -= segment.records;
        segment.records = 0;
      }
      const next = this.#segments[index + 1];
      if (next === undefined) return null;
      await this.#moveTo({ sequence: next.sequence, offset: 0 }, 0);
    }
    return null;
  }

  /** The receiver has `chunk`. */
  async commit(chunk: SpoolChunk): Promise<void> {
    // A segment that had to make room in the meantime has taken the cursor along.
    if (chunk.end.sequence !== this.#cursor.sequence) return;
    await this.#moveTo(chunk.end, chunk.records);
  }

  async #moveTo(position: Position, records: number): Promise<void> {
    this.#cursor = position;
    const segment = this.#segments.find(({ sequence }) => sequence === position.sequence);
    if (segment !== undefined) segment.records -= records;
    this.pending -= records;
    await writeCursor(this.#folder, position);
    let first = this.#segments[0];
    while (first !== undefined && first.sequence < position.sequence) {
      this.#segments.shift();
      await rm(this.#pathOf(first.sequence), { force: true });
      first = this.#segments[0];
    }
    // All of the last one is read: it goes as well, so that an idle spool is empty.
    if (this.pending === 0 && this.#writing === null && first !== undefined && this.#segments.length === 1) {
      await this.#closeFile();
      this.#segments.shift();
      this.#cursor = { sequence: first.sequence + 1, offset: 0 };
      await writeCursor(this.#folder, this.#cursor);
      await rm(this.#pathOf(first.sequence), { force: true });
    }
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#room.resolve();
    this.#arrived.resolve();
    await this.#writing;
    await this.#closeFile();
    await rm(join(this.#folder, 'lock'), { force: true });
  }
}

function frameAt(bytes: Buffer, at: number): { lines: Buffer; records: number; end: number } | null {
  if (at + HEADER_BYTES > bytes.length) return null;
  const length = bytes.readUInt32LE(at);
  const end = at + HEADER_BYTES + length;
  // Zeros are what some file systems leave behind in a crash: they would be a frame of nothing with a right checksum.
  if (length === 0 || length > MAX_FRAME_BYTES || end > bytes.length) return null;
  const lines = bytes.subarray(at + HEADER_BYTES, end);
  return crc32(lines) === bytes.readUInt32LE(at + 4)
    ? { lines, records: bytes.readUInt32LE(at + 8), end }
    : null;
}

async function readPart(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function readCursor(path: string): Promise<Position> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const match = /^(\d{1,12}) (\d{1,12})\n$/.exec(text);
  return match === null
    ? { sequence: 0, offset: 0 }
    : { sequence: Number(match[1]), offset: Number(match[2]) };
}

async function writeCursor(folder: string, { sequence, offset }: Position): Promise<void> {
  const path = join(folder, 'cursor');
  const file = await open(`${path}.new`, 'w', 0o640);
  await file.writeFile(`${sequence} ${offset}\n`);
  await file.datasync();
  await file.close();
  await rename(`${path}.new`, path);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync();
  await folder.close();
}

/** Makes the lock file; one whose process is gone is taken over. */
async function takeLock(path: string): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, 'wx', 0o640);
      await file.writeFile(`${process.pid}\n`);
      await file.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = Number(await readFile(path, 'utf8').catch(() => ''));
      if (owner > 0 && owner !== process.pid && isAlive(owner))
        throw new Error(`the spool is in use by process ${owner} (${path})`);
      await rm(path, { force: true });
    }
  }
  throw new Error(`the spool can not be locked (${path})`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
