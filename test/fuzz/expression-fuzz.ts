// Looks for values over which an expression of the Core Rule Set takes long: see `hostile.ts`. Says which was the slowest.
import { Diagnostics } from '../../src/core/index.ts';
import { parseRuleFiles } from '../../src/seclang/index.ts';
import { compilePattern, type Pattern } from '../../src/seclang/patterns/index.ts';
import { crsSources, skipCrs } from '../support/crs-engine.ts';
import { hostileValue, piecesOf } from './hostile.ts';
import { Random } from './random.ts';

export interface ExpressionFuzzResult {
  readonly cases: number;
  /** CPU of the least of three runs of the slowest case, ms. */
  readonly slowestMs: number;
  readonly slowest: string;
}

/** Bytes: what one field of an ordinary request may hold. */
const lengths = [512, 1024, 2048];

interface Expression {
  readonly id: string;
  readonly pattern: Pattern;
  readonly pieces: readonly string[];
}

function expressionsOfCrs(): Expression[] {
  const ast = parseRuleFiles(
    crsSources(),
    { readData: () => '', expandInclude: () => [] },
    new Diagnostics(),
  );
  return ast.directives.flatMap((directive) => {
    if (directive.kind !== 'rule' || directive.operator?.name !== 'rx') return [];
    const source = directive.operator.argument;
    const compiled = source.includes('%{') ? null : compilePattern(source);
    if (compiled?.kind !== 'ok') return [];
    const id = `${directive.place.file.replace(/.*\//, '')}:${directive.place.line}`;
    return [{ id, pattern: compiled.pattern, pieces: piecesOf(source) }];
  });
}

/** Null where there is no rule set. */
export function fuzzExpressions(
  seed: number,
  isDone: (cases: number) => boolean,
): ExpressionFuzzResult | null {
  if (skipCrs !== false) return null;
  const random = new Random(seed);
  const expressions = expressionsOfCrs();
  let cases = 0;
  let slowestMs = 0;
  let slowest = '';
  for (; !isDone(cases); cases++) {
    const { id, pattern, pieces } = random.pick(expressions);
    const value = hostileValue(random, pieces, random.pick(lengths));
    let tookMs = cpuMs(pattern, value);
    if (tookMs <= slowestMs) continue;
    // The first run compiles.
    tookMs = Math.min(tookMs, cpuMs(pattern, value), cpuMs(pattern, value));
    if (tookMs <= slowestMs) continue;
    slowestMs = tookMs;
    slowest = `${id} on ${JSON.stringify(value.slice(0, 60))}…${JSON.stringify(value.slice(-20))} (${value.length} bytes)`;
  }
  return { cases, slowestMs, slowest };
}

/** Of the processor: other processes are not the expression's fault. */
function cpuMs(pattern: Pattern, value: string): number {
  const before = process.threadCpuUsage();
  pattern.test(value);
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}
