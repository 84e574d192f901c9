// The main thread's copy of what the store says about keys and withdrawals, and its way to the data-plane threads: keys
// as steps from state to state, withdrawals through memory that all threads share. The store may be away: then the
// gate goes on with what it knows.
import type { Clock } from '../../core/index.ts';
import type { ApiKeyRow, ApiKeyUpdate, ApiKeyUse, RevocationWriter } from '../../credentials/index.ts';
import type { ApiKeyState, IdentityStore } from '../contract.ts';

/** Changes are told by the store; this often they are looked for anyway, by one row: a word may be lost, ms. */
const LOOK_MS = 900;
/** How often uses are written down, ms. */
const USES_MS = 5000;
/** Ended withdrawals are forgotten this often, in memory and in the store, ms. */
const PRUNE_MS = 60_000;
const STORE_PRUNE_MS = 3_600_000;
/** A withdrawn key stays in the shared table until every thread has surely dropped its row, ms. */
const DROPPED_MS = 3_600_000;
/** Uses that are kept while the store is away. */
const MAX_USES = 200_000;

export interface CredentialFeedOptions {
  readonly store: IdentityStore;
  readonly revocations: RevocationWriter;
  readonly clock: Clock;
  onUpdate(update: ApiKeyUpdate): void;
  /** The store could not be asked, or can be again (null). */
  onProblem(problem: string | null): void;
}

export class CredentialFeed {
  readonly #options: CredentialFeedOptions;
  readonly #rows = new Map<string, ApiKeyRow>();
  /** Ids of keys that are in the table of withdrawals because they were good before. */
  readonly #dropped = new Set<string>();
  readonly #uses = new Map<string, number>();
  #revision = 0;
  #running: Promise<void> | null = null;
  #again = false;
  #unsubscribe: () => void = () => {};
  #timers: NodeJS.Timeout[] = [];
  #problem: string | null = null;
  #stopped = false;

  constructor(options: CredentialFeedOptions) {
    this.#options = options;
  }

  /** Loads everything. Rejects when the store can not be read: a gate that knows no withdrawals must not start. */
  async start(): Promise<void> {
    await this.#load();
    this.#unsubscribe = this.#options.store.onChange(() => void this.refresh());
    this.#timers = [
      setInterval(() => void this.refresh(), LOOK_MS),
      setInterval(() => void this.#writeUses(), USES_MS),
      setInterval(() => this.#options.revocations.prune(this.#options.clock.epochMs()), PRUNE_MS),
      setInterval(() => {
        this.#options.store.prune(this.#options.clock.epochMs()).catch(() => {});
      }, STORE_PRUNE_MS),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  /** Every key that is good now. */
  rows(): ApiKeyRow[] {
    return [...this.#rows.values()];
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Takes in what has changed; resolves when it has. Never rejects. */
  refresh(): Promise<void> {
    if (this.#running !== null) {
      // What was written after the running look began may be missing from it.
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#refreshAll().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #refreshAll(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#load();
        this.#report(null);
      } catch (error) {
        this.#report(error instanceof Error ? error.message : String(error));
      }
    } while (this.#again && !this.#stopped);
  }

  #report(problem: string | null): void {
    if (problem === this.#problem || this.#stopped) return;
    this.#problem = problem;
    this.#options.onProblem(problem);
  }

  async #load(): Promise<void> {
    const { store, revocations, clock } = this.#options;
    const changes = await store.changesSince(this.#revision, (states) => this.#take(states));
    const nowMs = clock.epochMs();
    for (const { kind, value, issuedBeforeMs, untilMs } of changes.revocations) {
      revocations.revoke(kind, value, issuedBeforeMs ?? Number.POSITIVE_INFINITY, untilMs, nowMs);
    }
    for (const { kind, value } of changes.restored) revocations.restore(kind, value);
    this.#revision = changes.revision;
  }

  #take(states: readonly ApiKeyState[]): void {
    const nowMs = this.#options.clock.epochMs();
    const rows: ApiKeyRow[] = [];
    const removed: string[] = [];
    for (const { key, principal } of states) {
      const isGood =
        key.revokedMs === null &&
        principal.disabledMs === null &&
        (key.expiresMs === null || key.expiresMs > nowMs);
      if (isGood) {
        const row: ApiKeyRow = {
          id: key.id,
          sha256: key.sha256,
          consumer: principal.id,
          scopes: key.scopes ?? principal.scopes,
          addresses: key.addresses,
          createdMs: key.createdMs,
          expiresMs: key.expiresMs,
        };
        this.#rows.set(key.sha256, row);
        if (this.#dropped.delete(key.id)) this.#options.revocations.restore('key', key.id);
        rows.push(row);
      } else if (this.#rows.delete(key.sha256)) {
        // Shared memory first: no thread takes the key while the message is on its way.
        this.#options.revocations.revoke('key', key.id, Number.POSITIVE_INFINITY, nowMs + DROPPED_MS, nowMs);
        this.#dropped.add(key.id);
        removed.push(key.sha256);
      }
    }
    if (rows.length > 0 || removed.length > 0) this.#options.onUpdate({ rows, removed });
  }

  noteUses(uses: readonly ApiKeyUse[]): void {
    for (const { id, usedMs } of uses) {
      if (this.#uses.size >= MAX_USES && !this.#uses.has(id)) continue;
      this.#uses.set(id, Math.max(usedMs, this.#uses.get(id) ?? 0));
    }
  }

  async #writeUses(): Promise<void> {
    if (this.#uses.size === 0) return;
    const uses = [...this.#uses].map(([id, usedMs]) => ({ id, usedMs }));
    this.#uses.clear();
    try {
      await this.#options.store.noteUses(uses);
    } catch {
      this.noteUses(uses);
    }
  }

  /** Writes down what is still to be written. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running;
    await this.#writeUses();
  }
}
