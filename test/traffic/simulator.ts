// Traffic of an ordinary business, from a seed: programs, people, partners, batch jobs and administrators over weeks, with nights and
// weekends, deploys that break a little, and marketing peaks that bring strangers. What comes out are records as the gate writes them.
import { Random } from '../../src/anomaly/index.ts';
import type { OperationFacts } from '../../src/detect/index.ts';
import type { ExchangeRecord } from '../../src/telemetry/index.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A Monday. */
export const START_MS = Date.UTC(2026, 0, 5);

export type Kind = 'server' | 'person' | 'partner' | 'batch' | 'admin';

export interface Consumer {
  readonly id: string;
  readonly kind: Kind;
  readonly country: string;
  /** Autonomous systems it comes from. */
  readonly networks: readonly number[];
  readonly addresses: readonly string[];
  readonly agent: string;
  readonly operations: readonly number[];
  readonly objects: readonly number[];
  /** Requests a minute when it is busiest. */
  readonly rate: number;
  /** Hours between which it is active, for who keeps hours. */
  readonly from: number;
  readonly to: number;
  session: { left: number; at: number } | null;
}

export interface Shot {
  readonly consumer?: string;
  readonly operation?: number;
  readonly address: string;
  readonly asn?: number;
  readonly country?: string;
  readonly agent?: string;
  readonly object?: number | string;
  readonly status?: number;
  readonly decision?: ExchangeRecord['decision'];
  readonly code?: string;
  readonly reason?: string;
  readonly bytes?: number;
  readonly durationUs?: number;
  readonly path?: string;
  readonly rules?: readonly number[];
  readonly journey?: ExchangeRecord['journey'];
}

export interface SimulatorOptions {
  readonly seed: number;
  readonly consumers: number;
  /** Multiplies all rates. */
  readonly volume?: number;
}

const COUNTRIES = ['DE', 'NO', 'FR', 'NL', 'SE', 'PL', 'ES', 'IT'] as const;
const PROGRAMS = [
  'okhttp/4.12.0',
  'python-requests/2.32.3',
  'axios/1.7.9',
  'Go-http-client/2.0',
  'Java/21.0.4',
  'curl/8.9.1',
] as const;
const BROWSERS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15',
  'ShopApp/7.2 (iPhone; iOS 18.1)',
  'ShopApp-Android/7.2 (Linux; Android 15)',
] as const;

export const LOGIN = 0;
export const LEGACY = 49;

/** Fifty operations: a login, lists, objects, changes, administration, and one that nobody has used for years. */
export const operations: readonly OperationFacts[] = Array.from(
  { length: 50 },
  (_, index): OperationFacts => {
    const base = { api: 'shop', operation: `op${index}`, isLogin: false, isPrivileged: false, asset: 2 };
    if (index === LOGIN) return { ...base, method: 'POST', template: '/login', isLogin: true, asset: 4 };
    if (index === LEGACY) return { ...base, method: 'GET', template: '/v0/export', asset: 4 };
    if (index >= 44)
      return { ...base, method: 'POST', template: `/admin/task${index}`, isPrivileged: true, asset: 5 };
    if (index >= 34) return { ...base, method: 'POST', template: `/changes${index}/{id}`, asset: 3 };
    if (index >= 10) return { ...base, method: 'GET', template: `/things${index}/{id}`, asset: 3 };
    return { ...base, method: 'GET', template: `/list${index}` };
  },
);

export class Simulator {
  readonly random: Random;
  readonly consumers: readonly Consumer[];
  readonly #volume: number;
  readonly #deploys = new Map<number, number>();
  readonly #peaks: { readonly from: number; readonly to: number; readonly factor: number }[] = [];
  #id = 0;

