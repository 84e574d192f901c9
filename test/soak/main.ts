// `npm run soak -- --minutes 5`: the soak for a long time. Fails on a wrong answer or on memory that only grows.
import { parseArgs } from 'node:util';
import { soak } from './soak.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  process.stderr.write('usage: npm run soak -- [--minutes 5]\n');
  process.exit(2);
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
