// What has been withdrawn, in memory that all threads share: the main thread writes, every thread reads without a lock,
// and a withdrawal counts from the moment `revoke` returns. Readers ask `version` first (one atomic load); only when
// it has moved since they last looked do they look an entry up. HOT
import { randomBytes } from 'node:crypto';
import { KeyHasher } from '../core/index.ts';

/** What an entry names. A `subject` or `issuer` is withdrawn for what was issued before a moment, the others whole. */
export const RevocationKind = { token: 1, subject: 2, issuer: 3, key: 4, session: 5 } as const;
export type RevocationKindName = keyof typeof RevocationKind;

/** Int32 words of an entry: hash high, hash low, two for issued-before (float64), two for until (float64). */
const ENTRY_WORDS = 6;
const ENTRY_BYTES = ENTRY_WORDS * 4;
/** Int32 words before the entries: version, active half; then a float64: everything issued before is withdrawn. */
const HEADER_BYTES = 64;
const VERSION = 0;
const ACTIVE = 1;
const EVERYTHING_BEFORE = 1;
/** Beyond this share of used slots, probing gets long. */
const MAX_LOAD = 0.7;

export interface RevocationMemory {
  readonly buffer: SharedArrayBuffer;
  /** Slots of each of the two halves; a power of two. */
  readonly slots: number;
  readonly seed: readonly [number, number];
}

/** Memory for some 0.7 × `slots` withdrawals; the system gives pages only when they are written. */
export function createRevocationTable(slots = 524_288): RevocationMemory {
  const size = 2 ** Math.ceil(Math.log2(Math.max(16, slots)));
  const random = randomBytes(8);
  return {
    buffer: new SharedArrayBuffer(HEADER_BYTES + 2 * size * ENTRY_BYTES),
    slots: size,
    seed: [random.readInt32LE(0), random.readInt32LE(4)],
  };
}

export class RevocationTable {
  readonly #slots: number;
  readonly #header: Int32Array;
  readonly #everythingBefore: Float64Array;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #hasher: KeyHasher;

  constructor(memory: RevocationMemory) {
    const { buffer, slots } = memory;
    this.#slots = slots;
    this.#header = new Int32Array(buffer, 0, 2);
    this.#everythingBefore = new Float64Array(buffer, 0, HEADER_BYTES / 8);
    this.#words = new Int32Array(buffer, HEADER_BYTES, 2 * slots * ENTRY_WORDS);
    this.#times = new Float64Array(buffer, HEADER_BYTES, slots * ENTRY_WORDS);
    this.#hasher = new KeyHasher(memory.seed[0], memory.seed[1]);
  }

