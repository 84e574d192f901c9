// `cluster:` as the composition root needs it.
import type { ClusterConfig, RedisTarget } from '../cluster/contract.ts';
import type { ConfigDocument } from './document.ts';

type ClusterDocument = NonNullable<ConfigDocument['cluster']>;

export function resolveCluster(entry: ConfigDocument['cluster']): ClusterConfig | null {
  if (entry === undefined) return null;
  return {
    redis: targetOf(entry.redis),
    prefix: entry.prefix,
    waitMs: entry.wait,
    whenAway: entry['when-away'],
    minNodes: entry.nodes,
  };
}

function targetOf(redis: ClusterDocument['redis']): RedisTarget {
  if (typeof redis === 'string') return { kind: 'single', url: redis };
  if ('cluster' in redis) return { kind: 'cluster', urls: redis.cluster };
  return {
    kind: 'sentinel',
    name: redis.master,
    sentinels: redis.sentinels.map((text) => {
      const colon = text.lastIndexOf(':');
      return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
    }),
    username: redis.username,
    password: redis.password,
    tls: redis.tls,
  };
}
