// Buckets in real servers: the scripts against plain arithmetic, and one server, a cluster and sentinels all the same.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Redis, RedisBuckets, type RedisTarget } from '../../src/cluster/index.ts';
import type { BucketAsk } from '../../src/limits/index.ts';
import { freePort } from '../support/own-postgres.ts';
import { redisLine, skipOwnRedis, spawnRedis, startOwnRedis } from '../support/own-redis.ts';
import { runRateBucket } from '../support/rate-bucket.ts';
import { until } from '../support/until.ts';

const ask = (parts: Partial<BucketAsk>): BucketAsk => ({
  kind: 'rate',
  name: 'a',
  intervalMs: 1e9,
  burst: 10,
  carry: 0,
  period: '',
  previous: '',
  untilEpochMs: 0,
  wanted: 0,
  debt: 0,
  unused: 0,
  ...parts,
});

async function open(t: TestContext, target: RedisTarget): Promise<RedisBuckets> {
  const redis = await Redis.open(target, 'test', { onLost: () => {} });
  t.after(() => redis.close());
  await redis.ready;
  return new RedisBuckets(redis, 'test:');
}

const single = (port: number): RedisTarget => ({ kind: 'single', url: `redis://127.0.0.1:${port}` });

test('one server', { skip: skipOwnRedis }, async (t) => {
  const buckets = await open(t, single(await startOwnRedis(t)));

  await t.test('property: the script of a rate does the arithmetic', async () => {
    const step = fc.record({ wanted: fc.nat(12), debt: fc.nat(3), unused: fc.nat(3) });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const name = `rate-${run++}`;
        let tatMs = 0;
        // An interval of days: the server's clock does not get far enough to matter.
        for (const one of steps) {
          const [reply] = await buckets.exchange([ask({ name, ...one })]);
          const expected = runRateBucket(tatMs, 0, { intervalMs: 1e9, burst: 10, ...one });
          tatMs = expected.tatMs;
          assert.equal(reply!.granted, expected.reply.granted);
          assert.ok(Math.abs(reply!.level - expected.reply.level) < 1e8);
          assert.equal(reply!.dryMs > 0, expected.reply.dryMs > 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  await t.test('a quota is counted by period, and part of what was left is carried over', async () => {
    const quota = (period: string, previous: string, parts: Partial<BucketAsk>): BucketAsk =>
      ask({
        kind: 'quota',
        name: 'q',
        burst: 100,
        carry: 20,
        period,
        previous,
        untilEpochMs: Date.now() + 1e6,
        ...parts,
      });
    const left = async (one: BucketAsk): Promise<number> => (await buckets.exchange([one]))[0]!.level;
    assert.equal(await left(quota('10', '09', { debt: 30 })), 70);
    assert.equal(await left(quota('10', '09', { debt: 5, unused: 15 })), 80);
    // 80 are left, 20 of which are carried; the next period begins with 120.
    assert.equal(await left(quota('11', '10', { debt: 1 })), 119);
    // What was carried is used first and not carried again.
    assert.equal(await left(quota('11', '10', { debt: 109 })), 10);
    assert.equal(await left(quota('12', '11', {})), 110);
    assert.equal(await left(quota('02', '01', {})), 100);
    const [reply] = await buckets.exchange([quota('02', '01', { debt: 99, wanted: 5 })]);
    assert.deepEqual([reply!.granted, reply!.level], [1, 0]);
    assert.ok(reply!.dryMs > 0);
  });

  await t.test('nodes are counted', async () => {
    assert.equal(await buckets.greet(), 1);
    assert.equal(await buckets.greet(), 1);
  });
});

test('a cluster', { skip: skipOwnRedis }, async (t) => {
  const port = await freePort();
  await spawnRedis(t, port, ['--cluster-enabled', 'yes']);
  await redisLine(port, [['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']]);
  await until(async () => (await redisLine(port, [['SET', 'x', 'y']])) === '+OK', 'the cluster');
  const buckets = await open(t, { kind: 'cluster', urls: [`redis://127.0.0.1:${port}`] });
  const replies = await buckets.exchange(
    Array.from({ length: 20 }, (_, i) => ask({ name: `cluster-${i}`, wanted: 1 })),
  );
  assert.deepEqual(
    replies.map((reply) => reply?.granted),
    replies.map(() => 1),
  );
  assert.equal(await buckets.greet(), 1);
});

test('sentinels name the master', { skip: skipOwnRedis }, async (t) => {
  const master = await startOwnRedis(t);
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-sentinel-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'sentinel.conf');
  writeFileSync(file, `sentinel monitor limits 127.0.0.1 ${master} 1\n`);
  const port = await freePort();
  await spawnRedis(t, port, [file, '--sentinel']);
  const buckets = await open(t, {
    kind: 'sentinel',
    name: 'limits',
    sentinels: [{ host: '127.0.0.1', port }],
    username: '',
    password: '',
    tls: false,
  });
  const [reply] = await buckets.exchange([ask({ name: 'sentinel', wanted: 4 })]);
  assert.equal(reply!.granted, 4);
});

test('without the server an exchange fails at once', { skip: skipOwnRedis }, async (t) => {
  const port = await freePort();
  const redis = await spawnRedis(t, port);
  const buckets = await open(t, single(port));
  await redis.kill();
  await until(
    () =>
      buckets.exchange([ask({ wanted: 1 })]).then(
        () => false,
        () => true,
      ),
    'an exchange that fails',
  );
  await spawnRedis(t, port);
  const replies = await until(
    () => buckets.exchange([ask({ wanted: 1 })]).catch(() => undefined),
    'the server',
  );
  assert.equal(replies[0]!.granted, 1);
});
