// What callers do that they do not do: each is compared with its own past, and with its peers where it has none.
import {
  betaBinomialUpper,
  combineIndependent,
  DistinctCounter,
  type DistinctHash,
  MarkovChain,
  poissonUpper,
} from '../anomaly/index.ts';
import { BoundedMap } from './bounded-map.ts';
import {
  CallerProfile,
  type CallerState,
  type CallerWindow,
  newWindow,
  WINDOW_MS,
} from './caller-profile.ts';
import type { DetectSettings } from './contract.ts';
import { HabitDetectors, type HabitsState } from './habit-detectors.ts';
import { LogStat } from './log-stat.ts';
import type { Observation } from './observation.ts';
import { bytesText, plain, type Reporter } from './reporter.ts';

/** Windows before a caller is compared with itself. */
const WARM_WINDOWS = 20;
/** Windows of all callers before anybody is compared with them. */
const WARM_PEERS = 200;
/** Logarithm by which everybody may be above their usual before it counts as everybody's. */
const MAX_TIDE = Math.log(4);
const CHECK_FACTOR = 1.7;
/** A step that so few callers take is odd; and steps before any is. */
const ODD_STEP = 0.002;
const WARM_STEPS = 20_000;
/** After such a pause a caller begins anew, ms. */
const PAUSE_MS = 1_800_000;

export class CallerDetectors {
  readonly #callers: BoundedMap<CallerProfile>;
  readonly #settings: DetectSettings;
  readonly #reporter: Reporter;
  readonly #hash: DistinctHash;
  readonly #peers = { requests: new LogStat(), bytes: new LogStat(), objects: new LogStat() };
  /** How far everybody is above usual now, as a logarithm. */
  #tide = 0;
  #deniedHits = 0;
  #deniedTrials = 0;
  #sequentialHits = 0;
  #sequentialTrials = 0;
  #startedMs = 0;
  readonly #habits: HabitDetectors;
  /** From operation to operation, as all callers go. */
  #chain = new MarkovChain();
  #steps = 0;
  #oddShare = 0.002;

  constructor(settings: DetectSettings, reporter: Reporter, hash: DistinctHash) {
    this.#settings = settings;
    this.#reporter = reporter;
    this.#hash = hash;
    this.#callers = new BoundedMap(settings.maxEntities);
    this.#habits = new HabitDetectors(settings, reporter, () => this.#callers.size);
  }

  get size(): number {
    return this.#callers.size;
  }

  profileOf(consumer: string): CallerProfile | null {
    return this.#callers.peek(consumer) ?? null;
  }

  take(seen: Observation): void {
    const { consumer, atMs } = seen;
    if (this.#startedMs === 0) this.#startedMs = atMs;
    let profile = this.#callers.get(consumer);
    if (profile === undefined) {
      profile = new CallerProfile(atMs);
      this.#callers.set(consumer, profile);
    }
    const index = Math.floor(atMs / WINDOW_MS);
    if (index > profile.window.index) this.#close(profile, index);
    this.#habits.take(profile, seen);
    this.#noteStep(profile, seen);
    this.#count(profile, seen);
    profile.lastMs = atMs;
    profile.total++;
    const { window } = profile;
    if (window.requests >= window.checkRequests || window.bytes >= window.checkBytes)
      this.#check(profile, seen);
  }

  #isWarm(profile: CallerProfile, atMs: number): boolean {
    return profile.windows >= WARM_WINDOWS && atMs - profile.firstMs >= this.#settings.learnMs;
  }

  /** Where the caller went from where it was. */
  #noteStep(profile: CallerProfile, { operation, atMs }: Observation): void {
    if (operation === null) return;
    const from = atMs - profile.lastMs > PAUSE_MS ? '' : profile.lastOperation;
    profile.lastOperation = operation.key;
    this.#steps++;
    if (this.#steps > WARM_STEPS) {
      const isOdd = this.#chain.probability(from, operation.key) < ODD_STEP;
      this.#oddShare += ((isOdd ? 1 : 0) - this.#oddShare) / WARM_STEPS;
      if (isOdd) profile.window.odd++;
    }
    this.#chain.add(from, operation.key);
    if (this.#steps % 1_000_000 === 0) this.#chain.decay(0.5);
  }

