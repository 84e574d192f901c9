// The access log's way from the data-plane threads to its file: one byte ring in shared memory a thread, written by
// that thread alone and read by the main thread alone. A line becomes visible when it is complete, so that a thread
// that is killed leaves no torn one. HOT
import { createWriteStream, type WriteStream } from 'node:fs';

/** Bytes of a ring; a power of two. Some ten thousand lines. */
const RING_BYTES = 4_194_304;
/** Words before the data: head, tail, dropped lines. */
const HEADER_BYTES = 64;
const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;
/** How often the reader looks, ms. */
const POLL_MS = 20;
/** Most time a thread waits for room before a line is dropped and counted, ms. */
const WAIT_MS = 5000;

export interface AccessLogMemory {
  readonly buffer: SharedArrayBuffer;
  readonly whenFull: 'wait' | 'drop';
  readonly keepQueryValues: boolean;
}

export function createAccessLog(
  options: Omit<AccessLogMemory, 'buffer'>,
  bytes = RING_BYTES,
): AccessLogMemory {
  return { ...options, buffer: new SharedArrayBuffer(HEADER_BYTES + bytes) };
}

/** The data-plane thread's end. */
export class AccessLogWriter {
  readonly #control: Int32Array;
  readonly #data: Buffer;
  readonly #mask: number;
  readonly #waits: boolean;

  constructor(memory: AccessLogMemory) {
    this.#control = new Int32Array(memory.buffer, 0, HEADER_BYTES / 4);
    this.#data = Buffer.from(memory.buffer, HEADER_BYTES);
    this.#mask = this.#data.length - 1;
    this.#waits = memory.whenFull === 'wait';
  }

  /** Writes one line of ASCII. */
  write(line: string): void {
    const control = this.#control;
    const size = line.length;
    const head = Atomics.load(control, HEAD);
    if (!this.#hasRoom(head, size) && !this.#waitForRoom(head, size)) {
      Atomics.add(control, DROPPED, 1);
      return;
    }
    const at = head & this.#mask;
    const room = this.#data.length - at;
    if (size <= room) this.#data.write(line, at, 'latin1');
    else {
      this.#data.write(line.slice(0, room), at, 'latin1');
      this.#data.write(line.slice(room), 0, 'latin1');
    }
    Atomics.store(control, HEAD, (head + size) | 0);
  }

  #hasRoom(head: number, size: number): boolean {
    const used = (head - Atomics.load(this.#control, TAIL)) >>> 0;
    return used + size <= this.#data.length;
  }

  #waitForRoom(head: number, size: number): boolean {
    if (!this.#waits || size > this.#data.length) return false;
    const untilMs = performance.now() + WAIT_MS;
    while (performance.now() < untilMs) {
      const tail = Atomics.load(this.#control, TAIL);
      Atomics.wait(this.#control, TAIL, tail, 50);
      if (this.#hasRoom(head, size)) return true;
    }
    return false;
  }
}

/** Where lines go. */
export interface LogSink {
  /** Resolves when the bytes are taken; rejects when they could not be written. */
  write(bytes: Buffer): Promise<void>;
  /** Opens the file again after it was moved away. */
  reopen(): void;
  close(): Promise<void>;
}

/** The main thread's end of all rings. */
export class AccessLogReader {
  readonly #rings = new Set<AccessLogMemory>();
  readonly #sink: LogSink;
  readonly #timer: NodeJS.Timeout;
  #draining: Promise<void> | null = null;
  #droppedBefore = 0;
  /** Lines that could not be written by the sink. */
  failedWrites = 0;

  constructor(sink: LogSink) {
    this.#sink = sink;
    this.#timer = setInterval(() => void this.drain(), POLL_MS);
    this.#timer.unref();
  }

  attach(memory: AccessLogMemory): void {
    this.#rings.add(memory);
  }

  /** The thread is gone: what it left is written, then its ring is forgotten. */
  async retire(memory: AccessLogMemory): Promise<void> {
    await this.drain();
    await this.drain();
    if (this.#rings.delete(memory)) this.#droppedBefore += droppedOf(memory);
  }

  /** Lines that threads had to drop, ever. */
  get dropped(): number {
    let count = this.#droppedBefore;
    for (const memory of this.#rings) count += droppedOf(memory);
    return count;
  }

  /** Writes everything that is complete. */
  drain(): Promise<void> {
    this.#draining ??= this.#drainOnce().finally(() => {
      this.#draining = null;
    });
    return this.#draining;
  }

  async #drainOnce(): Promise<void> {
    for (const memory of this.#rings) {
      const control = new Int32Array(memory.buffer, 0, HEADER_BYTES / 4);
      const data = Buffer.from(memory.buffer, HEADER_BYTES);
      const tail = Atomics.load(control, TAIL);
      const size = (Atomics.load(control, HEAD) - tail) >>> 0;
      if (size === 0) continue;
      const at = tail & (data.length - 1);
      const batch = Buffer.allocUnsafe(size);
      const first = Math.min(size, data.length - at);
      data.copy(batch, 0, at, at + first);
      data.copy(batch, first, 0, size - first);
      try {
        await this.#sink.write(batch);
      } catch {
        this.failedWrites++;
      }
      Atomics.store(control, TAIL, (tail + size) | 0);
      Atomics.notify(control, TAIL);
    }
  }

  reopen(): void {
    this.#sink.reopen();
  }

  /** Writes what is left and closes the sink. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.drain();
    await this.drain();
    await this.#sink.close();
  }
}

const droppedOf = (memory: AccessLogMemory): number =>
  Atomics.load(new Int32Array(memory.buffer, 0, HEADER_BYTES / 4), DROPPED);

export function stdoutSink(): LogSink {
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    reopen: () => {},
    close: () => Promise.resolve(),
  };
}

/** Appends to `path`, readable by owner and group only. */
export function fileSink(path: string): LogSink {
  const open = (): WriteStream => {
    const stream = createWriteStream(path, { flags: 'a', mode: 0o640 });
    stream.on('error', () => {});
    return stream;
  };
  let stream = open();
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    reopen: () => {
      stream.end();
      stream = open();
    },
    close: () => new Promise((resolve) => stream.end(() => resolve())),
  };
}
