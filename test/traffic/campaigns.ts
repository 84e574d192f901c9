// One attack, or failure, of each kind that a detector is for, at three strengths: 1 is what gets lost in the crowd, 2 what an
// attacker in no great hurry does, 3 what does not care to be seen.
import type { DetectorId } from '../../src/detect/index.ts';
import type { ExchangeRecord } from '../../src/telemetry/index.ts';
import { LEGACY, LOGIN, type Shot, type Simulator } from './simulator.ts';

export type Strength = 1 | 2 | 3;

export interface Campaign {
  readonly kind: string;
  /** Detectors that name it rightly. */
  readonly expected: readonly DetectorId[];
  /** Hour of the day at which it begins. */
  readonly hour: number;
  readonly minutes: number;
  /** Shots of a minute of the attack, from 0. */
  shots(simulator: Simulator, strength: Strength, minute: number): readonly Shot[];
  /** What it does to others' records. */
  change?(record: ExchangeRecord, strength: Strength): ExchangeRecord;
}

const by = (strength: Strength, weak: number, medium: number, strong: number): number =>
  strength === 1 ? weak : strength === 2 ? medium : strong;

/** About `rate` shots a minute. */
function times(simulator: Simulator, rate: number, make: (index: number) => Shot): Shot[] {
  return Array.from({ length: simulator.random.poisson(rate) }, (_, index) => make(index));
}

const attacker = {
  address: '198.51.100.23',
  asn: 64_500,
  country: 'RU',
  agent: 'python-requests/2.31.0',
} as const;
const pick = (simulator: Simulator, kind: string, index = 3) =>
  simulator.consumers.filter((consumer) => consumer.kind === kind)[index]!;
const at = (simulator: Simulator, kind: string, index = 3) => {
  const consumer = pick(simulator, kind, index);
  return {
    consumer: consumer.id,
    address: consumer.addresses[0]!,
    asn: consumer.networks[0]!,
    country: consumer.country,
    agent: consumer.agent,
  };
};