  // Amounts.

  #count(profile: CallerProfile, seen: Observation): void {
    const { window } = profile;
    const { record, operation, object } = seen;
    window.requests++;
    window.bytes += record.response_bytes;
    if (object !== '' && operation !== null) {
      window.reads++;
      window.objects ??= new DistinctCounter();
      window.objects.add(this.#hash.of(operation.facts.api + object));
      const number = numberOf(object);
      if (Math.abs(number - window.lastNumber) === 1) window.sequential++;
      window.lastNumber = number;
      if (seen.isForbidden || record.status === 404) window.denied++;
    }
    if (seen.isForbidden && operation !== null) {
      window.forbidden ??= new Set();
      if (window.forbidden.size < 64) window.forbidden.add(operation.key);
    }
    if (seen.isSuspicious) {
      window.suspicious++;
      window.rules ??= new Set();
      for (const rule of record.rules ?? []) if (window.rules.size < 64) window.rules.add(rule);
    }
  }

  #close(profile: CallerProfile, index: number): void {
    const { window } = profile;
    if (window.requests > 0) {
      const objects = window.objects?.size ?? 0;
      if (this.#isWarm(profile, window.index * WINDOW_MS)) {
        const above = Math.log1p(window.requests) - profile.requests.mean;
        this.#tide += (Math.max(-1, Math.min(above, MAX_TIDE)) - this.#tide) / 60;
      }
      profile.requests.add(window.requests);
      profile.bytes.add(window.bytes);
      this.#peers.requests.add(window.requests);
      this.#peers.bytes.add(window.bytes);
      if (objects > 0) {
        profile.objects.add(objects);
        this.#peers.objects.add(objects);
      }
      this.#deniedHits = fade(this.#deniedHits) + Math.min(window.denied, 20);
      this.#deniedTrials = fade(this.#deniedTrials) + Math.min(window.reads, 100);
      this.#sequentialHits = fade(this.#sequentialHits) + Math.min(window.sequential, 10);
      this.#sequentialTrials = fade(this.#sequentialTrials) + Math.min(window.reads, 50);
      profile.windows++;
    }
    profile.window = newWindow(index);
  }

  /** P-value of an amount, by the caller's own past and what everybody does now, or by its peers'. */
  #amount(profile: CallerProfile, stat: LogStat, peers: LogStat, value: number, atMs: number): number {
    if (peers.count < WARM_PEERS || atMs - this.#startedMs < this.#settings.learnMs) return 1;
    const calm = value / Math.exp(Math.max(0, Math.min(this.#tide, MAX_TIDE)));
    if (!this.#isWarm(profile, atMs)) return value < 1.5 * peers.most ? 1 : peers.pValue(calm);
    // Less than what its peers do all the time is no attack, however new it is.
    if (peers.pValue(value) > 0.35 || value < 1.5 * stat.most) return 1;
    return stat.pValue(calm);
  }

  #check(profile: CallerProfile, seen: Observation): void {
    const { window } = profile;
    const { atMs, consumer } = seen;
    window.checkRequests = Math.ceil(Math.max(window.requests, 8) * CHECK_FACTOR);
    window.checkBytes = Math.ceil(Math.max(window.bytes, 65_536) * CHECK_FACTOR);
    const entity = { kind: 'consumer', id: consumer } as const;
    const common = { atMs, entity, addresses: [seen.address], consumers: [consumer] };
    const objects = window.objects?.size ?? 0;
    this.#checkFunctions(profile, seen);
    const pObjects = this.#checkObjects(profile, seen, objects);
    const pBytes = this.#amount(profile, profile.bytes, this.#peers.bytes, window.bytes, atMs);
    if (this.#reporter.test('scraping', pBytes, atMs) && window.bytes > 500_000 && pObjects > 1e-9) {
      this.#reporter.tell('scraping', {
        ...common,
        p: pBytes,
        reason: `${consumer} took ${bytesText(window.bytes)} in ten minutes; usually it takes ${bytesText(profile.bytes.typical)}, at most ${bytesText(profile.bytes.most)}.`,
        evidence: {
          bytes: window.bytes,
          usual: Math.round(profile.bytes.typical),
          requests: window.requests,
          objects,
        },
        operations: this.#operationsOf(seen),
      });
    }
    const pRequests = this.#amount(profile, profile.requests, this.#peers.requests, window.requests, atMs);
    if (this.#reporter.test('traffic-surge', pRequests, atMs) && window.requests >= 60) {
      this.#reporter.tell('traffic-surge', {
        ...common,
        p: pRequests,
        reason: `${consumer} sent ${window.requests} requests in less than ten minutes; usually it sends ${plain(profile.requests.typical)}, at most ${plain(profile.requests.most)}.`,
        evidence: {
          requests: window.requests,
          usual: Math.round(profile.requests.typical),
          most: Math.round(profile.requests.most),
        },
        operations: this.#operationsOf(seen),
      });
    }
  }

  #operationsOf(seen: Observation): readonly string[] {
    return seen.operation === null ? [] : [seen.operation.key];
  }

  #checkObjects(profile: CallerProfile, seen: Observation, objects: number): number {
    const { window } = profile;
    const { atMs, consumer } = seen;
    if (objects < 12) {
      this.#reporter.test('object-enumeration', 1, atMs);
      return 1;
    }
    const amount = this.#amount(profile, profile.objects, this.#peers.objects, objects, atMs);
    const denied = ratioTest(window.denied, window.reads, this.#deniedHits, this.#deniedTrials);
    const sequential = ratioTest(
      window.sequential,
      window.reads,
      this.#sequentialHits,
      this.#sequentialTrials,
    );
    const p = combineIndependent([amount, denied, sequential]);
    if (!this.#reporter.test('object-enumeration', p, atMs)) return p;
    const parts = [`${consumer} asked for ${objects} different objects within ten minutes`];
    parts.push(`usually it asks for ${plain(profile.objects.typical)}`);
    if (window.denied > 3) parts.push(`${window.denied} were refused or not there`);
    if (window.sequential > 5) parts.push(`${window.sequential} times with the next number`);
    this.#reporter.tell('object-enumeration', {
      atMs,
      entity: { kind: 'consumer', id: consumer },
      p,
      reason: `${parts.join('; ')}.`,
      evidence: {
        objects,
        usual: Math.round(profile.objects.typical),
        denied: window.denied,
        sequential: window.sequential,
        reads: window.reads,
      },
      addresses: [seen.address],
      consumers: [consumer],
      operations: this.#operationsOf(seen),
    });
    return p;
  }

  /** P-value of as many new operations, or as many odd steps, whichever is the odder. */
  #waysOf({ fresh, odd, requests }: CallerWindow): number {
    const steps = poissonUpper(odd, 0.2 + requests * Math.min(this.#oddShare * 2, 0.2));
    return Math.min(1, 2 * Math.min(poissonUpper(fresh, 0.4), steps));
  }

  #checkFunctions(profile: CallerProfile, seen: Observation): void {
    const { window } = profile;
    const { atMs, consumer } = seen;
    const refused = window.forbidden?.size ?? 0;
    const common = {
      atMs,
      entity: { kind: 'consumer', id: consumer } as const,
      addresses: [seen.address],
      consumers: [consumer],
    };
    // Honest clients are refused on one operation that they should not call, again and again, or once in a few hundred requests.
    const pRefused =
      refused < 3
        ? 1
        : combineIndependent([poissonUpper(refused, 0.15 + window.requests / 250), this.#waysOf(window)]);
    if (this.#reporter.test('function-probing', pRefused, atMs))
      this.#reporter.tell('function-probing', {
        ...common,
        p: pRefused,
        reason: `${consumer} was refused on ${refused} different operations within ten minutes, ${window.fresh} of which it had never called before, ${window.odd} by ways that hardly anybody takes.`,
        evidence: { refused: [...window.forbidden!].slice(0, 12), fresh: window.fresh, odd: window.odd },
        operations: [...window.forbidden!].slice(0, 12),
      });
    const rules = window.rules?.size ?? 0;
    const pRules = window.suspicious < 4 || rules < 3 ? 1 : poissonUpper(rules, 0.15 + window.requests / 500);
    if (this.#reporter.test('waf-evasion', pRules, atMs))
      this.#reporter.tell('waf-evasion', {
        ...common,
        p: pRules,
        reason: `${consumer} sent ${window.suspicious} requests that ${rules} different rules matched within ten minutes: variations of an attack.`,
        evidence: { suspicious: window.suspicious, rules: [...window.rules!].slice(0, 16).map(String) },
        operations: this.#operationsOf(seen),
      });
  }

  /** Callers one by one, with what is known of each. */
  *callerStates(): Generator<readonly [string, CallerState]> {
    for (const [consumer, profile] of this.#callers.entries()) yield [consumer, profile.toJSON()];
  }

  toJSON(): CallersState {
    return { callers: [...this.callerStates()], ...this.common() };
  }

  /** What is known of all callers together. */
  common(): Omit<CallersState, 'callers'> {
    return {
      peers: [this.#peers.requests.toJSON(), this.#peers.bytes.toJSON(), this.#peers.objects.toJSON()],
      habits: this.#habits.toJSON(),
      chain: this.#chain.toJSON(),
      ratios: [
        this.#deniedHits,
        this.#deniedTrials,
        this.#sequentialHits,
        this.#sequentialTrials,
        this.#tide,
        this.#startedMs,
        this.#steps,
        this.#oddShare,
      ],
    };
  }

  restore(state: CallersState): void {
    for (const [consumer, profile] of state.callers) this.#callers.set(consumer, CallerProfile.from(profile));
    const [requests = [], bytes = [], objects = []] = state.peers;
    this.#peers.requests = LogStat.from(requests);
    this.#peers.bytes = LogStat.from(bytes);
    this.#peers.objects = LogStat.from(objects);
    this.#habits.restore(state.habits);
    this.#chain = MarkovChain.from(state.chain);
    [
      this.#deniedHits = 0,
      this.#deniedTrials = 0,
      this.#sequentialHits = 0,
      this.#sequentialTrials = 0,
      this.#tide = 0,
      this.#startedMs = 0,
      this.#steps = 0,
      this.#oddShare = 0.002,
    ] = state.ratios;
  }
}

export interface CallersState {
  readonly callers: readonly (readonly [string, CallerState])[];
  readonly peers: readonly (readonly number[])[];
  readonly habits: HabitsState;
  readonly chain: ReturnType<MarkovChain['toJSON']>;
  readonly ratios: readonly number[];
}

const fade = (value: number): number => value * 0.9995;

/** Share against the share of everybody, which is known from so many trials. */
function ratioTest(hits: number, trials: number, allHits: number, allTrials: number): number {
  if (hits < 3 || allTrials < 200) return 1;
  const share = (allHits + 0.5) / (allTrials + 1);
  // Callers differ: the share of one is spread about that of all as of forty trials.
  return betaBinomialUpper(hits, trials, Math.max(share * 40, 0.2), (1 - share) * 40);
}

function numberOf(object: string): number {
  const match = /(\d{1,15})\D*$/.exec(object);
  return match === null ? Number.NaN : Number(match[1]);
}
