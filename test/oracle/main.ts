// The long run of the policy compiler against the reference: `npm run oracle -- --cases 100000 --seed 1`. Prints what ran
// and, after a difference, the policies and the request with the seed that finds it again; the exit code is 1 then.
import { parseArgs } from 'node:util';
import { newSeed } from '../fuzz/random.ts';
import { comparePolicies } from './compare-policies.ts';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '100000' }, seed: { type: 'string' } },
});
const wanted = Number(values.cases);
const seed = values.seed === undefined ? newSeed() : Number(values.seed);
if (!(wanted > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: npm run oracle -- [--cases N] [--seed S]\n');
  process.exit(2);
}
process.stdout.write(`seed ${seed}, ${wanted} cases\n`);
const { cases, allowed, withErrors, failure } = comparePolicies(seed, (done) => done >= wanted);
process.stdout.write(`${cases} cases agree: ${allowed} allowed, ${withErrors} with errors\n`);
if (failure !== null) {
  process.stdout.write(`DIFFERENCE in ${failure}\n`);
  process.exit(1);
}
