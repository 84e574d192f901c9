// What operations do: floods, errors, slowness, answers that grew, operations that wake up. Minutes and five-minute bins against the
// operation's own past; the whole is compared with its parts, so that a busy day is no attack.
import {
  combineIndependent,
  DistinctCounter,
  type DistinctHash,
  HeavyHitters,
  negativeBinomialUpper,
  RatioChange,
  SeasonalBaseline,
  type SeasonalState,
} from '../anomaly/index.ts';
import { BoundedMap } from './bounded-map.ts';
import type { DetectSettings } from './contract.ts';
import { LogStat } from './log-stat.ts';
import type { KnownOperation, Observation } from './observation.ts';
import { bytesText, plain, type Reporter } from './reporter.ts';

const BIN_MS = 300_000;
/** Bins without traffic that are learned at most, after a pause: a day. */
const MAX_GAP = 288;
/** Bins before verdicts. */
const WARM_BINS = 60;
/** Operations that are followed. */
const MAX_OPERATIONS = 10_000;
/** What is less than so many times the usual is no flood, no slowness, no leak. */
const FLOOD = 5;
const SLOW = 2;
const LEAK = 4;
/** Pairs of operation and address that are counted in a bin, and addresses that an alert names. */
const MAX_TALKERS = 2000;
const MAX_NAMED = 200;
/** Errors come in clumps. */
const DISPERSION = 3;
/** An operation that was asleep for so long, or never used, is new, ms. */
const ASLEEP_MS = 14 * 86_400_000;

interface OperationState {
  readonly firstMs: number;
  lastMs: number;
  bin: number;
  count: number;
  errors: number;
  bytes: number;
  good: number;
  leaks: number;
  logLatency: number;
  callers: DistinctCounter;
  newcomers: number;
  bins: number;
  slowBins: number;
  largeBins: number;
  errorShare: number;
  trials: number;
  leakShare: number;
  baseline: SeasonalBaseline;
  change: RatioChange;
  latency: LogStat;
  size: LogStat;
  perCaller: LogStat;
}

export class OperationDetectors {
  readonly #operations = new BoundedMap<OperationState>(MAX_OPERATIONS);
  readonly #settings: DetectSettings;
  readonly #reporter: Reporter;
  readonly #hash: DistinctHash;
  #startedMs = 0;
  /** Who asks most in the current bin, by `operation address`. */
  readonly #talkers = new HeavyHitters(MAX_TALKERS);
  #talkersBin = -1;

  constructor(settings: DetectSettings, reporter: Reporter, hash: DistinctHash) {
    this.#settings = settings;
    this.#reporter = reporter;
    this.#hash = hash;
  }

