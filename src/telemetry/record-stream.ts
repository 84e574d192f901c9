// Finished exchanges for whoever on the main thread wants them: bytes that the access log has taken are cut into whole
// lines and handed to subscribers in batches. Each subscriber has a queue with a bound of its own, so that a slow one
// loses (and counts) what is its own, or holds everything back because it was told to.
import { RecordBatch } from './exchange-record.ts';

/** Longest line that is put together from two looks into a ring, bytes; lines are some 16 KiB at most. */
const MAX_LINE_BYTES = 1_048_576;

export interface RecordSubscriber {
  /** Label of its metrics. */
  readonly name: string;
  /** Most bytes of lines that may wait for it. */
  readonly maxPendingBytes: number;
  /** `drop`: newest batches are lost and counted; `wait`: rings are not read until it has room, which is back-pressure. */
  readonly whenFull: 'drop' | 'wait';
  /** Takes a batch; the next one comes when the promise is settled. What it throws is counted, the batch is not offered again. */
  take(batch: RecordBatch): Promise<void> | void;
}

export interface SubscriberCounts {
  readonly name: string;
  readonly taken: number;
  readonly lost: number;
  readonly failures: number;
  readonly pendingBytes: number;
}

class Subscription {
  readonly subscriber: RecordSubscriber;
  readonly #queue: RecordBatch[] = [];
  #running: Promise<void> | null = null;
  pendingBytes = 0;
  taken = 0;
  lost = 0;
  failures = 0;
  isOver = false;

  constructor(subscriber: RecordSubscriber) {
    this.subscriber = subscriber;
  }

  get isFull(): boolean {
    return this.pendingBytes >= this.subscriber.maxPendingBytes;
  }

  offer(batch: RecordBatch): void {
    // One that waits was asked before the ring was read; what one look brought is taken whole.
    if (this.isOver || (this.isFull && this.subscriber.whenFull === 'drop')) {
      if (!this.isOver) this.lost += batch.count;
      return;
    }
    this.pendingBytes += batch.lines.length;
    this.#queue.push(batch);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      try {
        await this.subscriber.take(batch);
        this.taken += batch.count;
      } catch {
        this.failures++;
        this.lost += batch.count;
      }
      this.pendingBytes -= batch.lines.length;
    }
    this.#running = null;
  }

  /** Settles when what waits now was taken. */
  idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }
}

/** What the reader of the rings tells: bytes as they were taken, and when a ring ends. */
export interface RingTap {
  /** `ring` is only compared; the bytes are copied before the call returns. */
  offer(ring: object, bytes: Buffer): void;
  /** No more comes of this ring. */
  end(ring: object): void;
  /** Null, or settles when a subscriber that is waited for has room. */
  room(): Promise<void> | null;
}

export class RecordStream implements RingTap {
  readonly #subscriptions = new Set<Subscription>();
  /** The beginning of a line whose rest is still in the ring. */
  readonly #begun = new Map<object, Buffer>();
  /** Rings whose lines are skipped up to the next line feed: the stream began, or gave up, in the middle of one. */
  readonly #skipping = new Set<object>();
  /** Lines that were too long to be one. */
  overlong = 0;

  /** Adds a subscriber; the answer takes it away again, after what waits for it was taken. */
  subscribe(subscriber: RecordSubscriber): () => Promise<void> {
    const subscription = new Subscription(subscriber);
    this.#subscriptions.add(subscription);
    return async () => {
      subscription.isOver = true;
      await subscription.idle();
      this.#subscriptions.delete(subscription);
    };
  }

  get isWanted(): boolean {
    return this.#subscriptions.size > 0;
  }

  offer(ring: object, bytes: Buffer): void {
    if (this.#subscriptions.size === 0) {
      // Whoever comes next must not see half a line.
      this.#begun.delete(ring);
      if (bytes.at(-1) === 10) this.#skipping.delete(ring);
      else this.#skipping.add(ring);
      return;
    }
    let rest = bytes;
    if (this.#skipping.has(ring)) {
      const end = rest.indexOf(10);
      if (end === -1) return;
      this.#skipping.delete(ring);
      rest = rest.subarray(end + 1);
    }
    const begun = this.#begun.get(ring);
    const end = rest.lastIndexOf(10);
    if (end === -1) {
      this.#keep(ring, begun === undefined ? Buffer.from(rest) : Buffer.concat([begun, rest]));
      return;
    }
    const whole = rest.subarray(0, end + 1);
    this.#begun.delete(ring);
    if (end + 1 < rest.length) this.#keep(ring, Buffer.from(rest.subarray(end + 1)));
    const batch = new RecordBatch(begun === undefined ? Buffer.from(whole) : Buffer.concat([begun, whole]));
    for (const subscription of this.#subscriptions) subscription.offer(batch);
  }

  #keep(ring: object, begun: Buffer): void {
    if (begun.length === 0) return;
    if (begun.length <= MAX_LINE_BYTES) {
      this.#begun.set(ring, begun);
      return;
    }
    this.overlong++;
    this.#begun.delete(ring);
    this.#skipping.add(ring);
  }

  end(ring: object): void {
    this.#begun.delete(ring);
    this.#skipping.delete(ring);
  }

  room(): Promise<void> | null {
    const full = [...this.#subscriptions].filter(
      (one) => one.isFull && one.subscriber.whenFull === 'wait' && !one.isOver,
    );
    if (full.length === 0) return null;
    return Promise.all(full.map((one) => one.idle())).then(() => {});
  }

  /** Settles when every subscriber has taken what waits for it. */
  async idle(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((one) => one.idle()));
  }

  counts(): readonly SubscriberCounts[] {
    return [...this.#subscriptions].map(({ subscriber, taken, lost, failures, pendingBytes }) => ({
      name: subscriber.name,
      taken,
      lost,
      failures,
      pendingBytes,
    }));
  }
}
