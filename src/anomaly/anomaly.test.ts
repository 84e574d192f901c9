// The models against what they promise: exact tails, merge is union, memory is bounded, a seed decides, alarms are as rare as said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AlarmBudget,
  betaBinomialUpper,
  binomialUpper,
  combineDependent,
  combineIndependent,
  DistinctCounter,
  DistinctHash,
  HeavyHitters,
  MarkovChain,
  negativeBinomialLower,
  negativeBinomialUpper,
  normalUpper,
  poissonUpper,
  QuantileSketch,
  Random,
  RandomCutForest,
  RateChange,
  RatioChange,
  ScoreCalibration,
  SeasonalBaseline,
  SeriesModel,
  studentUpper,
} from './index.ts';

const near = (value: number, wanted: number, relative = 1e-6): void =>
  assert.ok(Math.abs(value - wanted) <= Math.abs(wanted) * relative, `${value} is not ${wanted}`);
const DAY_MS = 86_400_000;
const MONDAY_MS = Date.UTC(2024, 0, 1);

test('tails agree with published values', () => {
  near(normalUpper(1.959963984540054), 0.025);
  near(normalUpper(6), 9.865876450376946e-10);
  near(normalUpper(-1), 0.8413447460685429);
  near(studentUpper(2.228138852, 10), 0.025);
  near(poissonUpper(10, 3), 0.00110248813011548);
  near(binomialUpper(8, 10, 0.5), 0.0546875);
  // Against the sums that define them.
  let beta = 0;
  for (let k = 3; k <= 20; k++) beta += betaBinomialUpper(k, 20, 2, 30) - betaBinomialUpper(k + 1, 20, 2, 30);
  near(beta, betaBinomialUpper(3, 20, 2, 30));
  near(betaBinomialUpper(0, 5, 1, 1), 1);
  // With uniform probability every number of hits is equally likely.
  near(betaBinomialUpper(4, 5, 1, 1), 2 / 6);
});

test('property: tails of counts are probabilities and add up', () => {
  fc.assert(
    fc.property(
      fc.nat(400),
      fc.double({ min: 0.01, max: 300, noNaN: true }),
      fc.double({ min: 0.1, max: 1000, noNaN: true }),
      (count, mean, size) => {
        const upper = negativeBinomialUpper(count + 1, mean, size);
        const lower = negativeBinomialLower(count, mean, size);
        assert.ok(upper >= 0 && upper <= 1 && lower >= 0 && lower <= 1);
        assert.ok(Math.abs(upper + lower - 1) < 1e-8, `${upper} + ${lower}`);
      },
    ),
  );
  assert.ok(combineDependent([1e-9, 1, 1]) < 1e-7);
  assert.ok(combineIndependent([0.01, 0.01, 0.01]) < 1e-3);
  assert.equal(combineDependent([]), 1);
});

const keys = fc.array(
  fc.nat(3000).map((n) => `key-${n}`),
  { maxLength: 400 },
);

test('property: distinct counts of a union are those of one counter, exact while few, bounded always', () => {
  const hash = new DistinctHash(1, 2);
  const counted = (list: readonly string[]): DistinctCounter => {
    const counter = new DistinctCounter();
    for (const key of list) counter.add(hash.of(key));
    return counter;
  };
  fc.assert(
    fc.property(keys, keys, (a, b) => {
      const merged = counted(a);
      merged.merge(counted(b));
      assert.deepEqual(
        JSON.parse(JSON.stringify(merged.toJSON())).registers,
        JSON.parse(JSON.stringify(counted([...a, ...b]).toJSON())).registers,
      );
      const different = new Set([...a, ...b]).size;
      if (different <= 24) assert.equal(merged.size, different);
      else
        assert.ok(
          Math.abs(merged.size - different) <= 0.15 * different + 2,
          `${merged.size} for ${different}`,
        );
      assert.equal(DistinctCounter.from(JSON.parse(JSON.stringify(merged))).size, merged.size);
    }),
  );
  const many = new DistinctCounter();
  for (let i = 0; i < 200_000; i++) many.add(hash.of(`x${i}`));
  near(many.size, 200_000, 0.1);
  assert.ok(JSON.stringify(many).length < 2000);
  assert.throws(() => DistinctCounter.from({ registers: 'AAAA' }), RangeError);
});

test('property: a heavy hitter is kept, its weight is within its error, and merging keeps both', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(40), { maxLength: 600 }),
      fc.array(fc.nat(40), { maxLength: 600 }),
      (a, b) => {
        const truth = new Map<string, number>();
        const fill = (list: readonly number[]): HeavyHitters => {
          const hitters = new HeavyHitters(12);
          for (const n of list) {
            hitters.add(`k${n}`);
            truth.set(`k${n}`, (truth.get(`k${n}`) ?? 0) + 1);
          }
          return hitters;
        };
        const merged = fill(a);
        merged.merge(fill(b));
        const back = HeavyHitters.from(JSON.parse(JSON.stringify(merged)));
        assert.deepEqual(back.top(), merged.top());
        assert.equal(merged.total, a.length + b.length);
        assert.ok(merged.top().length <= 12);
        for (const { key, weight, error } of merged.top()) {
          const real = truth.get(key) ?? 0;
          assert.ok(weight >= real && weight - error <= real, `${key}: ${weight} ± ${error}, really ${real}`);
        }
        for (const [key, real] of truth)
          if (real > merged.total / 6) assert.ok(merged.weightOf(key) >= real, key);
      },
    ),
  );
});