  /** `isNewcomer`: the address was first seen within the last bin. */
  take(operation: KnownOperation, seen: Observation, isNewcomer: boolean): void {
    const { atMs, record } = seen;
    if (this.#startedMs === 0) this.#startedMs = atMs;
    const bin = Math.floor(atMs / BIN_MS);
    let state = this.#operations.get(operation.key);
    if (state === undefined) {
      state = newOperation(atMs, bin);
      this.#operations.set(operation.key, state);
      this.#judgeNew(operation, seen, 0);
    } else if (atMs - state.lastMs > ASLEEP_MS) this.#judgeNew(operation, seen, atMs - state.lastMs);
    if (bin > state.bin) this.#close(operation, state, bin, atMs);
    state.lastMs = atMs;
    state.count++;
    if (bin > this.#talkersBin) {
      this.#talkers.clear();
      this.#talkersBin = bin;
    }
    this.#talkers.add(`${operation.key} ${seen.address}`);
    if (isNewcomer) state.newcomers++;
    if (seen.isError) state.errors++;
    if (record.decision === 'allowed' && record.status < 400) {
      state.good++;
      state.bytes += record.response_bytes;
      state.logLatency += Math.log1p(record.duration_us);
    }
    const { code, response_score } = record;
    if (code === 'response-blocked' || code === 'response-contract-broken' || (response_score ?? 0) > 0)
      state.leaks++;
    if (isNewcomer || state.count < 5000) state.callers.add(this.#hash.of(seen.address));
    if (state.count >= 100 && state.count % 100 === 0) this.#judgeFlood(operation, state, atMs);
    if (state.errors >= 10 && state.errors % 10 === 0) this.#judgeErrors(operation, state, atMs, false);
  }

  /** Once a minute: bins of operations that nobody calls end as well. */
  tick(atMs: number, operations: ReadonlyMap<string, KnownOperation>): void {
    const bin = Math.floor(atMs / BIN_MS);
    for (const [key, state] of this.#operations.entries()) {
      if (state.bin >= bin) continue;
      const operation = operations.get(key);
      if (operation !== undefined) this.#close(operation, state, bin, atMs);
    }
  }

  #close(operation: KnownOperation, state: OperationState, bin: number, atMs: number): void {
    this.#judgeFlood(operation, state, atMs);
    this.#judgeErrors(operation, state, atMs, true);
    this.#judgeAnswers(operation, state, atMs);
    state.baseline.add(state.count, state.bin * BIN_MS);
    for (let at = Math.max(state.bin + 1, bin - MAX_GAP); at < bin; at++) state.baseline.add(0, at * BIN_MS);
    if (state.count > 0) {
      state.perCaller.add(state.count / Math.max(1, state.callers.size));
      const share = Math.min(state.errors / state.count, state.errorShare * 3 + 0.02);
      const weight = state.count / (state.trials + state.count);
      state.errorShare += (share - state.errorShare) * weight;
      state.trials = Math.min(state.trials + state.count, 50_000);
      state.leakShare += (Math.min(state.leaks / state.count, 0.2) - state.leakShare) * weight;
    }
    if (state.good > 0) {
      state.latency.add(Math.expm1(state.logLatency / state.good));
      state.size.add(state.bytes / state.good);
    }
    state.bins++;
    state.bin = bin;
    state.count = 0;
    state.errors = 0;
    state.bytes = 0;
    state.good = 0;
    state.leaks = 0;
    state.logLatency = 0;
    state.newcomers = 0;
    state.callers = new DistinctCounter();
  }

  #judgeNew(operation: KnownOperation, seen: Observation, asleepMs: number): void {
    const { atMs, record } = seen;
    if (atMs - this.#startedMs < this.#settings.learnMs || record.status >= 400) return;
    // Once per operation in weeks: tests are so few that a fixed share of the budget is the p-value.
    const p = this.#reporter.daily('new-operation', 20) / 2;
    const { facts } = operation;
    this.#reporter.tell('new-operation', {
      atMs,
      entity: { kind: 'operation', id: operation.key },
      p,
      reason:
        asleepMs > 0
          ? `${facts.method} ${facts.template} was used after ${Math.floor(asleepMs / 86_400_000)} days of silence.`
          : `${facts.method} ${facts.template} was used for the first time.`,
      evidence: {
        silentDays: Math.floor(asleepMs / 86_400_000),
        caller: seen.consumer,
        address: seen.address,
      },
      addresses: [seen.address],
      consumers: seen.consumer === '' ? [] : [seen.consumer],
      operations: [operation.key],
    });
  }

  /** Many more requests than ever at this hour, and not because everybody came: by new addresses, or more by each. */
  #judgeFlood(operation: KnownOperation, state: OperationState, atMs: number): void {
    if (state.bins < WARM_BINS || state.count < 200) return;
    const { mean, size, isWarm } = state.baseline.expect(state.bin * BIN_MS);
    if (!isWarm || state.count < FLOOD * mean) return;
    const amount = negativeBinomialUpper(state.count, Math.max(mean, 1), size);
    const callers = Math.max(1, state.callers.size);
    const each = state.perCaller.pValue(state.count / callers);
    const fresh = state.newcomers / state.count;
    if (each > 0.02 && fresh < 0.5) return;
    const p = combineIndependent([amount, Math.min(each, fresh > 0.5 ? 0.01 : 1)]);
    if (!this.#reporter.test('traffic-surge', p, atMs)) return;
    const { facts } = operation;
    this.#reporter.tell('traffic-surge', {
      atMs,
      entity: { kind: 'operation', id: operation.key },
      p,
      reason: `${facts.method} ${facts.template} got ${state.count} requests in five minutes where ${plain(mean)} are usual now, from ${callers} addresses, ${Math.round(100 * fresh)} % of them by addresses that were never seen before.`,
      evidence: {
        requests: state.count,
        usual: Math.round(mean),
        addresses: callers,
        newcomers: state.newcomers,
      },
      addresses: this.#talkersOf(operation.key),
      operations: [operation.key],
    });
  }

  /** Addresses that ask an operation for more than a request or two now, most first. */
  #talkersOf(key: string): readonly string[] {
    const named: string[] = [];
    for (const { key: pair, weight, error } of this.#talkers.top()) {
      if (weight - error < 3 || named.length >= MAX_NAMED) break;
      if (pair.startsWith(`${key} `)) named.push(pair.slice(key.length + 1));
    }
    return named;
  }

  #judgeErrors(operation: KnownOperation, state: OperationState, atMs: number, isWhole: boolean): void {
    if (state.bins < WARM_BINS || state.count < 20 || state.trials < 200) return;
    const usual = Math.max(state.errorShare * 1.2, 0.003);
    const change = isWhole ? state.change : RatioChange.from(state.change.toJSON());
    const p = change.add(state.errors, state.count, Math.min(usual, 0.5), DISPERSION);
    const share = state.errors / state.count;
    if (state.errors < 10 || share < 0.1 || share < 4 * state.errorShare) return;
    if (!this.#reporter.test('error-shift', p, atMs)) return;
    state.change.reset();
    const { facts } = operation;
    this.#reporter.tell('error-shift', {
      atMs,
      entity: { kind: 'operation', id: operation.key },
      p,
      reason: `${facts.method} ${facts.template} failed ${state.errors} of ${state.count} times; usually ${(100 * state.errorShare).toFixed(1)} % fail.`,
      evidence: {
        errors: state.errors,
        requests: state.count,
        usualShare: Math.round(state.errorShare * 1e4) / 1e4,
      },
      operations: [operation.key],
    });
  }

  /** Slower, or larger, answers, twice in a row. */
  #judgeAnswers(operation: KnownOperation, state: OperationState, atMs: number): void {
    if (state.bins < WARM_BINS || state.good < 10) return;
    const { facts } = operation;
    const entity = { kind: 'operation', id: operation.key } as const;
    const latency = Math.expm1(state.logLatency / state.good);
    const slow = state.latency.pValue(latency);
    state.slowBins = latency > SLOW * state.latency.typical && slow < 1e-3 ? state.slowBins + 1 : 0;
    const pSlow = slow * (state.slowBins > 1 ? 1e-2 : 1);
    if (this.#reporter.test('latency-shift', pSlow, atMs) && state.slowBins > 1)
      this.#reporter.tell('latency-shift', {
        atMs,
        entity,
        p: pSlow,
        reason: `${facts.method} ${facts.template} takes ${plain(latency / 1000)} ms; usually it takes ${plain(state.latency.typical / 1000)} ms.`,
        evidence: {
          ms: Math.round(latency / 1000),
          usualMs: Math.round(state.latency.typical / 1000),
          requests: state.good,
        },
        operations: [operation.key],
      });
    const size = state.bytes / state.good;
    const large = state.size.pValue(size);
    const isLarge = size > LEAK * state.size.typical && large < 1e-3 && state.callers.size >= 3;
    state.largeBins = isLarge ? state.largeBins + 1 : 0;
    const leakTrials = state.leaks >= 3 && state.leaks / state.count > 10 * state.leakShare + 0.01;
    const pSize = large * (state.largeBins > 1 ? 1e-2 : 1);
    const pLeak = leakTrials
      ? negativeBinomialUpper(state.leaks, Math.max(state.count * state.leakShare, 0.02), 2) * 1e-3
      : 1;
    const p = Math.min(pSize, pLeak);
    if (!this.#reporter.test('upstream-leak', p, atMs) || (state.largeBins < 2 && !leakTrials)) return;
    this.#reporter.tell('upstream-leak', {
      atMs,
      entity,
      p,
      reason: leakTrials
        ? `${state.leaks} answers of ${facts.method} ${facts.template} within five minutes held what inspection or the contract does not allow.`
        : `Answers of ${facts.method} ${facts.template} are ${bytesText(size)} on average; usually they are ${bytesText(state.size.typical)}, whoever asks.`,
      evidence: {
        bytes: Math.round(size),
        usualBytes: Math.round(state.size.typical),
        findings: state.leaks,
        callers: state.callers.size,
      },
      operations: [operation.key],
    });
  }

  toJSON(): OperationsState {
    return {
      startedMs: this.#startedMs,
      operations: [...this.#operations.entries()].map(([key, state]) => [
        key,
        {
          n: [state.firstMs, state.lastMs, state.bins, state.errorShare, state.trials, state.leakShare],
          b: state.baseline.toJSON(),
          c: state.change.toJSON(),
          s: [state.latency.toJSON(), state.size.toJSON(), state.perCaller.toJSON()],
        },
      ]),
    };
  }

  restore({ startedMs, operations }: OperationsState): void {
    this.#startedMs = startedMs;
    for (const [key, saved] of operations) {
      const [firstMs = 0, lastMs = 0, bins = 0, errorShare = 0, trials = 0, leakShare = 0] = saved.n;
      const state = newOperation(firstMs, Math.floor(lastMs / BIN_MS));
      const [latency = [], size = [], perCaller = []] = saved.s;
      Object.assign(state, {
        lastMs,
        bins,
        errorShare,
        trials,
        leakShare,
        baseline: SeasonalBaseline.from(saved.b),
        change: RatioChange.from(saved.c),
        latency: LogStat.from(latency),
        size: LogStat.from(size),
        perCaller: LogStat.from(perCaller),
      });
      this.#operations.set(key, state);
    }
  }
}

export interface OperationsState {
  readonly startedMs: number;
  readonly operations: readonly (readonly [
    string,
    {
      readonly n: readonly number[];
      readonly b: SeasonalState;
      readonly c: readonly number[];
      readonly s: readonly (readonly number[])[];
    },
  ])[];
}

const newOperation = (atMs: number, bin: number): OperationState => ({
  firstMs: atMs,
  lastMs: atMs,
  bin,
  count: 0,
  errors: 0,
  bytes: 0,
  good: 0,
  leaks: 0,
  logLatency: 0,
  callers: new DistinctCounter(),
  newcomers: 0,
  bins: 0,
  slowBins: 0,
  largeBins: 0,
  errorShare: 0,
  trials: 0,
  leakShare: 0,
  baseline: new SeasonalBaseline(),
  change: new RatioChange(),
  latency: new LogStat(),
  size: new LogStat(),
  perCaller: new LogStat(),
});
