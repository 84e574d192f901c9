// `node bench/values.ts`: what rules cost on single values, without a transaction: transformations, `@pm`, and all expressions
// of the Core Rule Set. Prints nanoseconds a call, the best of several rounds.
import { compileOperator } from '../src/seclang/operators/index.ts';
import { compilePattern } from '../src/seclang/patterns/index.ts';
import { findTransformation } from '../src/seclang/transformations/index.ts';
import { crsExpressions, crsSkip } from '../test/support/crs.ts';

const ROUNDS = 7;
const ROUND_MS = 60;

const values: Readonly<Record<string, string>> = {
  'an identifier': 'ord_000042',
  'a sentence': 'Hello, I would like to order two pizzas and select the best wine.',
  'a user agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
  'a coded attack': '%3Cscript%3Ealert%28%27x%27%29%3C%2Fscript%3E+1%27+or+%271%27%3D%271',
};
const chain = [
  'urlDecodeUni',
  'htmlEntityDecode',
  'jsDecode',
  'cssDecode',
  'lowercase',
  'removeNulls',
  'cmdLine',
];

let sink = 0;

function nanoseconds(run: () => boolean | string): number {
  let calls = 1;
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    for (;;) {
      const start = performance.now();
      for (let i = 0; i < calls; i++) sink += run() === false ? 0 : 1;
      const tookMs = performance.now() - start;
      if (tookMs >= ROUND_MS / 4) {
        best = Math.min(best, (tookMs * 1e6) / calls);
        break;
      }
      calls *= 2;
    }
  }
  return best;
}

const print = (what: string, ns: number): void =>
  void process.stdout.write(`${ns.toFixed(0).padStart(9)} ns  ${what}\n`);

const phrases = Array.from({ length: 2000 }, (_, i) => `phrase${(i * 7919).toString(36)}x`).join(' ');
const compiled = compileOperator('pm', phrases, { readData: () => null });
if (compiled.kind === 'error') throw new Error(compiled.message);
const patterns =
  crsSkip === false
    ? crsExpressions().flatMap(({ source }) => {
        const one = compilePattern(source);
        return one.kind === 'ok' ? [one.pattern] : [];
      })
    : [];

for (const [name, value] of Object.entries(values)) {
  process.stdout.write(`${name}, ${value.length} bytes\n`);
  for (const step of chain) {
    const { run } = findTransformation(step)!;
    print(
      `t:${step}`,
      nanoseconds(() => run(value)),
    );
  }
  const { operator } = compiled;
  print(
    '@pm of 2,000 phrases',
    nanoseconds(() => operator.match(value, '', null)),
  );
  if (patterns.length > 0)
    print(
      `all ${patterns.length} expressions of the rules, no prefilter`,
      nanoseconds(() => {
        let matches = 0;
        for (const pattern of patterns) if (pattern.test(value)) matches++;
        return matches > 0;
      }),
    );
}
process.stdout.write(`(${sink} calls answered)\n`);
