// Buckets of shared limits in Redis: one script call a bucket, all of one exchange in one write.
import { randomUUID } from 'node:crypto';
import type { BucketAsk, BucketReply, BucketStore } from '../limits/index.ts';
import { type Redis, RedisScript } from './redis.ts';
import { greetScript, quotaScript, rateScript } from './scripts.ts';

/** A node counts this long after it was last heard, ms. */
const NODE_MS = 7000;
/** A period's count is kept for the next period to carry from, ms. */
const QUOTA_KEPT_MS = 40 * 86_400_000;
/** An empty quota is looked at again after this time: somebody may have raised or reset it, ms. */
const EMPTY_QUOTA_MS = 5000;

const rate = new RedisScript(rateScript);
const quota = new RedisScript(quotaScript);
const greet = new RedisScript(greetScript);

export class RedisBuckets implements BucketStore {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #node = randomUUID();

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async exchange(asks: readonly BucketAsk[]): Promise<readonly (BucketReply | null)[]> {
    const settled = await Promise.allSettled(asks.map((ask) => this.#run(ask)));
    const replies = settled.map((one) => (one.status === 'fulfilled' ? one.value : null));
    if (replies.length > 0 && replies.every((reply) => reply === null)) {
      const [first] = settled;
      throw first?.status === 'rejected' ? first.reason : new Error('no answer');
    }
    return replies;
  }

  async #run(ask: BucketAsk): Promise<BucketReply> {
    const key = `${this.#prefix}limit:${ask.name}`;
    const { wanted, debt, unused } = ask;
    if (ask.kind === 'rate') {
      const answer = await this.#redis.run(rate, key, [
        ask.intervalMs * 1000,
        ask.burst,
        wanted,
        debt,
        unused,
      ]);
      const [granted, level, dry] = numbers(answer, 3);
      return { granted: granted!, level: level! / 1000, dryMs: dry! / 1000 };
    }
    const answer = await this.#redis.run(quota, key, [
      ask.period,
      ask.previous,
      ask.burst,
      ask.carry,
      wanted,
      debt,
      unused,
      Math.max(1, Math.ceil(ask.untilEpochMs - Date.now())) + QUOTA_KEPT_MS,
    ]);
    const [granted, left] = numbers(answer, 2);
    return { granted: granted!, level: left!, dryMs: left! > 0 ? 0 : EMPTY_QUOTA_MS };
  }

  async greet(): Promise<number> {
    const answer = await this.#redis.run(greet, `${this.#prefix}nodes`, [this.#node, NODE_MS]);
    return numbers([answer], 1)[0]!;
  }
}

function numbers(answer: unknown, count: number): number[] {
  if (!Array.isArray(answer) || answer.length !== count || !answer.every((value) => Number.isFinite(value)))
    throw new Error('Redis gave an answer that is none');
  return answer as number[];
}
