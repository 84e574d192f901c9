// The access log's way from the data-plane threads to its file: one byte ring in shared memory a thread, written by
// that thread alone and read by the main thread alone. A line becomes visible when it is complete, so that a thread
// that is killed leaves no torn one. HOT
import { closeSync, openSync, write } from 'node:fs';
import type { MatchValues } from './mask-value.ts';
import type { RingTap } from './record-stream.ts';

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
  /** Values that inspection rules matched. */
  readonly matchValues: MatchValues;
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
  /** A wait was in vain: until there is room again lines are dropped without another. */
  #stalled = false;

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
    this.#stalled = false;
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
    if (!this.#waits || this.#stalled || size > this.#data.length) return false;
    const untilMs = performance.now() + WAIT_MS;
    while (performance.now() < untilMs) {
      const tail = Atomics.load(this.#control, TAIL);
      Atomics.wait(this.#control, TAIL, tail, 50);
      if (this.#hasRoom(head, size)) return true;
    }
    this.#stalled = true;
    return false;
  }
}

/** Where lines go. */
export interface LogSink {
  /** Answers how many of the bytes were taken: fewer than all when the rest could not be written. Never rejects. */
  write(bytes: Buffer): Promise<number>;
  /** Opens the file again after it was moved away. */
  reopen(): void;
  close(): Promise<void>;
}

/** The main thread's end of all rings. What a sink does not take stays in the ring and is offered again. */
export class AccessLogReader {
  readonly #rings = new Set<AccessLogMemory>();
  readonly #sink: LogSink;
  readonly #tap: RingTap | null;
  readonly #timer: NodeJS.Timeout;
  #draining: Promise<void> | null = null;
  /** Ring of which the sink has taken a part, perhaps of a line: it goes on before any other. */
  #broken: AccessLogMemory | null = null;
  #droppedBefore = 0;
  /** Batches that the sink did not take whole. */
  failedWrites = 0;

  /** `tap` sees what the sink has taken, ring by ring. */
  constructor(sink: LogSink, tap: RingTap | null = null) {
    this.#sink = sink;
    this.#tap = tap;
    this.#timer = setInterval(() => void this.drain(), POLL_MS);
    this.#timer.unref();
  }

  attach(memory: AccessLogMemory): void {
    this.#rings.add(memory);
  }

  /** The thread is gone: what it left is written, then its ring is forgotten. */
  async retire(memory: AccessLogMemory): Promise<void> {
    while (this.#rings.has(memory)) {
      await this.drain();
      if (sizeOf(memory) > 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS).unref());
      else if (this.#rings.delete(memory)) {
        this.#droppedBefore += droppedOf(memory);
        this.#tap?.end(memory);
      }
    }
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
    const rings = this.#broken === null ? this.#rings : new Set([this.#broken, ...this.#rings]);
    this.#broken = null;
    for (const memory of rings) {
      if (await this.#drainRing(memory)) continue;
      this.failedWrites++;
      this.#broken = memory;
      return;
    }
  }

  /** Answers whether the sink took all that stood in the ring. */
  async #drainRing(memory: AccessLogMemory): Promise<boolean> {
    const control = controlOf(memory);
    const data = Buffer.from(memory.buffer, HEADER_BYTES);
    const head = Atomics.load(control, HEAD);
    let tail = Atomics.load(control, TAIL);
    while (tail !== head) {
      const room = this.#tap?.room() ?? null;
      if (room !== null) await room;
      // Straight from shared memory: the writer does not touch these bytes before the tail has passed them.
      const at = tail & (data.length - 1);
      const size = Math.min((head - tail) >>> 0, data.length - at);
      const taken = await this.#sink.write(data.subarray(at, at + size));
      this.#tap?.offer(memory, data.subarray(at, at + taken));
      tail = (tail + taken) | 0;
      Atomics.store(control, TAIL, tail);
      Atomics.notify(control, TAIL);
      if (taken < size) return false;
    }
    return true;
  }

  reopen(): void {
    this.#sink.reopen();
  }

  /** Writes what is left and closes the sink; what it does not take now is lost and counted as a failed write. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.drain();
    await this.drain();
    await this.#sink.close();
    this.#rings.clear();
  }
}

const controlOf = (memory: AccessLogMemory): Int32Array => new Int32Array(memory.buffer, 0, HEADER_BYTES / 4);

const droppedOf = (memory: AccessLogMemory): number => Atomics.load(controlOf(memory), DROPPED);

function sizeOf(memory: AccessLogMemory): number {
  const control = controlOf(memory);
  return (Atomics.load(control, HEAD) - Atomics.load(control, TAIL)) >>> 0;
}

/** Takes everything and keeps nothing: records are wanted, a file is not. */
export const nullSink: LogSink = {
  write: (bytes) => Promise.resolve(bytes.length),
  reopen: () => {},
  close: () => Promise.resolve(),
};

export function stdoutSink(): LogSink {
  return {
    write: (bytes) =>
      new Promise((resolve) => {
        process.stdout.write(bytes, (error) => resolve(error ? 0 : bytes.length));
      }),
    reopen: () => {},
    close: () => Promise.resolve(),
  };
}

/**
 * Appends to `path`, readable by owner and group only. Throws Error when it can not be opened; later, a file that can
 * not be opened or written is tried again with each write.
 */
export function fileSink(path: string): LogSink {
  const open = (): number => openSync(path, 'a', 0o640);
  let wantsReopen = false;
  let writing = false;
  let file = open();
  const close = (): void => {
    if (file !== -1) closeSync(file);
    file = -1;
  };
  const writeOnce = (bytes: Buffer): Promise<number> =>
    new Promise((resolve) => {
      write(file, bytes, (error, written) => resolve(error ? 0 : written));
    });
  return {
    async write(bytes) {
      writing = true;
      let taken = 0;
      while (taken < bytes.length) {
        if (file === -1) {
          try {
            file = open();
          } catch {
            break;
          }
        }
        const written = await writeOnce(bytes.subarray(taken));
        if (written === 0) break;
        taken += written;
      }
      writing = false;
      if (wantsReopen || taken < bytes.length) close();
      wantsReopen = false;
      return taken;
    },
    reopen() {
      // Lines under way end in the old file.
      if (writing) wantsReopen = true;
      else close();
    },
    close: () => Promise.resolve(close()),
  };
}
