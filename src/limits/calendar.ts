// Periods of quotas: hours, days, weeks (from Monday) and months as a calendar in a time zone has them, days of 23 and 25 hours among
// them.

export type PeriodKind = 'hour' | 'day' | 'week' | 'month';

export interface Period {
  /** For instance `2026-11`, `2026-11-25`, `2026-11-25T09`, `W2026-11-23`. In a time zone that is set back, an hour may come twice. */
  readonly name: string;
  readonly previous: string;
  readonly startMs: number;
  /** First moment that is not in it, ms since the epoch. */
  readonly endMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export class Calendar {
  readonly #kind: PeriodKind;
  readonly #format: Intl.DateTimeFormat;
  #current: Period = { name: '', previous: '', startMs: 0, endMs: 0 };

  /** `zone`: IANA name; throws RangeError for one that is none. */
  constructor(kind: PeriodKind, zone: string) {
    this.#kind = kind;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
  }

  /** The period that `epochMs` is in; the same object as long as it lasts. */
  at(epochMs: number): Period {
    const { startMs, endMs } = this.#current;
    if (epochMs < startMs || epochMs >= endMs) this.#current = this.#find(epochMs);
    return this.#current;
  }

  #find(epochMs: number): Period {
    const local = this.#local(epochMs);
    const start = this.#floor(local);
    const startMs = this.#epoch(start);
    const endMs = this.#epoch(this.#step(start, 1));
    // Where clocks are set back, an hour of that name comes again right after.
    return {
      name: this.#name(start),
      previous: this.#name(this.#step(start, -1)),
      startMs: Math.min(startMs, epochMs),
      endMs: endMs > epochMs ? endMs : epochMs - (epochMs % HOUR_MS) + HOUR_MS,
    };
  }

  // Local times are ms as if the zone were UTC.

  #local(epochMs: number): number {
    const parts = Object.fromEntries(
      this.#format.formatToParts(epochMs).map(({ type, value }) => [type, Number(value)]),
    );
    return Date.UTC(
      parts['year']!,
      parts['month']! - 1,
      parts['day']!,
      parts['hour']!,
      parts['minute']!,
      parts['second']!,
    );
  }

  /** The moment at which clocks show `local`; the first after it where they never do. */
  #epoch(local: number): number {
    const offset = this.#local(local) - local;
    const first = local - offset;
    const second = local - (this.#local(first) - first);
    if (this.#local(second) === local) return second;
    return Math.max(first, second);
  }

  #floor(local: number): number {
    const date = new Date(local);
    if (this.#kind === 'hour') return local - (local % HOUR_MS);
    if (this.#kind === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
    const day = local - (local % DAY_MS);
    return this.#kind === 'day' ? day : day - ((date.getUTCDay() + 6) % 7) * DAY_MS;
  }

  #step(start: number, by: number): number {
    const date = new Date(start);
    if (this.#kind === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + by);
    return start + by * (this.#kind === 'hour' ? HOUR_MS : this.#kind === 'day' ? DAY_MS : 7 * DAY_MS);
  }

  #name(start: number): string {
    const text = new Date(start).toISOString();
    if (this.#kind === 'month') return text.slice(0, 7);
    if (this.#kind === 'hour') return text.slice(0, 13);
    return this.#kind === 'day' ? text.slice(0, 10) : `W${text.slice(0, 10)}`;
  }
}
