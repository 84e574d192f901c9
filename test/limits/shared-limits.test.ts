// Four gates over one Redis, uneven traffic, Redis killed and returned: greedy callers get what the limit says, honest ones all.
// `npm run soak -- limits` is the same for longer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BURST, limitStorm, RATE } from '../soak/limit-storm.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { freePort } from '../support/own-postgres.ts';
import { skipOwnRedis } from '../support/own-redis.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

test('four gates keep to one limit, and serve on when Redis is gone', { skip: skipOwnRedis }, async (t) => {
  const { seconds, greedy, honest, refused, requests, exchanges } = await limitStorm(t, 4, true);
  // docs/design/shared-limits.md: burst, rate, 0.6 s of the rate for leases and credit, a burst for Redis that came back empty.
  const most = 2 * BURST + RATE * (seconds + 0.6);
  for (const admitted of greedy) {
    assert.ok(admitted <= most, `${admitted} admitted, at most ${most}`);
    assert.ok(admitted >= BURST / 2, `${admitted} admitted`);
  }
  assert.ok(honest > 0);
  assert.deepEqual(refused, {});
  assert.ok(exchanges < requests, `${exchanges} exchanges for ${requests} requests`);
});

test('without Redis the choice decides: a share of the limit, or refusal', async (t) => {
  const { port: upstreamPort } = await startRawUpstream(t);
  const redis = `redis://127.0.0.1:${await freePort()}`;
  const statuses = async (cluster: string): Promise<number[]> => {
    const config = openConfig({
      upstreamPort,
      extra: `cluster: { redis: "\${env:REDIS_URL}", nodes: 4, ${cluster} }`,
    }).replace('limits: []', 'limits: [ { per: address, rate: 8/h } ]');
    const gate = await startTestGate(t, { config, env: { REDIS_URL: redis } });
    const found: number[] = [];
    for (let i = 0; i < 4; i++) found.push((await exchange(gate.port, request('GET', '/things'))).status);
    assert.ok(gate.log.some(({ event }) => event === 'cluster-unavailable'));
    return found;
  };
  assert.deepEqual(await statuses('when-away: share'), [200, 200, 429, 429]);
  assert.deepEqual(await statuses('when-away: refuse'), [503, 503, 503, 503]);
});
