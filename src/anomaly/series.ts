// One metric over time, sampled about evenly. Each new value is looked at in several ways (level, short and long mean, step, spread,
// the same time of earlier days); each view's score becomes a p-value by a calibration of its own, so that no view needs a
// threshold, and the p-values become one: half from their harmonic mean, which one certain view is enough for, half from how
// unusual it is that so many views agree. Knows nothing of what it measures, and takes no parameter from it.
import { type CalibrationState, ScoreCalibration } from './calibration.ts';
import { combineDependent } from './tails.ts';
import { medianOf, TrailingWindow } from './trailing-window.ts';

const DAY_MS = 86_400_000;
/** Values that centre and scale are taken from: six days at five minutes. */
const HISTORY = 1728;
/** Values kept for comparison with earlier days: two weeks at five minutes. */
const RAW = 4032;
const SHORT = 12;
const LONG = 72;
/** Values before the first verdict. */
const COLD = 30;
/** Values between which the sampling interval is measured. */
const PACE = 200;
/** Earlier days that a time of day is compared with. */
const DAYS = 7;
/** Scores after which an old one counts half in a calibration. */
const HALF_LIFE = 50_000;
/** An alarm speaks for what follows, ms, unless that is much odder. */
const QUIET_MS = DAY_MS;
const MUCH_ODDER = 1;
/** −log10 of the largest p-value that can be an alarm. */
const LEAST_SCORE = 1;
const VIEWS = [
  'level',
  'short mean',
  'step',
  'long mean',
  'spread',
  'time of day',
  'time of day, mean',
] as const;

export interface SeriesVerdict {
  /** Probability of something as odd when all is well. */
  readonly p: number;
  /** −log10 p of a new alarm, at least 1; 0 for none, and while an earlier alarm speaks for this one. */
  readonly score: number;
  /** The view that finds the value oddest. */
  readonly view: string;
}

export interface SeriesState {
  readonly windows: readonly string[];
  readonly views: readonly CalibrationState[];
  readonly agreement: CalibrationState;
  readonly quiet: readonly [number, number];
}

const quiet: SeriesVerdict = { p: 1, score: 0, view: '' };

export class SeriesModel {
  #level = new TrailingWindow(HISTORY);
  #short = new TrailingWindow(HISTORY);
  #long = new TrailingWindow(HISTORY);
  #step = new TrailingWindow(HISTORY);
  #spread = new TrailingWindow(HISTORY);
  #rest = new TrailingWindow(HISTORY);
  #restMean = new TrailingWindow(HISTORY);
  #raw = new TrailingWindow(RAW, false);
  #times = new TrailingWindow(RAW, false);
  #views = VIEWS.map(() => new ScoreCalibration(HALF_LIFE));
  #agreement = new ScoreCalibration(HALF_LIFE);
  #quietUntilMs = 0;
  #quietScore = 0;