export const campaigns: readonly Campaign[] = [
  {
    kind: 'surge of one caller',
    expected: ['traffic-surge', 'scraping'],
    hour: 10,
    minutes: 60,
    shots: (simulator, strength) => {
      const consumer = pick(simulator, 'server', 5);
      return times(simulator, by(strength, 4, 25, 150) * Math.max(consumer.rate, 1), () =>
        simulator.use(consumer),
      );
    },
  },
  {
    kind: 'flood by many',
    expected: ['traffic-surge'],
    hour: 14,
    minutes: 45,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 15, 120, 600), () => ({
        address: simulator.address(3000 + simulator.random.below(200), simulator.random.below(4000)),
        asn: 3000,
        country: 'VN',
        agent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0',
        operation: 4,
      })),
  },
  {
    kind: 'brute force',
    expected: ['brute-force'],
    hour: 9,
    minutes: 60,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 0.3, 2, 20), () => ({ ...attacker, operation: LOGIN, status: 401 })),
  },
  {
    kind: 'stuffing',
    expected: ['credential-stuffing'],
    hour: 15,
    minutes: 60,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 1, 8, 60), () => ({
        address: simulator.address(4000 + simulator.random.below(60), simulator.random.below(40)),
        asn: 4000,
        country: 'BR',
        agent: 'okhttp/3.12.1',
        operation: LOGIN,
        status: simulator.random.next() < 0.01 ? 200 : 401,
      })),
  },
  {
    kind: 'stuffing, low and slow',
    expected: ['credential-stuffing'],
    hour: 8,
    minutes: 360,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 0.2, 1, 4), () => ({
        address: simulator.address(5000 + simulator.random.below(500), simulator.random.below(20_000)),
        asn: 5000 + simulator.random.below(100),
        country: 'US',
        agent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0',
        operation: LOGIN,
        status: simulator.random.next() < 0.01 ? 200 : 401,
      })),
  },
  {
    kind: 'token theft',
    expected: ['token-theft', 'unusual-region'],
    hour: 11,
    minutes: 60,
    shots: (simulator, strength) => {
      const victim = pick(simulator, strength === 1 ? 'person' : 'server', 7);
      return times(simulator, by(strength, 0.3, 1, 4), () => ({
        ...simulator.use(victim),
        ...attacker,
        ...(strength === 3 ? { journey: { from: victim.country, km: 4000, seconds: 60 } } : {}),
      }));
    },
  },
  {
    kind: 'objects enumerated',
    expected: ['object-enumeration'],
    hour: 13,
    minutes: 60,
    shots: (simulator, strength, minute) =>
      times(simulator, by(strength, 1, 8, 60), (index) => {
        const isOurs = simulator.random.next() < 0.4;
        return {
          ...at(simulator, 'person', 9),
          operation: 12,
          object: strength === 1 ? simulator.random.below(100_000) : 5000 + minute * 100 + index,
          status: isOurs ? 200 : 403,
          ...(isOurs ? {} : { code: 'object-denied', decision: 'refused' as const }),
        };
      }),
  },
  {
    kind: 'scraping',
    expected: ['scraping', 'object-enumeration', 'traffic-surge'],
    hour: 20,
    minutes: 60,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 2, 12, 80), () => ({
        ...at(simulator, 'partner', 4),
        operation: 3,
        bytes: by(strength, 20_000, 60_000, 200_000),
      })),
  },
  {
    kind: 'functions probed',
    expected: ['function-probing'],
    hour: 16,
    minutes: 40,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 0.15, 1.5, 10), () => ({
        ...at(simulator, 'partner', 2),
        operation: 34 + simulator.random.below(15),
        status: 403,
        code: 'scope-insufficient',
        decision: 'refused' as const,
      })),
  },
  {
    kind: 'scanner',
    expected: ['scanner'],
    hour: 3,
    minutes: 30,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 0.4, 4, 60), () => ({
        ...attacker,
        agent: strength === 3 ? 'Nuclei - Open-source project' : 'Mozilla/5.0 (X11) Firefox/128.0',
        path: `/.${simulator.random.below(100_000)}/config`,
        status: 404,
        code: 'operation-unknown',
        decision: 'refused' as const,
      })),
  },
  {
    kind: 'errors',
    expected: ['error-shift'],
    hour: 12,
    minutes: 60,
    shots: () => [],
    change: (record, strength) =>
      Number(record.operation?.slice(2)) % by(strength, 40, 7, 3) === 2 &&
      Number.parseInt(record.id.slice(-2), 16) < by(strength, 25, 110, 220)
        ? { ...record, status: 500 }
        : record,
  },
  {
    kind: 'slowness',
    expected: ['latency-shift'],
    hour: 12,
    minutes: 60,
    shots: () => [],
    change: (record, strength) =>
      record.operation !== undefined && Number(record.operation.slice(2)) < 10
        ? { ...record, duration_us: record.duration_us * by(strength, 1.5, 4, 20) }
        : record,
  },
  {
    kind: 'unusual region',
    expected: ['unusual-region', 'token-theft'],
    hour: 10,
    minutes: 60,
    shots: (simulator, strength) => {
      const victim = pick(simulator, strength === 1 ? 'person' : 'server', 11);
      return times(simulator, by(strength, 0.3, 1, 4), () => ({
        ...simulator.use(victim),
        address: '203.0.113.77',
        asn: 64_501,
        country: 'KP',
      }));
    },
  },
  {
    kind: 'unusual schedule',
    expected: ['unusual-schedule'],
    hour: 1,
    minutes: 120,
    shots: (simulator, strength) => {
      const consumer = pick(simulator, strength === 1 ? 'person' : 'partner', 8);
      return times(simulator, by(strength, 0.1, 0.5, 3), () => simulator.use(consumer));
    },
  },
  {
    kind: 'new privilege',
    expected: ['new-privilege'],
    hour: 14,
    minutes: 60,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 0.05, 0.3, 2), () => ({
        ...at(simulator, 'server', 9),
        operation: strength === 1 ? 40 : 46,
      })),
  },
  {
    kind: 'evasion of inspection',
    expected: ['waf-evasion'],
    hour: 17,
    minutes: 45,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 0.2, 2, 20), () => ({
        ...attacker,
        operation: 5,
        rules: [942_100 + simulator.random.below(by(strength, 2, 12, 40)) * 10],
        status: simulator.random.next() < 0.5 ? 403 : 200,
      })),
  },
  {
    kind: 'dead key',
    expected: ['dead-key'],
    hour: 4,
    minutes: 60,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 0.03, 0.6, 5), () => ({
        ...attacker,
        operation: 6,
        status: 401,
        code: 'credentials-invalid',
        reason: 'api-key-revoked',
        decision: 'refused' as const,
      })),
  },
  {
    kind: 'leak of the service',
    expected: ['upstream-leak'],
    hour: 11,
    minutes: 60,
    shots: () => [],
    change: (record, strength) =>
      record.operation !== undefined &&
      Number(record.operation.slice(2)) < by(strength, 2, 10, 34) &&
      Number(record.operation.slice(2)) > 0
        ? { ...record, response_bytes: record.response_bytes * by(strength, 2, 12, 60) }
        : record,
  },
  {
    kind: 'operation nobody used',
    expected: ['new-operation'],
    hour: 18,
    minutes: 30,
    shots: (simulator, strength) =>
      times(simulator, by(strength, 0.1, 1, 10), () => ({
        ...at(simulator, 'partner', 6),
        operation: LEGACY,
      })),
  },
];