test('property: quantiles are within two percent, and sketches of parts make the sketch of the whole', () => {
  const values = fc.array(fc.double({ min: 0.001, max: 1e5, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(values, values, fc.double({ min: 0.05, max: 1, noNaN: true }), (a, b, q) => {
      const sketch = (list: readonly number[]): QuantileSketch => {
        const made = new QuantileSketch();
        for (const value of list) made.add(value);
        return made;
      };
      const merged = sketch(a);
      merged.merge(sketch(b));
      assert.deepEqual(merged.toJSON(), sketch([...a, ...b]).toJSON());
      const sorted = [...a, ...b].sort((x, y) => x - y);
      near(merged.quantile(q), sorted[Math.max(0, Math.ceil(q * sorted.length - 1e-9) - 1)]!, 0.0201);
      assert.equal(QuantileSketch.from(JSON.parse(JSON.stringify(merged))).quantile(q), merged.quantile(q));
    }),
  );
});

test('property: steps of a chain have probabilities that sum to at most one, and merging adds what was learned', () => {
  const steps = fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, steps, (a, b) => {
      const learn = (list: readonly (readonly [number, number])[]): MarkovChain => {
        const chain = new MarkovChain();
        for (const [from, to] of list) chain.add(`s${from}`, `s${to}`);
        return chain;
      };
      const whole = learn([...a, ...b]);
      const merged = learn(a);
      merged.merge(learn(b));
      for (let from = 0; from <= 6; from++) {
        let sum = 0;
        for (let to = 0; to <= 6; to++) {
          const p = whole.probability(`s${from}`, `s${to}`);
          assert.ok(p > 0 && p <= 1);
          near(merged.probability(`s${from}`, `s${to}`), p);
          if ([...a, ...b].some(([, reached]) => reached === to)) sum += p;
        }
        assert.ok(sum <= 1 + 1e-9, `${sum}`);
      }
      near(
        MarkovChain.from(JSON.parse(JSON.stringify(whole))).probability('s0', 's1'),
        whole.probability('s0', 's1'),
      );
    }),
  );
});

test('a seasonal baseline learns the week, is not taught by an outlier, and alarms as rarely as its p-values say', () => {
  const random = new Random(7);
  const baseline = new SeasonalBaseline();
  const meanAt = (atMs: number): number => {
    const hour = new Date(atMs).getUTCHours();
    const isWeekend = [0, 6].includes(new Date(atMs).getUTCDay());
    return (isWeekend ? 20 : 60) * (1.2 + Math.sin(((hour - 9) / 24) * 2 * Math.PI));
  };
  const binMs = 600_000;
  let [alarms, bins] = [0, 0];
  for (let atMs = MONDAY_MS; atMs < MONDAY_MS + 28 * DAY_MS; atMs += binMs) {
    const count = random.poisson(meanAt(atMs) * Math.exp(0.1 * random.normal()));
    if (atMs > MONDAY_MS + 14 * DAY_MS) {
      bins++;
      if (baseline.pHigh(count, atMs) < 1e-3) alarms++;
    }
    baseline.add(count, atMs);
  }
  assert.ok(alarms <= Math.max(8, bins * 4e-3), `${alarms} of ${bins}`);
  const noon = MONDAY_MS + 28 * DAY_MS + 12 * 3_600_000;
  const before = baseline.expect(noon).mean;
  near(before, meanAt(noon), 0.25);
  assert.ok(baseline.pHigh(before * 5, noon) < 1e-6);
  assert.ok(baseline.pLow(0, noon) < 1e-6);
  for (let i = 0; i < 5; i++) baseline.add(before * 100, noon + i * binMs);
  near(baseline.expect(noon).mean, before, 0.1);
  const back = SeasonalBaseline.from(JSON.parse(JSON.stringify(baseline)));
  near(back.expect(noon).mean, baseline.expect(noon).mean, 1e-3);
  const merged = SeasonalBaseline.from(baseline.toJSON());
  merged.merge(baseline);
  near(merged.expect(noon).mean, baseline.expect(noon).mean, 0.05);
});

