// What callers do that they do not do: each is compared with its own past, and with its peers where it has none.
import {
  betaBinomialUpper,
  combineIndependent,
  DistinctCounter,
  type DistinctHash,
  poissonUpper,
} from '../anomaly/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { CallerProfile, type CallerState, newWindow, programOf, WINDOW_MS } from './caller-profile.ts';
import type { DetectorId, DetectSettings } from './contract.ts';
import { LogStat } from './log-stat.ts';
import { NoveltyRate } from './novelty.ts';
import type { Observation } from './observation.ts';
import { bytesText, plain, type Reporter } from './reporter.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Windows before a caller is compared with itself. */
const WARM_WINDOWS = 20;
/** Windows of all callers before anybody is compared with them. */
const WARM_PEERS = 200;
/** Logarithm by which everybody may be above their usual before it counts as everybody's. */
const MAX_TIDE = Math.log(4);
const CHECK_FACTOR = 1.7;
/** Active hours before a caller can be said to keep hours. */
const LEAST_HOURS = 40;
/** Old and new context within this time are interleaved, ms. */
const INTERLEAVED_MS = 1_800_000;
/** Chance that an honest change of device or network goes back and forth, and that a journey only looks impossible. */
const INTERLEAVED_SHARE = 0.05;
const JOURNEY_SHARE = 0.02;

const noveltyKinds = [
  'context',
  'moving-context',
  'country',
  'moving-country',
  'hours',
  'privilege',
  'return',
] as const;
type NoveltyKind = (typeof noveltyKinds)[number];

