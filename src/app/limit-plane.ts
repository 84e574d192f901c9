// Limits as the gate runs them, on the main thread: the memory that threads count in, and the keepers of what is shared with other
// gates or must outlast this one.
import type { BanStore } from '../admission/index.ts';
import { type ClusterConfig, Redis, RedisBans, RedisBuckets } from '../cluster/index.ts';
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import {
  type BucketStore,
  type ConcurrencyMemory,
  ConcurrencyTable,
  createConcurrencyTable,
  createLeaseTable,
  createLimitTable,
  type LeaseAsk,
  LeaseKeeper,
  type LeaseLimit,
  LeaseTable,
  type LeaseTableMemory,
  LimitTable,
  type LimitTableMemory,
} from '../limits/index.ts';
import { SqlBanStore, SqlQuotaStore, type State } from '../stores/index.ts';
import type { GateLog, MetricsRegistry } from '../telemetry/index.ts';
import { sharedPlace } from './ban-access.ts';

/** A gate does not wait longer than this for Redis before it serves, ms. */
const START_MS = 1000;
/** Addresses whose connections can be counted at once. */
const MAX_ADDRESSES = 131_072;

type Kind = LeaseLimit['kind'];

export class LimitPlane {
  readonly rates: LimitTableMemory = createLimitTable();
  readonly leases: LeaseTableMemory = createLeaseTable();
  readonly concurrency: ConcurrencyMemory;
  /** Connections of each address. */
  readonly connections: ConcurrencyMemory;
  readonly #log: GateLog;
  readonly #onAnswered: (ids: readonly string[]) => void;
  readonly #table = new LeaseTable(this.leases);
  readonly #keepers = new Map<Kind, LeaseKeeper>();
  #redis: Redis | null = null;
  #bans: BanStore | null = null;

  /** `onAnswered`: threads that asked about these keys can go on. */
  constructor(log: GateLog, threads: number, onAnswered: (ids: readonly string[]) => void) {
    this.#log = log;
    this.#onAnswered = onAnswered;
    this.concurrency = createConcurrencyTable(threads);
    this.connections = createConcurrencyTable(threads, MAX_ADDRESSES);
  }

  /** Meets the other gates. Rejects where the client is missing, not where Redis is away. */
  async start(config: GateConfig, state: State | null): Promise<void> {
    const { cluster } = config;
    if (cluster !== null) {
      this.#redis = await Redis.open(cluster.redis, 'gatewright', {
        onLost: (problem) => {
          for (const keeper of this.#keepers.values()) if (keeper.isRemote) keeper.lost(problem);
        },
      });
      const late = new Promise((resolve) => setTimeout(resolve, START_MS).unref());
      await Promise.race([this.#redis.ready, late]);
    }
    const shared =
      this.#redis === null || cluster === null ? null : new RedisBuckets(this.#redis, cluster.prefix);
    if (shared !== null) await this.#keep('rate', shared, cluster, true);
    const place = sharedPlace(config);
    if (place === 'state' && state !== null) {
      this.#bans = new SqlBanStore(state.database);
      await this.#keep('quota', new SqlQuotaStore(state.database), cluster, false);
    } else if (shared !== null && cluster !== null) {
      this.#bans = new RedisBans(this.#redis!, cluster.prefix);
      await this.#keep('quota', shared, cluster, true);
    }
  }

  async #keep(
    kind: Kind,
    store: BucketStore,
    cluster: ClusterConfig | null,
    isRemote: boolean,
  ): Promise<void> {
    const keeper = new LeaseKeeper({
      table: this.#table,
      kind,
      isSerial: !isRemote,
      isRemote,
      store,
      clock: systemClock,
      minNodes: cluster?.minNodes ?? 1,
      onAnswered: this.#onAnswered,
      onState: (problem) => {
        const details = { limits: kind === 'rate' ? 'rates' : 'quotas' };
        if (problem === '')
          this.#log.write('info', 'cluster-available', { ...details, nodes: this.#table.nodes(kind) });
        else this.#log.write('error', 'cluster-unavailable', { ...details, problem });
      },
    });
    this.#keepers.set(kind, keeper);
    await keeper.start();
  }

  /** Where bans are kept, after `start`: beside quotas. Null without state and cluster. */
  get banStore(): BanStore | null {
    return this.#bans;
  }

  ask(asks: readonly LeaseAsk[]): void {
    const rates = asks.filter(({ limit }) => limit.kind === 'rate');
    if (rates.length > 0) this.#keepers.get('rate')?.ask(rates);
    if (rates.length < asks.length)
      this.#keepers.get('quota')?.ask(asks.filter(({ limit }) => limit.kind === 'quota'));
  }

  /** A thread ended with requests under way. */
  forget(thread: number): void {
    new ConcurrencyTable(this.concurrency, thread).forget(thread);
    new ConcurrencyTable(this.connections, thread).forget(thread);
  }

  addGauges(registry: MetricsRegistry): void {
    const rates = new LimitTable(this.rates);
    const add = (name: string, type: 'gauge' | 'counter', help: string, value: () => number): void =>
      registry.gauge({
        name: `gatewright_${name}`,
        type,
        help,
        samples: () => [{ labels: {}, value: value() }],
      });
    const sum = (what: 'exchanges' | 'failures') => () =>
      [...this.#keepers.values()].reduce((total, { counts }) => total + counts[what], 0);
    add(
      'limit_evictions_total',
      'counter',
      'Rate-limit cells that made room for other keys while still in use.',
      () => rates.evictions + this.#table.evictions,
    );
    add('cluster_up', 'gauge', 'Whether limits are counted together with other gates.', () =>
      this.#table.isStoreUp('rate') ? 1 : 0,
    );
    add('quota_store_up', 'gauge', 'Whether quotas can be written down.', () =>
      this.#table.isStoreUp('quota') ? 1 : 0,
    );
    add('cluster_nodes', 'gauge', 'Gates that count together, as far as is known.', () =>
      this.#table.nodes('rate'),
    );
    add(
      'limit_exchanges_total',
      'counter',
      'Exchanges with the stores of shared limits and quotas.',
      sum('exchanges'),
    );
    add('limit_exchange_failures_total', 'counter', 'Exchanges that had no answer.', sum('failures'));
  }

  /** Settles what is owed. */
  async close(): Promise<void> {
    await Promise.all([...this.#keepers.values()].map((keeper) => keeper.close()));
    this.#redis?.close();
  }
}