  /** Moves with every withdrawal. A verdict made at one version stands as long as it does not move. */
  get version(): number {
    return Atomics.load(this.#header, VERSION);
  }

  /** Whether `value`, issued at `issuedMs` (0 when it does not say), is withdrawn. */
  isRevoked(kind: number, value: string, issuedMs: number): boolean {
    for (;;) {
      const version = Atomics.load(this.#header, VERSION);
      if (issuedMs < this.#everythingBefore[EVERYTHING_BEFORE]!) return true;
      const slot = this.#find(Atomics.load(this.#header, ACTIVE), kind, value);
      const revoked = slot !== -1 && issuedMs < this.#times[slot * 3 + 1]!;
      // The writer may have switched halves twice meanwhile and be writing the one that was read.
      if (Atomics.load(this.#header, VERSION) === version) return revoked;
    }
  }

  /** Slot of the entry, or -1. */
  #find(half: number, kind: number, value: string): number {
    const hasher = this.#hasher;
    hasher.run(kind, value);
    const { high, low } = hasher;
    const words = this.#words;
    const first = half * this.#slots;
    let at = (high >>> 0) & (this.#slots - 1);
    for (;;) {
      const word = (first + at) * ENTRY_WORDS;
      if (words[word] === 0 && words[word + 1] === 0) return -1;
      if (words[word] === high && words[word + 1] === low) return first + at;
      at = (at + 1) & (this.#slots - 1);
    }
  }
}

interface Entry {
  readonly kind: number;
  readonly value: string;
  readonly issuedBeforeMs: number;
  readonly untilMs: number;
}

/** The one writer of a table, on the main thread. */
export class RevocationWriter {
  readonly table: RevocationTable;
  readonly #slots: number;
  readonly #header: Int32Array;
  readonly #everythingBefore: Float64Array;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #hasher: KeyHasher;
  /** What is in the active half, by kind and value. */
  readonly #entries = new Map<string, Entry>();

  constructor(memory: RevocationMemory) {
    const { buffer, slots } = memory;
    this.table = new RevocationTable(memory);
    this.#slots = slots;
    this.#header = new Int32Array(buffer, 0, 2);
    this.#everythingBefore = new Float64Array(buffer, 0, HEADER_BYTES / 8);
    this.#words = new Int32Array(buffer, HEADER_BYTES, 2 * slots * ENTRY_WORDS);
    this.#times = new Float64Array(buffer, HEADER_BYTES, slots * ENTRY_WORDS);
    this.#hasher = new KeyHasher(memory.seed[0], memory.seed[1]);
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Withdraws what was issued before `issuedBeforeMs` (Infinity: all of it), until `untilMs`. When it returns, no thread
   * takes it any more. A table that is full withdraws everything issued until now: too much, never too little.
   */
  revoke(
    kind: RevocationKindName,
    value: string,
    issuedBeforeMs: number,
    untilMs: number,
    nowMs: number,
  ): void {
    const number = RevocationKind[kind];
    const name = `${number}|${value}`;
    const known = this.#entries.get(name);
    if (known !== undefined && known.issuedBeforeMs >= issuedBeforeMs && known.untilMs >= untilMs) return;
    const entry: Entry = {
      kind: number,
      value,
      issuedBeforeMs: Math.max(issuedBeforeMs, known?.issuedBeforeMs ?? 0),
      untilMs: Math.max(untilMs, known?.untilMs ?? 0),
    };
    if (known === undefined && this.#entries.size + 1 > this.#slots * MAX_LOAD) {
      this.prune(nowMs);
      if (this.#entries.size + 1 > this.#slots * MAX_LOAD) {
        this.#everythingBefore[EVERYTHING_BEFORE] = nowMs;
        Atomics.add(this.#header, VERSION, 1);
        return;
      }
    }
    this.#entries.set(name, entry);
    this.#put(Atomics.load(this.#header, ACTIVE), entry);
    Atomics.add(this.#header, VERSION, 1);
  }

  /** Takes a withdrawal back. */
  restore(kind: RevocationKindName, value: string): void {
    if (this.#entries.delete(`${RevocationKind[kind]}|${value}`)) this.#rebuild();
  }

  /** Forgets what has ended. */
  prune(nowMs: number): void {
    const before = this.#entries.size;
    for (const [name, { untilMs }] of this.#entries) if (untilMs <= nowMs) this.#entries.delete(name);
    if (this.#entries.size !== before) this.#rebuild();
  }

  // INVARIANT: readers see an entry whole or not at all. A new entry gets its hash last; what leaves, leaves by
  // building the other half and switching; who reads a half that is being written sees the version move and asks again.
  #rebuild(): void {
    const half = 1 - Atomics.load(this.#header, ACTIVE);
    this.#words.fill(0, half * this.#slots * ENTRY_WORDS, (half + 1) * this.#slots * ENTRY_WORDS);
    for (const entry of this.#entries.values()) this.#put(half, entry);
    Atomics.store(this.#header, ACTIVE, half);
    Atomics.add(this.#header, VERSION, 1);
  }

  #put(half: number, entry: Entry): void {
    this.#hasher.run(entry.kind, entry.value);
    const { high, low } = this.#hasher;
    const words = this.#words;
    const first = half * this.#slots;
    let at = (high >>> 0) & (this.#slots - 1);
    for (;;) {
      const word = (first + at) * ENTRY_WORDS;
      const isFree = words[word] === 0 && words[word + 1] === 0;
      if (isFree || (words[word] === high && words[word + 1] === low)) {
        const time = (first + at) * 3 + 1;
        this.#times[time] = entry.issuedBeforeMs;
        this.#times[time + 1] = entry.untilMs;
        Atomics.store(words, word + 1, low);
        Atomics.store(words, word, high);
        return;
      }
      at = (at + 1) & (this.#slots - 1);
    }
  }
}
