// From a p-value to an alert: the budget decides, by the number of tests a day that its kind has, and an alert that was told is not
// told again for a while.
import { AlarmBudget } from '../anomaly/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { shareOf } from './catalogue.ts';
import { type Alert, type DetectorId, type DetectSettings, detectorIds } from './contract.ts';

/** The same is told again after so long, ms; the incident counts what comes meanwhile. */
const REPEAT_MS = 600_000;
/** Sooner where more take part than were named: they are to be contained, too. */
const GROWN_MS = 20_000;
const GROWN = 1.25;
const MAX_TOLD = 20_000;

export type Finding = Omit<Alert, 'detector' | 'addresses' | 'consumers' | 'operations'> &
  Partial<Pick<Alert, 'addresses' | 'consumers' | 'operations'>>;

export class Reporter {
  readonly #settings: DetectSettings;
  readonly #budgets = new Map<DetectorId, AlarmBudget>();
  readonly #told = new BoundedMap<{ readonly atMs: number; readonly addresses: number }>(MAX_TOLD);
  readonly #off: ReadonlySet<string>;
  readonly #emit: (alert: Alert) => void;
  /** False alarms that people have named, by `detector entity`: each makes the next ten times harder to raise. */
  readonly #forgiven = new BoundedMap<number>(MAX_TOLD);

  constructor(settings: DetectSettings, emit: (alert: Alert) => void) {
    this.#settings = settings;
    this.#off = new Set(settings.off);
    this.#emit = emit;
    for (const detector of detectorIds)
      this.#budgets.set(detector, new AlarmBudget(settings.falseAlarmsPerDay * shareOf(detector)));
  }

  isOn(detector: DetectorId): boolean {
    return !this.#off.has(detector);
  }

  /** Counts a test whose p-value is not small without building its finding. */
  test(detector: DetectorId, p: number, atMs: number): boolean {
    return this.#budgets.get(detector)!.test(p, atMs);
  }

  /** Threshold of a detector whose tests are one a caller-day. */
  daily(detector: DetectorId, callers: number): number {
    return (this.#settings.falseAlarmsPerDay * shareOf(detector)) / Math.max(callers, 20);
  }

  forgive(detector: string, entity: string): void {
    const key = `${detector} ${entity}`;
    this.#forgiven.set(key, (this.#forgiven.get(key) ?? 0) + 1);
  }

  tell(detector: DetectorId, finding: Finding): void {
    if (this.#off.has(detector)) return;
    const { kind, id } = finding.entity;
    const key = `${detector} ${kind}:${id}`;
    const forgiven = this.#forgiven.peek(key) ?? 0;
    if (forgiven > 0 && finding.p > 10 ** -(8 + 2 * forgiven)) return;
    const told = this.#told.get(key);
    const addresses = finding.addresses?.length ?? 0;
    if (told !== undefined) {
      const passedMs = finding.atMs - told.atMs;
      const hasGrown = passedMs >= GROWN_MS && addresses > told.addresses * GROWN;
      if (passedMs < REPEAT_MS && !hasGrown) return;
    }
    this.#told.set(key, { atMs: finding.atMs, addresses });
    this.#emit({ addresses: [], consumers: [], operations: [], ...finding, detector });
  }

  toJSON(): [string, number][] {
    return [...this.#budgets].map(([detector, budget]) => [detector, Math.round(budget.testsPerDay)]);
  }

  restore(tests: readonly (readonly [string, number])[]): void {
    for (const [detector, perDay] of tests) this.#budgets.get(detector as DetectorId)?.restore(perDay);
  }
}

/** A number for people. */
export function plain(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} GB`;
  return value >= 100 || Number.isInteger(value) ? Math.round(value).toString() : value.toPrecision(2);
}

export const bytesText = (value: number): string => {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} GB`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} MB`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)} kB` : `${Math.round(value)} bytes`;
};