  constructor({ seed, consumers, volume = 1 }: SimulatorOptions) {
    this.random = new Random(seed);
    this.#volume = volume;
    this.consumers = Array.from({ length: consumers }, (_, index) => this.#consumer(index));
    for (let day = 0; day < 70; day++) {
      const noon = START_MS + day * DAY_MS + 12 * 3_600_000;
      // Three deploys a week, a marketing peak every eight days.
      if (day % 7 === 1 || day % 7 === 3 || day % 7 === 4)
        this.#deploys.set(
          Math.floor((noon + this.random.below(180) * MINUTE_MS) / MINUTE_MS),
          1 + this.random.below(43),
        );
      if (day % 8 === 5)
        this.#peaks.push({
          from: noon + 4 * 3_600_000,
          to: noon + (6 + this.random.below(2)) * 3_600_000,
          factor: 2 + this.random.next(),
        });
    }
  }

  address(asn: number, host: number): string {
    return `${20 + (asn % 180)}.${(asn >> 3) % 250}.${host % 250}.${1 + ((host * 7) % 250)}`;
  }

  #consumer(index: number): Consumer {
    const { random } = this;
    const share = index % 20;
    const kind: Kind =
      index < 4 ? 'admin' : share < 8 ? 'person' : share < 15 ? 'server' : share < 18 ? 'partner' : 'batch';
    const count = kind === 'person' ? 2 + random.below(3) : kind === 'server' ? 1 + random.below(2) : 1;
    const networks = Array.from({ length: count }, () => 1000 + random.below(kind === 'person' ? 30 : 400));
    const from = kind === 'batch' ? random.below(24) : 6 + random.below(3);
    const reads = Array.from({ length: 3 + random.below(6) }, () => 1 + random.below(33));
    return {
      id: `${kind}-${index}`,
      kind,
      country: COUNTRIES[random.below(COUNTRIES.length)]!,
      networks,
      addresses: networks.map((asn) => this.address(asn, 1 + random.below(5000))),
      agent: kind === 'person' || kind === 'admin' ? BROWSERS[random.below(4)]! : PROGRAMS[random.below(6)]!,
      operations: [...reads, 34 + random.below(10), ...(kind === 'admin' ? [44, 45, 46, 47, 48] : [])],
      objects: Array.from({ length: 2 + random.below(kind === 'person' ? 6 : 40) }, () =>
        random.below(100_000),
      ),
      rate: kind === 'batch' ? 6 + random.below(10) : kind === 'person' ? 2 : 0.1 + 1.5 * random.next() ** 3,
      from,
      to: kind === 'batch' ? from + 1 : 16 + random.below(4),
      session: null,
    };
  }

  /** Records of the minute that begins at `atMs`, in order of time. */
  minute(atMs: number): ExchangeRecord[] {
    const shots: [number, Shot][] = [];
    const date = new Date(atMs);
    const hour = date.getUTCHours() + date.getUTCMinutes() / 60;
    const isWeekend = date.getUTCDay() % 6 === 0;
    const peak = this.#peaks.find(({ from, to }) => atMs >= from && atMs < to);
    const factor = (peak?.factor ?? 1) * this.#volume;
    for (const consumer of this.consumers) this.#act(consumer, hour, isWeekend, factor, shots, atMs);
    const visitors = this.random.poisson(
      0.6 * dayCurve(hour, isWeekend) * factor * (peak === undefined ? 1 : 3),
    );
    for (let i = 0; i < visitors; i++) this.#visit(shots, atMs);
    const deployed = this.#deployAt(atMs);
    if (deployed !== null) this.#break(deployed, shots);
    return shots.sort(([a], [b]) => a - b).map(([at, shot]) => this.record(shot, at));
  }

  #deployAt(atMs: number): number | null {
    const minute = Math.floor(atMs / MINUTE_MS);
    return this.#deploys.get(minute) ?? this.#deploys.get(minute - 1) ?? null;
  }

  /** A deploy: for two minutes some answers of one operation fail, and some are slow. */
  #break(operation: number, shots: [number, Shot][]): void {
    for (let i = 0; i < shots.length; i++) {
      const [at, shot] = shots[i]!;
      if (shot.operation !== operation) continue;
      if (this.random.next() < 0.2)
        shots[i] = [at, { ...shot, status: 503, decision: 'failed', code: 'upstream-unavailable' }];
      else shots[i] = [at, { ...shot, durationUs: 60_000 }];
    }
  }

  #act(
    consumer: Consumer,
    hour: number,
    isWeekend: boolean,
    factor: number,
    shots: [number, Shot][],
    atMs: number,
  ): void {
    const { random } = this;
    let mean = consumer.rate;
    if (consumer.kind === 'person') {
      if (consumer.session === null) {
        if (random.next() > 0.0022 * dayCurve(hour, isWeekend) * factor) return;
        consumer.session = { left: 3 + random.below(20), at: random.below(consumer.addresses.length) };
        this.#logIn(consumer, shots, atMs);
      }
      const { session } = consumer;
      const count = Math.min(session.left, random.poisson(mean));
      for (let i = 0; i < count; i++)
        shots.push([atMs + random.below(MINUTE_MS), this.use(consumer, session.at)]);
      session.left -= count;
      if (session.left <= 0) consumer.session = null;
      return;
    }
    if (consumer.kind === 'server') mean *= (0.3 + dayCurve(hour, isWeekend)) * factor;
    else {
      const isOpen = hour >= consumer.from && hour < consumer.to && (!isWeekend || consumer.kind === 'batch');
      if (!isOpen) return;
      mean *= consumer.kind === 'admin' ? 0.15 : consumer.kind === 'partner' ? 0.8 : 1;
    }
    const count = random.poisson(mean * Math.exp(0.3 * random.normal()));
    for (let i = 0; i < count; i++)
      shots.push([
        atMs + random.below(MINUTE_MS),
        this.use(consumer, random.below(consumer.addresses.length)),
      ]);
  }

  #logIn(consumer: Consumer, shots: [number, Shot][], atMs: number): void {
    const { random } = this;
    const address = consumer.addresses[consumer.session!.at]!;
    const where = {
      address,
      asn: consumer.networks[consumer.session!.at]!,
      country: consumer.country,
      agent: consumer.agent,
    };
    const mistakes = random.next() < 0.12 ? 1 + random.below(3) : 0;
    for (let i = 0; i < mistakes; i++)
      shots.push([atMs + i * 5000, { ...where, operation: LOGIN, status: 401, bytes: 120 }]);
    shots.push([atMs + mistakes * 5000, { ...where, operation: LOGIN, status: 200, bytes: 900 }]);
  }

  /** Somebody without an account: looks at lists, and sometimes at what is no longer there. */
  #visit(shots: [number, Shot][], atMs: number): void {
    const { random } = this;
    const asn = 1000 + random.below(30);
    const where = {
      address: this.address(asn, random.below(60_000)),
      asn,
      country: COUNTRIES[random.below(8)]!,
      agent: BROWSERS[random.below(4)]!,
    };
    const pages = 1 + random.below(4);
    for (let i = 0; i < pages; i++)
      shots.push([
        atMs + random.below(MINUTE_MS),
        { ...where, operation: 1 + random.below(9), bytes: 3000 + random.below(3000) },
      ]);
    if (random.next() < 0.05)
      shots.push([
        atMs + random.below(MINUTE_MS),
        { ...where, status: 404, code: 'operation-unknown', decision: 'refused', path: '/favicon.ico' },
      ]);
    if (random.next() < 0.01)
      shots.push([
        atMs + random.below(MINUTE_MS),
        {
          ...where,
          operation: 2,
          rules: [942_100],
          status: 403,
          code: 'request-blocked',
          decision: 'refused',
        },
      ]);
  }

  /** One ordinary request of a consumer. */
  use(consumer: Consumer, place = 0): Shot {
    const { random } = this;
    const moves = consumer.kind === 'person';
    const operation = consumer.operations[Math.floor(random.next() ** 1.5 * consumer.operations.length)]!;
    const object = consumer.objects[random.below(consumer.objects.length)]!;
    const chance = random.next();
    const asn = consumer.networks[place]!;
    return {
      consumer: consumer.id,
      operation,
      // Telephones get another address now and then.
      address:
        moves && random.next() < 0.02 ? this.address(asn, random.below(5000)) : consumer.addresses[place]!,
      asn,
      country: moves && random.next() < 0.000_02 ? COUNTRIES[random.below(8)]! : consumer.country,
      agent: consumer.agent,
      object,
      bytes: operation < 10 ? 3000 + random.below(5000) : 400 + random.below(800),
      ...(chance < 0.004
        ? { status: 404 }
        : chance < 0.006
          ? { status: 403, code: 'scope-insufficient', decision: 'refused' as const }
          : chance < 0.008
            ? { status: 500 }
            : {}),
    };
  }

  record(shot: Shot, atMs: number): ExchangeRecord {
    const fact = shot.operation === undefined ? null : operations[shot.operation]!;
    const { random } = this;
    return {
      time: new Date(atMs).toISOString(),
      id: (++this.#id).toString(16).padStart(32, '0'),
      listener: 'public',
      client_address: shot.address,
      ...(shot.country === undefined ? {} : { country: shot.country }),
      ...(shot.asn === undefined ? {} : { asn: shot.asn }),
      method: fact?.method ?? 'GET',
      host: 'api.example.com',
      path: shot.path ?? (fact?.template ?? '/').replace('{id}', String(shot.object ?? 0)),
      ...(fact === null ? {} : { api: fact.api, operation: fact.operation }),
      ...(shot.consumer === undefined ? {} : { consumer: shot.consumer, method_of_authentication: 'jwt' }),
      decision: shot.decision ?? 'allowed',
      ...(shot.code === undefined ? {} : { code: shot.code }),
      ...(shot.reason === undefined ? {} : { reason: shot.reason }),
      ...(shot.journey === undefined ? {} : { journey: shot.journey }),
      status: shot.status ?? 200,
      request_bytes: 300,
      response_bytes: shot.bytes ?? 500,
      duration_us: shot.durationUs ?? Math.round(8000 * Math.exp(0.4 * random.normal())),
      ...(shot.agent === undefined ? {} : { user_agent: shot.agent }),
      ...(shot.rules === undefined ? {} : { rules: shot.rules, score: shot.rules.length * 5 }),
    };
  }
}

/** About 0.15 at night, 1 in the afternoon, less at weekends. */
function dayCurve(hour: number, isWeekend: boolean): number {
  const wave = 0.5 - 0.5 * Math.cos(((hour - 3) / 24) * 2 * Math.PI);
  return (0.15 + 0.85 * wave ** 1.3) * (isWeekend ? 0.55 : 1);
}
