// `npm run soak -- [h2 [--each] | limits] --minutes 5`: the soak for a long time; `limits` is four gates over one Redis that is killed
// and comes back. Fails on a wrong answer or on memory that only
// grows; `h2` also when attackers make a well-behaved client wait more than three times as long. `h2 --each` measures every
// kind of attack alone.
import { parseArgs } from 'node:util';
import { soakHttp2 } from './h2-main.ts';
import { soakLimits } from './limit-main.ts';
import { soak } from './soak.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '5' }, each: { type: 'boolean', default: false } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0) || positionals.some((name) => name !== 'h2' && name !== 'limits')) {
  process.stderr.write('usage: npm run soak -- [h2 [--each] | limits] [--minutes 5]\n');
  process.exit(2);
}
if (positionals.includes('limits')) process.exit(await soakLimits(minutes));
if (positionals.includes('h2')) process.exit(await soakHttp2(minutes, values.each));

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
