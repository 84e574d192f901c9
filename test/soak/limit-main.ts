// `npm run soak -- limits`: first calm, for the 1 % over a minute, then with Redis killed and returned.
import { skipOwnRedis } from '../support/own-redis.ts';
import { BURST, limitStorm, RATE, type StormResult } from './limit-storm.ts';

export async function soakLimits(minutes: number): Promise<number> {
  if (skipOwnRedis !== false) {
    process.stderr.write(`${skipOwnRedis}\n`);
    return 1;
  }
  let failures = 0;
  for (const kill of [false, true]) {
    const works: (() => Promise<void> | void)[] = [];
    const result = await limitStorm({ after: (work) => void works.push(work) }, minutes * 60, kill);
    for (const work of works.reverse()) await work();
    failures += report(result, kill);
  }
  return failures === 0 ? 0 : 1;
}

function report(result: StormResult, kill: boolean): number {
  const { seconds, greedy, honest, refused, requests, exchanges, p50Ms, p99Ms, maxMs } = result;
  const limit = BURST + RATE * seconds;
  const most = BURST + RATE * (seconds + 0.6) + (kill ? 2 * BURST : 0);
  const over = greedy.map((admitted) => `${admitted} (${((admitted / limit - 1) * 100).toFixed(2)} %)`);
  process.stdout.write(
    `${kill ? 'Redis killed and returned' : 'calm'}: ${seconds.toFixed(0)} s, limit ${limit.toFixed(0)}, greedy callers got ${over.join(' and ')}; ` +
      `honest ${honest}, refused ${JSON.stringify(refused)}, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, max ${maxMs.toFixed(0)} ms; ` +
      `${exchanges} exchanges for ${requests} requests\n`,
  );
  return greedy.some((admitted) => admitted > most) || Object.keys(refused).length > 0 ? 1 : 0;
}
