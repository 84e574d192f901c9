// The main thread's side of shared limits: asks the store for what threads need, in batches, fills the node's table, gives
// unused tokens back, and says when the store does not answer, so that nobody waits for it.
import { hash } from 'node:crypto';
import type { Clock } from '../core/index.ts';
import {
  type BucketAsk,
  type BucketReply,
  type BucketStore,
  LEASE_MS,
  type LeaseAsk,
  type LeaseLimit,
  leaseId,
  QUOTA_LEASE_MS,
} from './lease-contract.ts';
import { Demand, type LeaseTable } from './lease-table.ts';

/** An exchange that takes longer than this has failed, ms. */
export const STORE_TIMEOUT_MS = 250;
/** How often the node says that it lives, ms, and how often it looks whether a store that was away is back. */
const GREET_MS = 2000;
const PROBE_MS = 200;
/** A single bucket that could not be reached is asked for again after this time, ms. */
const BUCKET_AWAY_MS = 250;
/** How often leases are looked at whose time has passed, ms. */
const RECLAIM_MS = 50;
/** Questions of one exchange. */
const MAX_BATCH = 1000;

export interface LeaseKeeperOptions {
  readonly table: LeaseTable;
  /** Limits that this store keeps. */
  readonly kind: LeaseLimit['kind'];
  /** One exchange at a time: what comes meanwhile goes with the next. For stores that write one after the other. */
  readonly isSerial: boolean;
  /** The store is behind a connection that can be lost. */
  readonly isRemote: boolean;
  readonly store: BucketStore;
  readonly clock: Clock;
  /** The fewest nodes to reckon with, for the share while the store is away. */
  readonly minNodes: number;
  /** Threads that asked can go on. */
  readonly onAnswered: (ids: readonly string[]) => void;
  /** The store answers again (empty problem), or does not. */
  readonly onState: (problem: string) => void;
}

interface Lease {
  readonly ask: LeaseAsk;
  readonly untilMs: number;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  /** Questions that wait to be sent, by id. */
  #pending = new Map<string, LeaseAsk>();
  readonly #underway = new Set<string>();
  readonly #leases = new Map<string, Lease>();
  readonly #timers: NodeJS.Timeout[] = [];
  #probing = false;
  #closed = false;
  #scheduled = false;
  #told = false;
  /** Exchanges and buckets asked about so far, and exchanges that failed. */
  readonly counts = { exchanges: 0, buckets: 0, failures: 0 };

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  get isRemote(): boolean {
    return this.#options.isRemote;
  }