export class CallerDetectors {
  readonly #callers: BoundedMap<CallerProfile>;
  readonly #settings: DetectSettings;
  readonly #reporter: Reporter;
  readonly #hash: DistinctHash;
  readonly #peers = { requests: new LogStat(), bytes: new LogStat(), objects: new LogStat() };
  readonly #novelty = new Map<NoveltyKind, NoveltyRate>(
    noveltyKinds.map((kind) => [kind, new NoveltyRate()]),
  );
  /** How far everybody is above usual now, as a logarithm. */
  #tide = 0;
  #deniedHits = 0;
  #deniedTrials = 0;
  #sequentialHits = 0;
  #sequentialTrials = 0;
  /** Callers of the day before, and of this one so far. */
  #activeCallers = 20;
  #activeToday = 0;
  #today = -1;
  #startedMs = 0;
  /** Callers by operation that is privileged, for how usual its use is. */
  readonly #privileged = new Map<string, number>();

  constructor(settings: DetectSettings, reporter: Reporter, hash: DistinctHash) {
    this.#settings = settings;
    this.#reporter = reporter;
    this.#hash = hash;
    this.#callers = new BoundedMap(settings.maxEntities);
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
    if (profile.total > 0) this.#judgeReturn(profile, seen);
    this.#noteTime(profile, seen);
    this.#noteContext(profile, seen);
    this.#noteOperation(profile, seen);
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
        : combineIndependent([
            poissonUpper(refused, 0.15 + window.requests / 250),
            poissonUpper(window.fresh, 0.4),
          ]);
    if (this.#reporter.test('function-probing', pRefused, atMs))
      this.#reporter.tell('function-probing', {
        ...common,
        p: pRefused,
        reason: `${consumer} was refused on ${refused} different operations within ten minutes, ${window.fresh} of which it had never called before.`,
        evidence: { refused: [...window.forbidden!].slice(0, 12), fresh: window.fresh },
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

  // Things that are new for a caller: rates a caller-day.

  /** Judges something new of a kind; answers whether it is an alarm. `share` is the chance of the circumstances besides. */
  #isNew(kind: NoveltyKind, detector: DetectorId, share: number): number | null {
    const p = Math.min(1, this.#novelty.get(kind)!.rate * share);
    return p <= this.#reporter.daily(detector, this.#activeCallers) ? p : null;
  }

  #judgeReturn(profile: CallerProfile, seen: Observation): void {
    const silentMs = seen.atMs - profile.lastMs;
    if (silentMs < this.#settings.dormantMs || profile.total < 20) return;
    const p = this.#isNew('return', 'dead-key', 1);
    this.#novelty.get('return')!.addEvent();
    if (p === null) return;
    const days = Math.floor(silentMs / DAY_MS);
    this.#reporter.tell('dead-key', {
      atMs: seen.atMs,
      entity: { kind: 'consumer', id: seen.consumer },
      p,
      reason: `${seen.consumer} is back after ${days} days of silence, from ${seen.network}${profile.networks.includes(seen.network) ? '' : ', where it never was before'}.`,
      evidence: {
        silentDays: days,
        network: seen.network,
        country: seen.country,
        agent: programOf(seen.record.user_agent),
      },
      addresses: [seen.address],
      consumers: [seen.consumer],
      operations: this.#operationsOf(seen),
    });
  }

  #noteTime(profile: CallerProfile, seen: Observation): void {
    const { atMs } = seen;
    const day = Math.floor(atMs / DAY_MS);
    // 1 January 1970 was a Thursday.
    const isWeekend = (day + 4) % 7 === 0 || (day + 4) % 7 === 6;
    if (day !== this.#today) {
      if (this.#today !== -1) this.#activeCallers = Math.max(20, this.#activeToday);
      [this.#today, this.#activeToday] = [day, 0];
    }
    if (day !== profile.lastDay) {
      profile.lastDay = day;
      const kind = isWeekend ? 1 : 0;
      profile.days[kind]++;
      this.#activeToday++;
      const moves = isMoving(profile);
      for (const [name, rate] of this.#novelty)
        if (name.startsWith('moving-') ? moves : !(moves && (name === 'context' || name === 'country')))
          rate.addDay();
    }
    const hourIndex = Math.floor(atMs / HOUR_MS);
    if (hourIndex === profile.lastHour) return;
    profile.lastHour = hourIndex;
    const slot = (isWeekend ? 24 : 0) + (hourIndex % 24);
    this.#judgeHour(profile, seen, slot, day);
    if (profile.hours[slot]! < 255) profile.hours[slot] = profile.hours[slot]! + 1;
  }

  /** A caller at an hour that is far from all hours at which it ever was active, several hours long. */
  #judgeHour(profile: CallerProfile, seen: Observation, slot: number, day: number): void {
    const { atMs, consumer } = seen;
    if (atMs - profile.firstMs < 2 * this.#settings.learnMs || profile.days[0] < 4) return;
    let active = 0;
    for (const count of profile.hours) active += count;
    if (active < LEAST_HOURS) return;
    let gap = 12;
    for (let hour = 0; hour < 24; hour++) {
      const isUsual = profile.hours[hour]! > 0 || profile.hours[24 + hour]! > 0;
      const apart = Math.abs(hour - (slot % 24));
      if (isUsual) gap = Math.min(gap, apart, 24 - apart);
    }
    // People sleep badly now and then; programs do not.
    if (gap < (isMoving(profile) ? 5 : 3)) return;
    profile.strangeHours = profile.strangeDay === day ? profile.strangeHours + 1 : 1;
    profile.strangeDay = day;
    const p = this.#isNew('hours', 'unusual-schedule', 1);
    this.#novelty.get('hours')!.addEvent();
    if (p === null) return;
    const usual = [...new Set([...profile.hours].flatMap((count, at) => (count > 0 ? [at % 24] : [])))].sort(
      (a, b) => a - b,
    );
    this.#reporter.tell('unusual-schedule', {
      atMs,
      entity: { kind: 'consumer', id: consumer },
      p,
      reason: `${consumer} is active at ${slot % 24}:00 UTC, ${gap} hours from any hour at which it was active in ${profile.days[0] + profile.days[1]} days.`,
      evidence: { hour: slot % 24, gap, usualHours: usual.map(String) },
      addresses: [seen.address],
      consumers: [consumer],
      operations: this.#operationsOf(seen),
    });
  }

  #noteContext(profile: CallerProfile, seen: Observation): void {
    const { atMs, network, country, record } = seen;
    const agent = programOf(record.user_agent);
    const isRipe = profile.total >= 30 && atMs - profile.firstMs >= this.#settings.learnMs;
    const isNewNetwork = !profile.knows(profile.networks, network);
    const isNewAgent = !profile.knows(profile.agents, agent);
    const isNewCountry = !profile.knows(profile.countries, country);
    const known = !isNewNetwork && !isNewAgent && !isNewCountry;
    const { stranger } = profile;
    if (known) {
      profile.learn(profile.networks, network);
      profile.learn(profile.agents, agent);
      if (stranger !== null && atMs - stranger.sinceMs < INTERLEAVED_MS) {
        stranger.returns++;
        if (stranger.returns >= 2) this.#judgeStranger(profile, seen, stranger);
      } else if (stranger !== null) this.#accept(profile);
      return;
    }
    if (!isRipe || !(isNewCountry || (isNewNetwork && isNewAgent))) {
      profile.learn(profile.networks, network);
      profile.learn(profile.agents, agent);
      profile.learn(profile.countries, country);
      return;
    }
    if (stranger === null || stranger.network !== network || stranger.agent !== agent) {
      profile.stranger = { network, agent, country, sinceMs: atMs, requests: 1, returns: 0, isTold: false };
      this.#judgeStranger(profile, seen, profile.stranger);
      return;
    }
    stranger.requests++;
    this.#judgeStranger(profile, seen, stranger);
    if (atMs - stranger.sinceMs >= INTERLEAVED_MS) this.#accept(profile);
  }

  /** What was strange for half an hour belongs to the caller from now on: an alarm is not raised twice. */
  #accept(profile: CallerProfile): void {
    const { stranger } = profile;
    if (stranger === null) return;
    const moves = isMoving(profile);
    if (!profile.knows(profile.countries, stranger.country))
      this.#novelty.get(moves ? 'moving-country' : 'country')!.addEvent();
    if (!profile.knows(profile.agents, stranger.agent))
      this.#novelty.get(moves ? 'moving-context' : 'context')!.addEvent();
    profile.learn(profile.networks, stranger.network);
    profile.learn(profile.agents, stranger.agent);
    profile.learn(profile.countries, stranger.country);
    profile.stranger = null;
  }

  #judgeStranger(
    profile: CallerProfile,
    seen: Observation,
    stranger: NonNullable<CallerProfile['stranger']>,
  ): void {
    if (stranger.isTold || stranger.requests < 3) return;
    const { consumer, atMs, record } = seen;
    const moves = isMoving(profile);
    const isNewAgent = !profile.knows(profile.agents, stranger.agent);
    const isNewCountry = !profile.knows(profile.countries, stranger.country);
    const share =
      (stranger.returns >= 2 ? INTERLEAVED_SHARE : 1) * (record.journey === undefined ? 1 : JOURNEY_SHARE);
    const detector = isNewAgent ? 'token-theft' : 'unusual-region';
    const kind = isNewAgent ? (moves ? 'moving-context' : 'context') : moves ? 'moving-country' : 'country';
    const p = this.#isNew(kind, detector, share);
    if (p === null) return;
    stranger.isTold = true;
    const usual = profile.countries.at(-1) ?? profile.networks.at(-1) ?? 'elsewhere';
    const where = stranger.country === '' ? stranger.network : `${stranger.country} (${stranger.network})`;
    const parts = [
      `${consumer} is used from ${where}${isNewAgent ? ` with ${stranger.agent}` : ''}, which it never was before`,
    ];
    if (stranger.returns >= 2) parts.push(`while it goes on from ${usual}`);
    if (record.journey !== undefined)
      parts.push(`${record.journey.km} km from ${record.journey.from} in ${record.journey.seconds} s`);
    this.#reporter.tell(detector, {
      atMs,
      entity: { kind: 'consumer', id: consumer },
      p,
      reason: `${parts.join(', ')}.`,
      evidence: {
        network: stranger.network,
        country: stranger.country,
        agent: stranger.agent,
        knownNetworks: profile.networks.slice(-6),
        knownCountries: profile.countries.slice(-6),
        knownAgents: profile.agents.slice(-6),
        credential: record.credential ?? '',
        isNewCountry: isNewCountry ? 'yes' : 'no',
      },
      addresses: [seen.address],
      consumers: [consumer],
      operations: this.#operationsOf(seen),
    });
  }

  #noteOperation(profile: CallerProfile, seen: Observation): void {
    const { operation, atMs, consumer } = seen;
    if (operation === null) return;
    const isFresh = profile.learnOperation(operation.key);
    if (!isFresh) return;
    profile.window.fresh++;
    if (!operation.facts.isPrivileged || seen.record.status >= 400) return;
    const users = (this.#privileged.get(operation.key) ?? 0) + 1;
    this.#privileged.set(operation.key, users);
    const isRipe = profile.total >= 50 && atMs - profile.firstMs >= this.#settings.learnMs;
    // What one in twenty may use is no privilege.
    if (!isRipe || users > Math.max(3, this.#callers.size / 20)) return;
    const p = this.#isNew('privilege', 'new-privilege', 1);
    this.#novelty.get('privilege')!.addEvent();
    if (p === null) return;
    this.#reporter.tell('new-privilege', {
      atMs,
      entity: { kind: 'consumer', id: consumer },
      p,
      reason: `${consumer} used ${operation.facts.method} ${operation.facts.template} for the first time in ${profile.total} requests; ${users - 1} others ever did.`,
      evidence: { operation: operation.key, requestsBefore: profile.total, otherUsers: users - 1 },
      addresses: [seen.address],
      consumers: [consumer],
      operations: [operation.key],
    });
  }

  toJSON(): CallersState {
    return {
      callers: [...this.#callers.entries()].map(([consumer, profile]) => [consumer, profile.toJSON()]),
      peers: [this.#peers.requests.toJSON(), this.#peers.bytes.toJSON(), this.#peers.objects.toJSON()],
      novelty: [...this.#novelty].map(([kind, rate]) => [kind, rate.toJSON()]),
      ratios: [
        this.#deniedHits,
        this.#deniedTrials,
        this.#sequentialHits,
        this.#sequentialTrials,
        this.#tide,
        this.#activeCallers,
        this.#startedMs,
      ],
      privileged: [...this.#privileged],
    };
  }

  restore(state: CallersState): void {
    for (const [consumer, profile] of state.callers) this.#callers.set(consumer, CallerProfile.from(profile));
    const [requests = [], bytes = [], objects = []] = state.peers;
    this.#peers.requests = LogStat.from(requests);
    this.#peers.bytes = LogStat.from(bytes);
    this.#peers.objects = LogStat.from(objects);
    for (const [kind, value] of state.novelty)
      this.#novelty.set(kind as NoveltyKind, NoveltyRate.from(value));
    [
      this.#deniedHits = 0,
      this.#deniedTrials = 0,
      this.#sequentialHits = 0,
      this.#sequentialTrials = 0,
      this.#tide = 0,
      this.#activeCallers = 20,
      this.#startedMs = 0,
    ] = state.ratios;
    for (const [operation, users] of state.privileged) this.#privileged.set(operation, users);
  }
}

export interface CallersState {
  readonly callers: readonly (readonly [string, CallerState])[];
  readonly peers: readonly (readonly number[])[];
  readonly novelty: readonly (readonly [string, readonly number[]])[];
  readonly ratios: readonly number[];
  readonly privileged: readonly (readonly [string, number])[];
}

const fade = (value: number): number => value * 0.9995;

/** Callers that come from many networks or with many programs, as people do; the others are machines. */
const isMoving = (profile: CallerProfile): boolean =>
  profile.networks.length > 2 || profile.agents.length > 1;

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
