// Bans from outside of a running gate, for the command line: the same store that gates read.
import { BanKeeper, type BanStore, BanTable, createBanTable } from '../admission/index.ts';
import { Redis, RedisBans } from '../cluster/index.ts';
import type { GateConfig } from '../config/load.ts';
import { systemClock } from '../core/index.ts';
import { openState, SqlBanStore } from '../stores/index.ts';

/** How long Redis may take to be reached, ms. */
const CONNECT_MS = 5000;

/**
 * Where bans and quotas are kept: in the state, unless there are several gates and each has a file of its own. Null: neither state
 * nor cluster.
 */
export function sharedPlace({ state, cluster }: GateConfig): 'state' | 'redis' | null {
  if (state !== null && (cluster === null || state.kind === 'postgres')) return 'state';
  return cluster === null ? null : 'redis';
}

/** Runs `work` on the bans of a configuration. Throws Error where they are kept nowhere or can not be reached. */
export async function withBans<T>(config: GateConfig, work: (bans: BanKeeper) => Promise<T>): Promise<T> {
  const place = sharedPlace(config);
  if (place === null)
    throw new Error(
      'bans outlast a gate only with a state or a cluster; add "state: { sqlite: ./state.db }"',
    );
  let store: BanStore;
  let close: () => Promise<void> | void;
  if (place === 'state') {
    const state = await openState(config.state!);
    store = new SqlBanStore(state.database);
    close = () => state.close();
  } else {
    const redis = await Redis.open(config.cluster!.redis, 'gatewright-bans', { onLost: () => {} });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('Redis does not answer')), CONNECT_MS);
    });
    await Promise.race([redis.ready, late])
      .catch((error: unknown) => {
        redis.close();
        throw error;
      })
      .finally(() => clearTimeout(timer));
    store = new RedisBans(redis, config.cluster!.prefix);
    close = () => redis.close();
  }
  let problem = '';
  const keeper = new BanKeeper({
    table: new BanTable(createBanTable()),
    store,
    clock: systemClock,
    onChange: () => {},
    onProblem: (text) => {
      problem = text;
    },
  });
  keeper.configure(config.bans);
  try {
    await keeper.start();
    if (problem !== '') throw new Error(problem);
    return await work(keeper);
  } finally {
    keeper.close();
    await close();
  }
}