test('change points: a small lasting rise is found, and steps between false alarms are as many as promised', () => {
  const random = new Random(3);
  let falseAlarms = 0;
  const calm = new RateChange();
  for (let i = 0; i < 50_000; i++) {
    if (calm.add(random.poisson(4), 4) < 1e-3) {
      falseAlarms++;
      calm.reset();
    }
  }
  assert.ok(falseAlarms <= 50, `${falseAlarms} false alarms where at most 50 are promised`);
  const rising = new RateChange();
  let found = 0;
  while (found < 500 && rising.add(random.poisson(6), 4) > 1e-6) found++;
  assert.ok(found < 100, `${found} steps`);
  assert.equal(RateChange.from(rising.toJSON()).pValue.toPrecision(4), rising.pValue.toPrecision(4));
  const ratio = new RatioChange();
  for (let i = 0; i < 2000; i++) ratio.add(random.next() < 0.02 ? 1 : 0, 1, 0.02);
  assert.ok(ratio.pValue > 1e-4);
  for (let i = 0; i < 400; i++) ratio.add(random.next() < 0.12 ? 1 : 0, 1, 0.02);
  assert.ok(ratio.pValue < 1e-6);
});

test('calibrated scores are about as rare as they say, far beyond what was seen', () => {
  const random = new Random(11);
  const calibration = new ScoreCalibration();
  for (let i = 0; i < 5000; i++) calibration.add(Math.exp(random.normal()));
  let rare = 0;
  for (let i = 0; i < 40_000; i++) if (calibration.add(Math.exp(random.normal())) < 1e-3) rare++;
  assert.ok(rare > 8 && rare < 120, `${rare} of 40 expected`);
  assert.ok(calibration.pValue(1000) < 1e-4);
  assert.equal(calibration.pValue(0), 1);
  const back = ScoreCalibration.from(JSON.parse(JSON.stringify(calibration)));
  near(back.pValue(20), calibration.pValue(20), 1e-6);
  const constant = new ScoreCalibration();
  for (let i = 0; i < 500; i++) assert.ok(constant.add(0) > 0.5);
  const half = new ScoreCalibration();
  for (let i = 0; i < 5000; i++) half.add(Math.exp(random.normal()));
  half.merge(calibration);
  assert.ok(half.pValue(1000) < 1e-4);
});

test('a cut forest sets the odd one apart, and the seed decides', () => {
  const run = (seed: number): number[] => {
    const random = new Random(5);
    const forest = new RandomCutForest({ trees: 30, points: 128, seed });
    const scores: number[] = [];
    for (let i = 0; i < 600; i++) scores.push(forest.add([random.normal(), random.normal() * 3, i % 7]));
    scores.push(forest.add([12, -30, 3]));
    return scores;
  };
  const scores = run(1);
  const usual = [...scores.slice(200, -1)].sort((a, b) => a - b);
  assert.ok(scores.at(-1)! > 2 * usual[Math.floor(usual.length * 0.99)]!, `${scores.at(-1)}`);
  assert.deepEqual(run(1), scores);
  assert.notDeepEqual(run(2), scores);
});

test('property: a cut forest stays in bounds whatever comes, equal points included', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { maxLength: 120 }), (points) => {
      const forest = new RandomCutForest({ trees: 3, points: 16, seed: 9 });
      for (const point of points) {
        const score = forest.add(point);
        assert.ok(score >= 0 && score <= 16, `${score}`);
      }
    }),
  );
});

test('a series: a spike, a level shift and a silent day are alarms, once each; a restart keeps what was learned', () => {
  const random = new Random(21);
  let model = new SeriesModel();
  const stepMs = 300_000;
  const valueAt = (i: number): number => 100 + 40 * Math.sin((i / 288) * 2 * Math.PI) + 3 * random.normal();
  let calm = 0;
  for (let i = 0; i < 288 * 8; i++) if (model.add(valueAt(i), MONDAY_MS + i * stepMs).score > 3) calm++;
  assert.ok(calm <= 8, `${calm} alarms in eight calm days of 288 values each`);
  model = SeriesModel.from(JSON.parse(JSON.stringify(model)));
  let i = 288 * 8;
  assert.ok(model.add(260, MONDAY_MS + i++ * stepMs).score > 1.5);
  assert.equal(model.add(255, MONDAY_MS + i++ * stepMs).score, 0);
  for (; i < 288 * 10; i++) model.add(valueAt(i), MONDAY_MS + i * stepMs);
  let most = 0;
  for (; i < 288 * 10 + 144; i++)
    most = Math.max(most, model.add(100 + 3 * random.normal(), MONDAY_MS + i * stepMs).score);
  assert.ok(most > 1.5, `${most}`);
});

test('the budget of alarms follows the number of tests', () => {
  const random = new Random(2);
  const budget = new AlarmBudget(2);
  let alarms = 0;
  for (let minute = 0; minute < 3 * 1440; minute++)
    for (let i = 0; i < 50; i++)
      if (budget.test(random.next(), MONDAY_MS + minute * 60_000) && minute >= 1440) alarms++;
  near(budget.testsPerDay, 72_000, 0.05);
  assert.ok(alarms <= 12, `${alarms} in two days`);
});
