// Bans on the main thread: takes them from the store, from hands and from detection, writes them into the table that threads read,
// and lets them end.

import type { Clock } from '../core/index.ts';
import { AddressSet, parseWords } from '../net/index.ts';
import type { BanTable } from './ban-table.ts';
import { banBlock } from './block.ts';
import type { Ban, BanStore, BansConfig } from './contract.ts';

/** How often a store that does not tell is asked, and how often ended bans are put away, ms. */
const ASK_MS = 400;
const TIDY_MS = 1000;

/** A ban can not be set; the message says why. */
export class BanError extends Error {
  override readonly name = 'BanError';
}

export interface BanKeeperOptions {
  readonly table: BanTable;
  /** Null keeps them for the life of this gate. */
  readonly store: BanStore | null;
  readonly clock: Clock;
  /** A ban was seen for the first time, or one was taken back before its end. */
  readonly onChange: (kind: 'added' | 'removed', ban: Ban) => void;
  /** The store answers again (empty), or does not; bans that are known stay. */
  readonly onProblem: (problem: string) => void;
}

export class BanKeeper {
  readonly #options: BanKeeperOptions;
  readonly #bans = new Map<string, Ban>();
  #never = new AddressSet([]);
  #neverBlocks: readonly string[] = [];
  #longestMs = Number.POSITIVE_INFINITY;
  readonly #timers: NodeJS.Timeout[] = [];
  #unsubscribe: () => void = () => {};
  #looking: Promise<void> | null = null;
  #again = false;
  /** What was there at the start is no news. */
  #started = false;
  #problem = '';
  #overflow = 0;

  constructor(options: BanKeeperOptions) {
    this.#options = options;
  }

  configure({ never, longestMs }: BansConfig): void {
    this.#never = new AddressSet(never);
    this.#neverBlocks = never;
    this.#longestMs = longestMs;
  }

  /** Takes over what the store holds. */
  async start(): Promise<void> {
    const { store } = this.#options;
    const every = (ms: number, work: () => void): void => {
      const timer = setInterval(work, ms);
      timer.unref();
      this.#timers.push(timer);
    };
    every(TIDY_MS, () => this.#tidy());
    if (store === null) {
      this.#started = true;
      return;
    }
    if (store.onChange !== null) this.#unsubscribe = store.onChange(() => void this.look());
    every(ASK_MS, () => void this.look());
    await this.look();
    this.#started = true;
  }

  get size(): number {
    return this.#bans.size;
  }

  /** Bans that had no room in the table. */
  get overflow(): number {
    return this.#overflow;
  }

  list(): readonly Ban[] {
    return [...this.#bans.values()];
  }

  /** Bans an address or block from now on, on this gate at once and on others within a second. Throws BanError. */
  async add(ban: { block: string; reason: string; by: string; forMs: number }): Promise<Ban> {
    const { store, clock } = this.#options;
    const block = banBlock(ban.block);
    if (block === null)
      throw new BanError(`"${ban.block}" is no address, or a block of more than a /8 (IPv4) or /16 (IPv6)`);
    this.#refuseProtected(block);
    if (!(ban.forMs > 0)) throw new BanError('a ban needs a time');
    const nowMs = clock.epochMs();
    const full: Ban = {
      block,
      reason: ban.reason,
      by: ban.by,
      createdMs: nowMs,
      untilMs: nowMs + Math.min(ban.forMs, this.#longestMs),
    };
    this.#take(full);
    await store?.put(full);
    return full;
  }

  /** Takes a ban back. False when there was none. */
  async remove(text: string): Promise<boolean> {
    const block = banBlock(text) ?? text;
    const known = this.#bans.get(block);
    if (known !== undefined) this.#drop(known);
    const removed = await this.#options.store?.remove(block);
    return removed === true || known !== undefined;
  }

  /** Neither an address that must not be banned nor a block around one. */
  #refuseProtected(block: string): void {
    const [address = ''] = block.split('/');
    const around = new AddressSet([block]);
    const words = new Uint32Array(4);
    const inside = this.#neverBlocks.some((never) => {
      const [first = ''] = never.split('/');
      return parseWords(first, words) && around.has(first);
    });
    if (inside || this.#never.has(address)) throw new BanError(`${block} is under "never", or holds what is`);
  }

  look(): Promise<void> {
    if (this.#looking !== null) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#lookOnce().finally(() => {
      this.#looking = null;
      if (!this.#again) return;
      this.#again = false;
      void this.look();
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    const { store, onProblem } = this.#options;
    if (store === null) return;
    try {
      const found = await store.changes();
      if (this.#problem !== '') onProblem('');
      this.#problem = '';
      if (found === null) return;
      const seen = new Set<string>();
      for (const ban of found) {
        if (banBlock(ban.block) !== ban.block) continue;
        try {
          this.#refuseProtected(ban.block);
        } catch {
          continue;
        }
        seen.add(ban.block);
        this.#take(ban);
      }
      for (const ban of [...this.#bans.values()]) if (!seen.has(ban.block)) this.#drop(ban);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem) onProblem(problem);
      this.#problem = problem;
    }
  }

  #take(ban: Ban): void {
    const { table, clock, onChange } = this.#options;
    const known = this.#bans.get(ban.block);
    if (known?.untilMs === ban.untilMs && known.reason === ban.reason) return;
    if (ban.untilMs <= clock.epochMs()) return;
    if (!table.set(ban.block, Math.ceil(ban.untilMs / 1000))) {
      this.#overflow++;
      return;
    }
    this.#bans.set(ban.block, ban);
    if (this.#started) onChange('added', ban);
  }

  #drop(ban: Ban): void {
    const { table, clock, onChange } = this.#options;
    this.#bans.delete(ban.block);
    table.delete(ban.block);
    if (ban.untilMs > clock.epochMs()) onChange('removed', ban);
  }

  #tidy(): void {
    const nowMs = this.#options.clock.epochMs();
    for (const ban of [...this.#bans.values()]) if (ban.untilMs <= nowMs) this.#drop(ban);
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#unsubscribe();
  }
}
