// What is new for a caller: a place, a program, an hour, a privilege, or being there at all. Each is judged by how often it happens to
// callers of its kind on a day when all is well.
import { type CallerProfile, programOf } from './caller-profile.ts';
import type { DetectorId, DetectSettings } from './contract.ts';
import { NoveltyRate } from './novelty.ts';
import type { Observation } from './observation.ts';
import type { Reporter } from './reporter.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
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

export class HabitDetectors {
  readonly #settings: DetectSettings;
  readonly #reporter: Reporter;
  /** How many callers are known. */
  readonly #population: () => number;
  readonly #novelty = new Map<NoveltyKind, NoveltyRate>(
    noveltyKinds.map((kind) => [kind, new NoveltyRate()]),
  );
  /** Callers of the day before, and of this one so far. */
  #activeCallers = 20;
  #activeToday = 0;
  #today = -1;
  /** Callers by operation that is privileged, for how usual its use is. */
  readonly #privileged = new Map<string, number>();

  constructor(settings: DetectSettings, reporter: Reporter, population: () => number) {
    this.#settings = settings;
    this.#reporter = reporter;
    this.#population = population;
  }

  /** Looks at a record before the profile has counted it. */
  take(profile: CallerProfile, seen: Observation): void {
    if (profile.total > 0) this.#judgeReturn(profile, seen);
    this.#noteTime(profile, seen);
    this.#noteContext(profile, seen);
    this.#noteOperation(profile, seen);
  }

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
      operations: operationsOf(seen),
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
      operations: operationsOf(seen),
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
      operations: operationsOf(seen),
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
    if (!isRipe || users > Math.max(3, this.#population() / 20)) return;
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

  toJSON(): HabitsState {
    return {
      novelty: [...this.#novelty].map(([kind, rate]) => [kind, rate.toJSON()]),
      privileged: [...this.#privileged],
      activeCallers: this.#activeCallers,
    };
  }

  restore({ novelty, privileged, activeCallers }: HabitsState): void {
    for (const [kind, value] of novelty) this.#novelty.set(kind as NoveltyKind, NoveltyRate.from(value));
    for (const [operation, users] of privileged) this.#privileged.set(operation, users);
    this.#activeCallers = activeCallers;
  }
}

export interface HabitsState {
  readonly novelty: readonly (readonly [string, readonly number[]])[];
  readonly privileged: readonly (readonly [string, number])[];
  readonly activeCallers: number;
}

const operationsOf = ({ operation }: Observation): readonly string[] =>
  operation === null ? [] : [operation.key];

/** Callers that come from many networks or with many programs, as people do; the others are machines. */
const isMoving = (profile: CallerProfile): boolean =>
  profile.networks.length > 2 || profile.agents.length > 1;
