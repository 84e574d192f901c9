// Limits as the gate runs them, on the main thread: the memory that threads count in, and the keeper of what they share with other
// gates.
import { Redis, RedisBuckets } from '../cluster/index.ts';
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import {
  createLeaseTable,
  createLimitTable,
  type LeaseAsk,
  LeaseKeeper,
  LeaseTable,
  type LeaseTableMemory,
  LimitTable,
  type LimitTableMemory,
} from '../limits/index.ts';
import type { GateLog, MetricsRegistry } from '../telemetry/index.ts';

/** A gate does not wait longer than this for Redis before it serves, ms. */
const START_MS = 1000;

export class LimitPlane {
  readonly rates: LimitTableMemory = createLimitTable();
  readonly leases: LeaseTableMemory = createLeaseTable();
  readonly #log: GateLog;
  readonly #onAnswered: (ids: readonly string[]) => void;
  readonly #table = new LeaseTable(this.leases);
  #redis: Redis | null = null;
  #keeper: LeaseKeeper | null = null;

  /** `onAnswered`: threads that asked about these keys can go on. */
  constructor(log: GateLog, onAnswered: (ids: readonly string[]) => void) {
    this.#log = log;
    this.#onAnswered = onAnswered;
  }

  /** Meets the other gates. Rejects where the client is missing, not where Redis is away. */
  async start({ cluster }: GateConfig): Promise<void> {
    if (cluster === null) return;
    this.#redis = await Redis.open(cluster.redis, 'gatewright', {
      onLost: (problem) => this.#keeper?.lost(problem),
    });
    const keeper = new LeaseKeeper({
      table: this.#table,
      store: new RedisBuckets(this.#redis, cluster.prefix),
      clock: systemClock,
      minNodes: cluster.minNodes,
      onAnswered: this.#onAnswered,
      onState: (problem) => {
        if (problem === '') this.#log.write('info', 'cluster-available', { nodes: this.#table.nodes });
        else this.#log.write('error', 'cluster-unavailable', { problem });
      },
    });
    this.#keeper = keeper;
    const ready = this.#redis.ready;
    await Promise.race([ready, new Promise((resolve) => setTimeout(resolve, START_MS).unref())]);
    await keeper.start();
  }

  ask(asks: readonly LeaseAsk[]): void {
    this.#keeper?.ask(asks);
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
    add(
      'limit_evictions_total',
      'counter',
      'Rate-limit cells that made room for other keys while still in use.',
      () => rates.evictions + this.#table.evictions,
    );
    add('cluster_up', 'gauge', 'Whether limits are counted together with other gates.', () =>
      this.#table.isStoreUp ? 1 : 0,
    );
    add('cluster_nodes', 'gauge', 'Gates that count together, as far as is known.', () => this.#table.nodes);
    add('limit_exchanges_total', 'counter', 'Exchanges with the store of shared limits.', () =>
      this.#keeper === null ? 0 : this.#keeper.counts.exchanges,
    );
    add('limit_exchange_failures_total', 'counter', 'Exchanges that had no answer.', () =>
      this.#keeper === null ? 0 : this.#keeper.counts.failures,
    );
  }

  /** Settles what is owed. */
  async close(): Promise<void> {
    await this.#keeper?.close();
    this.#redis?.close();
  }
}
