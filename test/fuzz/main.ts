// The long form of the fuzzers: `npm run fuzz -- --seconds 600 --seed 1 --part h1`. Prints what ran and, after a failure, the
// input as a literal and the seed that finds it again; the exit code is 1 then. Without a part, each gets its share of
// the time.
import { parseArgs } from 'node:util';
import { fuzzDetectors } from './detect-fuzz.ts';
import { fuzzExpressions } from './expression-fuzz.ts';
import { fuzzRequests } from './h1-fuzz.ts';
import { newSeed } from './random.ts';
import { fuzzSeclang } from './seclang-fuzz.ts';

/** A case that takes longer than this holds up a data-plane thread. */
const STALL_MS = 20;

type Part = (seed: number, isOver: () => boolean) => boolean;

/** Each says whether all went well. */
const parts: Readonly<Record<string, Part>> = {
  h1: (seed, isOver) => {
    const { cases, accepted, refused, stricter, failure } = fuzzRequests(seed, isOver);
    process.stdout.write(
      `h1: ${cases} cases: ${accepted} accepted, ${refused} refused (${stricter} of them accepted by Node), rest unfinished\n`,
    );
    if (failure === null) return true;
    process.stdout.write(
      `FAILED case ${failure.index} of seed ${seed}\n  ${failure.difference}\n  input (latin1): ${JSON.stringify(failure.input)}\n`,
    );
    return false;
  },
  detect: (seed, isOver) => {
    const { cases, failure } = fuzzDetectors(seed, isOver);
    process.stdout.write(`detect: ${cases} cases\n`);
    if (failure === null) return true;
    process.stdout.write(`FAILED seed ${seed}\n  ${failure}\n`);
    return false;
  },
  seclang: (seed, isOver) => {
    const { cases, failure, slowestMs, slowest } = fuzzSeclang(seed, isOver);
    process.stdout.write(`seclang: ${cases} cases, the slowest took ${slowestMs.toFixed(1)} ms\n`);
    if (slowestMs > STALL_MS) process.stdout.write(`SLOW (more than ${STALL_MS} ms): ${slowest}\n`);
    if (failure === null) return true;
    process.stdout.write(`FAILED seed ${seed}\n  ${failure}\n`);
    return false;
  },
  expressions: (seed, isOver) => {
    const result = fuzzExpressions(seed, isOver);
    if (result === null) {
      process.stdout.write('expressions: skipped, there is no Core Rule Set\n');
      return true;
    }
    const { cases, slowestMs, slowest } = result;
    process.stdout.write(
      `expressions: ${cases} cases, the slowest took ${slowestMs.toFixed(1)} ms: ${slowest}\n`,
    );
    return true;
  },
};

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    part: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? newSeed() : Number(values.seed);
const chosen = values.part === undefined ? Object.keys(parts) : [values.part];
if (!(seconds > 0) || !Number.isSafeInteger(seed) || chosen.some((name) => parts[name] === undefined)) {
  process.stderr.write(
    `usage: npm run fuzz -- [--seconds N] [--seed S] [--part ${Object.keys(parts).join('|')}]\n`,
  );
  process.exit(2);
}

process.stdout.write(`seed ${seed}, ${seconds} s\n`);
let isGood = true;
for (const name of chosen) {
  const endMs = performance.now() + (seconds * 1000) / chosen.length;
  isGood = parts[name]!(seed, () => performance.now() >= endMs) && isGood;
}
process.exit(isGood ? 0 : 1);
