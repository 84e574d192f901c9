// `npm run soak -- [h2] --minutes 5`: the soak for a long time. Fails on a wrong answer or on memory that only grows; `h2`
// also when attackers make a well-behaved client wait more than three times as long.
import { parseArgs } from 'node:util';
import { h2Soak, hasH2load } from './h2-soak.ts';
import { soak } from './soak.ts';

/** How much longer than in calm the slowest hundredth of answers may take. */
const MAX_SLOWDOWN = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '5' } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0) || positionals.some((name) => name !== 'h2')) {
  process.stderr.write('usage: npm run soak -- [h2] [--minutes 5]\n');
  process.exit(2);
}
if (positionals.includes('h2')) process.exit(await soakHttp2(minutes));

async function soakHttp2(total: number): Promise<number> {
  if (!hasH2load()) {
    process.stderr.write('soak: h2load is not installed; on Debian: apt-get install nghttp2-client\n');
    return 2;
  }
  const report = await h2Soak(Math.max(3, Math.round((total * 60) / 3)), true);
  const { calm, attacked, memory } = report;
  const slowdown = attacked.p99 / calm.p99;
  const count = Object.values(report.attacks).reduce((sum, value) => sum + value, 0);
  process.stdout.write(
    `full speed: ${report.served} requests served, ${report.failed} failed\n` +
      `calm:       p50 ${calm.p50.toFixed(2)} ms, p99 ${calm.p99.toFixed(2)} ms\n` +
      `attacked:   p50 ${attacked.p50.toFixed(2)} ms, p99 ${attacked.p99.toFixed(2)} ms (× ${slowdown.toFixed(2)}), ${count} attacks, ${report.unserved} requests not served\n` +
      `memory:     ${memory[0]} MiB after full speed, ${memory[1]} MiB after the attacks\n`,
  );
  for (const [name, times] of Object.entries(report.attacks)) process.stdout.write(`  ${times} × ${name}\n`);
  for (const line of report.wrong.slice(0, 20)) process.stdout.write(`WRONG ${line}\n`);
  const failed = report.failed + report.unserved + report.wrong.length > 0;
  if (slowdown > MAX_SLOWDOWN) process.stdout.write(`answers took more than ${MAX_SLOWDOWN} times as long\n`);
  const grows = memory[1] > memory[0] * 1.5;
  if (grows) process.stdout.write('memory grows\n');
  const passed = !failed && !grows && slowdown <= MAX_SLOWDOWN;
  process.stdout.write(passed ? 'passed\n' : 'failed\n');
  return passed ? 0 : 1;
}

const { answers, broken, wrong, memory } = await soak(minutes * 60, (line) =>
  process.stdout.write(`${line}\n`),
);
const half = memory.length >> 1;
const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
const [first, second] = [mean(memory.slice(0, half)), mean(memory.slice(half))];
process.stdout.write(
  `answers ${JSON.stringify(answers)}, ${broken} connections broken\n` +
    `memory ${first.toFixed(0)} MiB in the first half, ${second.toFixed(0)} MiB in the second\n`,
);
for (const line of wrong.slice(0, 20)) process.stdout.write(`WRONG ${line}\n`);
const grows = minutes >= 5 && second > first * 1.5;
if (grows) process.stdout.write('memory grows\n');
process.exit(wrong.length > 0 || grows ? 1 : 0);
