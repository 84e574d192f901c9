// What is known of one caller: what it does in ten minutes, when, from where, with what, and on which operations. About a kilobyte, so
// that a hundred thousand of them fit; lists are short and forget what was seen least.
import type { DistinctCounter } from '../anomaly/index.ts';
import { LogStat } from './log-stat.ts';

export const WINDOW_MS = 600_000;
const MAX_OPERATIONS = 96;
const MAX_PLACES = 12;

/** What happened in the current ten minutes. */
export interface CallerWindow {
  index: number;
  requests: number;
  bytes: number;
  denied: number;
  reads: number;
  sequential: number;
  lastNumber: number;
  objects: DistinctCounter | null;
  forbidden: Set<string> | null;
  fresh: number;
  /** Steps that hardly anybody takes. */
  odd: number;
  rules: Set<number> | null;
  suspicious: number;
  /** Next number of requests, or bytes, at which it is looked at. */
  checkRequests: number;
  checkBytes: number;
}

export const newWindow = (index: number): CallerWindow => ({
  index,
  requests: 0,
  bytes: 0,
  denied: 0,
  reads: 0,
  sequential: 0,
  lastNumber: Number.NaN,
  objects: null,
  forbidden: null,
  fresh: 0,
  odd: 0,
  rules: null,
  suspicious: 0,
  checkRequests: 8,
  checkBytes: 65_536,
});

export class CallerProfile {
  firstMs: number;
  lastMs: number;
  total = 0;
  windows = 0;
  /** Days since the epoch, of the last activity; and active days on weekdays and at weekends. */
  lastDay = -1;
  readonly days: [number, number] = [0, 0];
  /** Active days by hour, weekdays then weekends. */
  readonly hours = new Uint8Array(48);
  lastHour = -1;
  requests = new LogStat();
  bytes = new LogStat();
  objects = new LogStat();
  readonly operations: string[] = [];
  readonly countries: string[] = [];
  readonly networks: string[] = [];
  readonly agents: string[] = [];
  window: CallerWindow;
  /** Context that is not known yet: since when, how often, and whether the known one was there meanwhile. */
  stranger: {
    network: string;
    agent: string;
    country: string;
    sinceMs: number;
    requests: number;
    returns: number;
    isTold: boolean;
  } | null = null;
  lastOperation = '';
  strangeHours = 0;
  strangeDay = -1;

  constructor(atMs: number) {
    this.firstMs = atMs;
    this.lastMs = atMs;
    this.window = newWindow(Math.floor(atMs / WINDOW_MS));
  }

  knows(list: readonly string[], value: string): boolean {
    return value === '' || list.includes(value);
  }

  learnOperation(key: string): boolean {
    if (this.operations.includes(key)) return false;
    this.operations.push(key);
    if (this.operations.length > MAX_OPERATIONS) this.operations.shift();
    return true;
  }

  /** The latest places and programs stay. */
  learn(list: string[], value: string): void {
    if (value === '') return;
    const at = list.indexOf(value);
    if (at === list.length - 1 && at !== -1) return;
    if (at !== -1) list.splice(at, 1);
    list.push(value);
    if (list.length > MAX_PLACES) list.shift();
  }

  toJSON(): CallerState {
    const { firstMs, lastMs, total, windows, lastDay, lastHour } = this;
    return {
      t: [firstMs, lastMs, total, windows, lastDay, lastHour, ...this.days],
      h: Buffer.from(this.hours).toString('base64'),
      s: [this.requests.toJSON(), this.bytes.toJSON(), this.objects.toJSON()],
      o: this.operations,
      p: [this.countries, this.networks, this.agents],
    };
  }

  static from(state: CallerState): CallerProfile {
    const [firstMs = 0, lastMs = 0, total = 0, windows = 0, lastDay = -1, lastHour = -1, week = 0, end = 0] =
      state.t;
    const profile = new CallerProfile(lastMs);
    Object.assign(profile, { firstMs, lastMs, total, windows, lastDay, lastHour });
    profile.days[0] = week;
    profile.days[1] = end;
    profile.hours.set(Buffer.from(state.h, 'base64').subarray(0, 48));
    const [requests = [], bytes = [], objects = []] = state.s;
    profile.requests = LogStat.from(requests);
    profile.bytes = LogStat.from(bytes);
    profile.objects = LogStat.from(objects);
    profile.operations.push(...state.o);
    const [countries = [], networks = [], agents = []] = state.p;
    profile.countries.push(...countries);
    profile.networks.push(...networks);
    profile.agents.push(...agents);
    return profile;
  }
}

export interface CallerState {
  readonly t: readonly number[];
  readonly h: string;
  readonly s: readonly (readonly number[])[];
  readonly o: readonly string[];
  readonly p: readonly (readonly string[])[];
}

/** The program without its version: an update is no other program. */
export function programOf(agent: string | undefined): string {
  if (agent === undefined) return '-';
  const cut = agent.search(/[/\s(]/);
  const name = cut === -1 ? agent : agent.slice(0, cut);
  if (name !== 'Mozilla') return name.slice(0, 40);
  const system = /\(([^;)]{1,24})/.exec(agent)?.[1] ?? '';
  const browser = /(Firefox|Edg|Chrome|Safari)\//.exec(agent)?.[1] ?? '';
  return `${browser || 'browser'} ${system}`;
}
