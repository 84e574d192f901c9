// `cluster:` as users write it: where several gates meet.
import { z } from 'zod';
import { duration } from './values.ts';

const redisUrl = () =>
  z.string().refine((text) => /^rediss?:\/\//.test(text) && URL.canParse(text), {
    message: 'is not a URL such as redis://host:6379',
  });

export const clusterSchema = z.strictObject({
  redis: z
    .union([
      redisUrl(),
      z.strictObject({
        cluster: z
          .array(redisUrl())
          .min(1)
          .describe(
            'URLs of some servers of a Redis Cluster; user and password of the first are used for all.',
          ),
      }),
      z.strictObject({
        sentinels: z
          .array(
            z.string().regex(/^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, {
              message: 'is not host:port, for instance sentinel-1:26379',
            }),
          )
          .min(1)
          .describe('Sentinels that know the master, as host:port.'),
        master: z.string().min(1).describe('Name of the master that they watch.'),
        username: z.string().default('').describe('User at the master.'),
        password: z.string().default('').describe('Password at the master, only as a reference.'),
        tls: z.boolean().default(false).describe('Speaks TLS to all of them.'),
      }),
    ])
    .describe(
      'Redis or Valkey, 7 or later: a URL, only as a reference such as ${env:REDIS_URL}, a cluster, or sentinels.',
    ),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9:._-]{1,64}$/)
    .default('gatewright:')
    .describe('In front of every key; gates with the same prefix share their limits.'),
  wait: duration().default(20).describe('The longest that a request waits for Redis, where it has to.'),
  'when-away': z
    .enum(['share', 'refuse'])
    .default('share')
    .describe(
      'While Redis does not answer: each gate holds requests to its share of a limit, or refuses what is under shared limits (503).',
    ),
  nodes: z
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('The fewest gates to reckon with; how many there are they find out by themselves.'),
});
