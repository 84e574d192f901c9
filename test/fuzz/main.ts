// The long form of the fuzzer: `npm run fuzz -- --seconds 600 --seed 1`. Prints what ran and, after a failure, the input as
// a literal and the seed that finds it again; the exit code is 1 then.
import { parseArgs } from 'node:util';
import { fuzzRequests } from './h1-fuzz.ts';
import { newSeed } from './random.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? newSeed() : Number(values.seed);
if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: npm run fuzz -- [--seconds N] [--seed S]\n');
  process.exit(2);
}

const endMs = performance.now() + seconds * 1000;
process.stdout.write(`seed ${seed}, ${seconds} s\n`);
const { cases, accepted, refused, stricter, failure } = fuzzRequests(seed, () => performance.now() >= endMs);
process.stdout.write(
  `${cases} cases: ${accepted} accepted, ${refused} refused (${stricter} of them accepted by Node), rest unfinished\n`,
);
if (failure !== null) {
  process.stdout.write(
    `FAILED case ${failure.index} of seed ${seed}\n  ${failure.difference}\n  input (latin1): ${JSON.stringify(failure.input)}\n`,
  );
  process.exit(1);
}