  /** Looks whether the store answers; resolves when that is known. */
  async start(): Promise<void> {
    await this.#greet();
    const every = (ms: number, work: () => void): void => {
      const timer = setInterval(work, ms);
      timer.unref();
      this.#timers.push(timer);
    };
    every(GREET_MS, () => {
      if (this.#isUp) void this.#greet();
    });
    every(PROBE_MS, () => {
      if (!this.#isUp) void this.#greet();
    });
    every(RECLAIM_MS, () => this.reclaim());
  }

  get #isUp(): boolean {
    return this.#options.table.isStoreUp(this.#options.kind);
  }

  /** The connection is lost: nobody has to wait until a timeout says so. */
  lost(problem: string): void {
    this.#setUp(false, problem);
  }

  ask(asks: readonly LeaseAsk[]): void {
    for (const ask of asks) this.#pending.set(leaseId(ask.limit, ask.key), ask);
    if (this.#scheduled || this.#pending.size === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  /** Gives back tokens whose time has passed. */
  reclaim(): void {
    const { table, clock } = this.#options;
    if (!this.#isUp) return;
    const nowMs = clock.monotonicMs();
    const owing: LeaseAsk[] = [];
    for (const [id, { ask, untilMs }] of this.#leases) {
      if (untilMs > nowMs) continue;
      this.#leases.delete(id);
      if (table.owes(ask.limit, ask.key, nowMs)) owing.push(ask);
    }
    this.ask(owing);
  }

  /** Sends what is pending in batches; a key that is being asked about waits for that answer first. */
  async #flush(): Promise<void> {
    if (this.#options.isSerial && this.#underway.size > 0) return;
    const ready = [...this.#pending].filter(([id]) => !this.#underway.has(id));
    const exchanges: Promise<void>[] = [];
    for (let from = 0; from < ready.length; from += MAX_BATCH)
      exchanges.push(this.#send(ready.slice(from, from + MAX_BATCH)));
    await Promise.all(exchanges);
  }

  async #send(batch: readonly [string, LeaseAsk][]): Promise<void> {
    for (const [id] of batch) {
      this.#pending.delete(id);
      this.#underway.add(id);
    }
    await this.#exchange(batch);
    for (const [id] of batch) this.#underway.delete(id);
    this.ask([]);
  }

  async #exchange(batch: readonly [string, LeaseAsk][]): Promise<void> {
    const { table, store, clock } = this.#options;
    const askedMs = clock.monotonicMs();
    const told = batch.map(([, { limit, key }]) => {
      const demand = new Demand();
      table.collect(limit, key, askedMs, demand);
      return demand;
    });
    this.counts.exchanges++;
    this.counts.buckets += batch.length;
    let replies: readonly (BucketReply | null)[] = [];
    try {
      replies = await withTimeout(store.exchange(batch.map(([, ask], i) => bucketAsk(ask, told[i]!))));
    } catch (error) {
      this.counts.failures++;
      this.#setUp(false, messageOf(error));
    }
    const nowMs = clock.monotonicMs();
    for (let i = 0; i < batch.length; i++) {
      const [id, ask] = batch[i]!;
      const reply = replies[i] ?? null;
      if (reply === null) {
        table.restore(ask.limit, ask.key, nowMs, told[i]!, nowMs + BUCKET_AWAY_MS);
        continue;
      }
      const leaseMs =
        ask.period === null ? LEASE_MS : Math.min(QUOTA_LEASE_MS, ask.period.untilEpochMs - clock.epochMs());
      table.grant(ask.limit, ask.key, nowMs, askedMs, reply, leaseMs);
      if (reply.granted > 0) this.#leases.set(id, { ask, untilMs: askedMs + leaseMs });
    }
    this.#options.onAnswered(batch.map(([id]) => id));
  }

  async #greet(): Promise<void> {
    if (this.#probing || this.#closed) return;
    this.#probing = true;
    const { table, kind, store, minNodes } = this.#options;
    try {
      const nodes = await withTimeout(store.greet());
      table.setNodes(kind, Math.max(nodes, minNodes));
      this.#setUp(true, '');
    } catch (error) {
      this.#setUp(false, messageOf(error));
    }
    this.#probing = false;
  }

  #setUp(up: boolean, problem: string): void {
    const { table, kind, minNodes } = this.#options;
    if (!up && table.nodes(kind) < minNodes) table.setNodes(kind, minNodes);
    if (this.#isUp === up && this.#told) return;
    table.setStoreUp(kind, up);
    this.#told = true;
    if (!this.#closed) this.#options.onState(up ? '' : problem);
  }

  /** Settles what is owed, as far as the store answers, and stops. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#closed = true;
    if (!this.#isUp) return;
    const { table, clock } = this.#options;
    const later = clock.monotonicMs() + QUOTA_LEASE_MS + LEASE_MS;
    const owing = [...this.#leases.values()].filter(({ ask }) => table.owes(ask.limit, ask.key, later));
    for (const { ask } of owing) this.#pending.set(leaseId(ask.limit, ask.key), ask);
    await this.#flush();
  }
}

function bucketAsk({ limit, key, period }: LeaseAsk, told: Demand): BucketAsk {
  return {
    kind: limit.kind,
    name: bucketName(limit.id, period === null ? key : period.subject),
    intervalMs: limit.intervalMs,
    burst: limit.burst,
    carry: limit.carry,
    period: period?.name ?? '',
    previous: period?.previous ?? '',
    untilEpochMs: period?.untilEpochMs ?? 0,
    wanted: told.wanted,
    debt: told.debt,
    unused: told.unused,
  };
}

/** Keys hold addresses and names of callers, which the store does not need to know. */
const bucketName = (limitId: number, key: string): string =>
  hash('sha256', `${limitId}\n${key}`, 'base64url').slice(0, 22);

function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${STORE_TIMEOUT_MS} ms`)), STORE_TIMEOUT_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
