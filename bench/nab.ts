// The series model on the Numenta Anomaly Benchmark (Lavin, Ahmad 2015), scored by our own scorer after the published rules: the first
// 15 % of a series (of 5,000 points at most) are probation, the earliest detection in a window counts by its position, each detection
// outside counts against. One threshold for all series and no parameter by series.
//
//   node bench/nab.ts [folder of the corpus] [--json]
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeriesModel } from '../src/anomaly/index.ts';

interface Profile {
  readonly name: string;
  readonly hit: number;
  readonly falseAlarm: number;
  readonly miss: number;
}

const PROFILES: readonly Profile[] = [
  { name: 'standard', hit: 1, falseAlarm: 0.11, miss: 1 },
  { name: 'low false alarms', hit: 1, falseAlarm: 0.22, miss: 1 },
  { name: 'low misses', hit: 1, falseAlarm: 0.11, miss: 2 },
];

export interface Series {
  readonly name: string;
  readonly times: readonly number[];
  readonly values: readonly number[];
  /** Inclusive pairs of indices. */
  readonly windows: readonly (readonly [number, number])[];
  readonly probation: number;
}

export function readCorpus(folder: string): Series[] {
  const windows = JSON.parse(readFileSync(join(folder, 'windows.json'), 'utf8')) as Record<
    string,
    [string, string][]
  >;
  const epoch = (text: string): number => Date.parse(`${text.slice(0, 19).replace(' ', 'T')}Z`);
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`))
    .filter((name) => name.endsWith('.csv') && windows[name] !== undefined)
    .sort()
    .map((name) => {
      const rows = readFileSync(join(folder, name), 'utf8').trim().split('\n').slice(1);
      const times = rows.map((row) => epoch(row));
      const values = rows.map((row) => Number(row.slice(row.indexOf(',') + 1)));
      return {
        name,
        times,
        values,
        windows: windows[name]!.map(([from, to]): [number, number] => [
          times.findIndex((time) => time >= epoch(from)),
          times.findLastIndex((time) => time <= epoch(to)),
        ]),
        probation: Math.floor(0.15 * Math.min(rows.length, 5000)),
      };
    });
}

/** 2/(1 + e^5x) − 1: near 1 at the begin of a window, 0 at its end, −1 well after it. */
const position = (x: number): number => (x > 3 ? -1 : 2 / (1 + Math.exp(5 * x)) - 1);

/** Raw score of one series at one threshold. */
export function scoreSeries(
  series: Series,
  scores: readonly number[],
  threshold: number,
  profile: Profile,
): number {
  let total = 0;
  const best = new Float64Array(series.windows.length).fill(Number.NEGATIVE_INFINITY);
  for (let i = series.probation; i < scores.length; i++) {
    if (scores[i]! < threshold) continue;
    const inside = series.windows.findIndex(([from, to]) => i >= from && i <= to);
    if (inside !== -1) {
      const [from, to] = series.windows[inside]!;
      const value = (position(-(to - i + 1) / (to - from + 1)) / position(-1)) * profile.hit;
      best[inside] = Math.max(best[inside]!, value);
      continue;
    }
    const before = series.windows.findLast(([, to]) => to < i);
    total +=
      before === undefined
        ? -profile.falseAlarm
        : position((i - before[1]) / (before[1] - before[0])) * profile.falseAlarm;
  }
  for (const value of best) total += value === Number.NEGATIVE_INFINITY ? -profile.miss : value;
  return total;
}

/** Score of all series, 0 for the silent and 100 for the perfect detector. */
export function scoreCorpus(
  corpus: readonly Series[],
  scores: readonly (readonly number[])[],
  threshold: number,
  profile: Profile,
): number {
  const raw = corpus.reduce(
    (sum, series, index) => sum + scoreSeries(series, scores[index]!, threshold, profile),
    0,
  );
  const windows = corpus.reduce((sum, series) => sum + series.windows.length, 0);
  return (100 * (raw + windows * profile.miss)) / (windows * (profile.hit + profile.miss));
}

/** Scores in [0, ∞): −log10 of the p-value of each alarm, 0 elsewhere. */
export function runSeries(series: Series): number[] {
  const model = new SeriesModel();
  return series.values.map((value, index) => model.add(value, series.times[index]!).score);
}

function main(): void {
  const folder = process.argv.slice(2).find((word) => !word.startsWith('--')) ?? '../shared/corpora/nab';
  const corpus = readCorpus(folder);
  const startedMs = performance.now();
  const scores = corpus.map(runSeries);
  const points = corpus.reduce((sum, { values }) => sum + values.length, 0);
  const usPerPoint = ((performance.now() - startedMs) * 1000) / points;
  const candidates = [...new Set(scores.flat().filter((score) => score > 0))].sort((a, b) => a - b);
  const results = PROFILES.map((profile) => {
    let [best, at] = [0, Number.POSITIVE_INFINITY];
    for (const threshold of candidates) {
      const score = scoreCorpus(corpus, scores, threshold, profile);
      if (score > best) [best, at] = [score, threshold];
    }
    return { profile: profile.name, score: best, threshold: at };
  });
  const [standard] = results as [(typeof results)[number]];
  const each = corpus.map((series, index) => ({
    series: series.name,
    windows: series.windows.length,
    found: series.windows.filter(([from, to]) =>
      scores[index]!.some(
        (score, i) => score >= standard.threshold && i >= from && i <= to && i >= series.probation,
      ),
    ).length,
    outside: scores[index]!.filter(
      (score, i) =>
        score >= standard.threshold &&
        i >= series.probation &&
        !series.windows.some(([from, to]) => i >= from && i <= to),
    ).length,
    score: scoreSeries(series, scores[index]!, standard.threshold, PROFILES[0]!),
  }));
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ points, usPerPoint, results, each }, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${corpus.length} series, ${points} points, ${usPerPoint.toFixed(0)} µs a point\n\n`);
  for (const { profile, score, threshold } of results)
    process.stdout.write(
      `${profile.padEnd(18)} ${score.toFixed(1).padStart(6)}   threshold 1e-${threshold.toFixed(1)}\n`,
    );
  process.stdout.write('\n');
  for (const { series, windows, found, outside, score } of each)
    process.stdout.write(
      `${series.padEnd(62)} ${found}/${windows} found, ${outside} outside, ${score.toFixed(2)}\n`,
    );
}

if (import.meta.main) main();