  /** Judges a value, then learns it. `atMs` grows from call to call. */
  add(value: number, atMs: number): SeriesVerdict {
    const seen = this.#raw.length;
    if (seen === 0) {
      this.#level.push(value);
      this.#keep(value, atMs);
      return quiet;
    }
    const step = value - this.#raw.at(0);
    const rest = this.#restOfDay(value, seen);
    this.#keep(value, atMs);
    const short = this.#raw.mean(SHORT);
    const long = this.#raw.mean(LONG);
    const spread = this.#spreadAround(short);
    const found: [number, number][] = [];
    if (seen >= COLD) {
      found.push([0, this.#level.distance(value)], [1, this.#short.distance(short)]);
      found.push([2, this.#step.distance(step)], [4, this.#spread.distance(spread)]);
      if (seen > LONG + 8) found.push([3, this.#long.distance(long)]);
    }
    if (rest !== null) {
      this.#rest.push(rest);
      const mean = this.#rest.mean(SHORT);
      if (this.#rest.length > COLD)
        found.push([5, this.#rest.distance(rest)], [6, this.#restMean.distance(mean)]);
      this.#restMean.push(mean);
    }
    this.#level.push(value);
    this.#short.push(short);
    this.#long.push(long);
    this.#step.push(step);
    this.#spread.push(spread);
    return this.#verdict(found, atMs);
  }

  #keep(value: number, atMs: number): void {
    this.#raw.push(value);
    this.#times.push(atMs);
  }

  /** How the spread of the latest values, as a logarithm: it doubles and halves. */
  #spreadAround(mean: number): number {
    const count = Math.min(SHORT, this.#raw.length);
    let squares = 0;
    for (let back = 0; back < count; back++) squares += (this.#raw.at(back) - mean) ** 2;
    return Math.log(Math.sqrt(squares / count) + this.#level.scale * 0.01);
  }

  /** What is left of a value without what the same time of earlier days, and of the same day a week ago, had; null when unknown. */
  #restOfDay(value: number, seen: number): number | null {
    const pace = Math.min(seen - 1, PACE);
    const intervalMs = seen > 10 ? (this.#times.at(0) - this.#times.at(pace)) / pace : 0;
    if (intervalMs <= 0) return null;
    const perDay = Math.round(DAY_MS / intervalMs);
    const days: number[] = [];
    let week: readonly number[] = [];
    for (let day = 1; day <= DAYS && day * perDay + 1 < seen; day++) {
      const at = day * perDay - 1;
      const near = [this.#raw.at(at - 1 < 0 ? 0 : at - 1), this.#raw.at(at), this.#raw.at(at + 1)];
      days.push(...near);
      if (day === DAYS) week = near;
    }
    if (days.length < 6) return null;
    return value - (week.length > 0 ? (medianOf(days) + medianOf(week)) / 2 : medianOf(days));
  }

  #verdict(found: readonly (readonly [number, number])[], atMs: number): SeriesVerdict {
    if (found.length === 0) return quiet;
    const values = found.map(([view, score]) => this.#views[view]!.add(score));
    let oddest = 0;
    let sum = 0;
    values.forEach((p, index) => {
      if (p < values[oddest]!) oddest = index;
      sum -= Math.log10(Math.max(p, 1e-12));
    });
    const together = this.#agreement.add(sum / values.length);
    const score = Math.min(300, (-Math.log10(together) - Math.log10(combineDependent(values))) / 2);
    const view = VIEWS[found[oddest]![0]]!;
    const isSpokenFor = atMs < this.#quietUntilMs && score < this.#quietScore + MUCH_ODDER;
    if (score < LEAST_SCORE || isSpokenFor) return { p: 10 ** -score, score: 0, view };
    this.#quietUntilMs = atMs + QUIET_MS;
    this.#quietScore = score;
    return { p: 10 ** -score, score, view };
  }

  toJSON(): SeriesState {
    return {
      windows: [
        this.#level,
        this.#short,
        this.#long,
        this.#step,
        this.#spread,
        this.#rest,
        this.#restMean,
        this.#raw,
        this.#times,
      ].map((window) => window.toJSON()),
      views: this.#views.map((view) => view.toJSON()),
      agreement: this.#agreement.toJSON(),
      quiet: [this.#quietUntilMs, this.#quietScore],
    };
  }

  static from(state: SeriesState): SeriesModel {
    const model = new SeriesModel();
    const window = (index: number) =>
      TrailingWindow.from(state.windows[index] ?? '', index < 7 ? HISTORY : RAW, index < 7);
    model.#level = window(0);
    model.#short = window(1);
    model.#long = window(2);
    model.#step = window(3);
    model.#spread = window(4);
    model.#rest = window(5);
    model.#restMean = window(6);
    model.#raw = window(7);
    model.#times = window(8);
    model.#views = VIEWS.map((_, index) => {
      const view = state.views[index];
      return view === undefined ? new ScoreCalibration(HALF_LIFE) : ScoreCalibration.from(view, HALF_LIFE);
    });
    model.#agreement = ScoreCalibration.from(state.agreement, HALF_LIFE);
    [model.#quietUntilMs, model.#quietScore] = state.quiet;
    return model;
  }
}
