export type { ClusterConfig, RedisTarget } from './contract.ts';
export { Redis } from './redis.ts';
export { RedisBans } from './redis-bans.ts';
export { RedisBuckets } from './redis-buckets.ts';
