// The streams of a connection: those that are open, those that have been, and those that we have reset and whose late
// frames are let pass (RFC 9113 section 5.1).
import { MAX_STREAM_ID } from './frames.ts';
import type { H2Stream } from './stream.ts';

/** Streams that we have reset and whose late frames are let pass. */
const MAX_REMEMBERED_RESETS = 128;

export class StreamTable {
  readonly open = new Map<number, H2Stream>();
  /** Highest id that the peer has opened. */
  lastPeerId = 0;
  readonly #isServer: boolean;
  #nextId = 1;
  readonly #resets = new Set<number>();

  constructor(isServer: boolean) {
    this.#isServer = isServer;
  }

  /** Whether an id of our own is left. */
  get hasIds(): boolean {
    return this.#nextId < MAX_STREAM_ID;
  }

  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  /** Whether a stream with this id exists or has existed. */
  isKnown(id: number): boolean {
    const isPeers = (id % 2 === 1) === this.#isServer;
    return isPeers ? id <= this.lastPeerId : id < this.#nextId;
  }

  /** Remembers a stream that we reset. */
  rememberReset(id: number): void {
    this.#resets.add(id);
    if (this.#resets.size > MAX_REMEMBERED_RESETS) {
      for (const oldest of this.#resets) {
        this.#resets.delete(oldest);
        break;
      }
    }
  }

  wasReset(id: number): boolean {
    return this.#resets.has(id);
  }
}
