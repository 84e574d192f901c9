// Cedar's datetime and duration: milliseconds in 64 bits, since the epoch or as a length.
import { addLong, divideLong, type Long, longOf, moduloLong, subtractLong } from '../numbers.ts';

export const DAY_MS = 86_400_000;

const date =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?(Z|[+-][0-9]{4}))?$/;
const length = /^(-?)(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$/;

export class CedarTime {
  readonly kind: 'datetime' | 'duration';
  readonly ms: Long;

  constructor(kind: 'datetime' | 'duration', ms: Long) {
    this.kind = kind;
    this.ms = ms;
  }

  /** Null when the text is no date of the calendar. Leap seconds do not exist. */
  static parseDatetime(text: string): CedarTime | null {
    const match = date.exec(text);
    if (match === null) return null;
    const number = (index: number): number => Number(match[index] ?? 0);
    const [year, month, day] = [number(1), number(2), number(3)];
    const [hour, minute, second] = [number(4), number(5), number(6)];
    if (hour > 23 || minute > 59 || second > 59) return null;
    const instant = new Date(0);
    instant.setUTCFullYear(year, month - 1, day);
    if (instant.getUTCMonth() !== month - 1 || instant.getUTCDate() !== day) return null;
    const offsetMs = zoneMs(match[8] ?? 'Z');
    if (offsetMs === null) return null;
    const inDay = ((hour * 60 + minute) * 60 + second) * 1000 + number(7);
    return new CedarTime('datetime', instant.getTime() + inDay - offsetMs);
  }

  static parseDuration(text: string): CedarTime | null {
    const match = length.exec(text);
    if (match === null || text === '' || text === '-') return null;
    const factors = [86_400_000n, 3_600_000n, 60_000n, 1000n, 1n];
    let total = 0n;
    factors.forEach((factor, index) => {
      total += BigInt(match[index + 2] ?? 0) * factor;
    });
    const ms = longOf(match[1] === '-' ? -total : total);
    return ms === null ? null : new CedarTime('duration', ms);
  }

  /** The datetime moved by a duration; null beyond 64 bits. */
  offset(by: CedarTime): CedarTime | null {
    const ms = addLong(this.ms, by.ms);
    return ms === null ? null : new CedarTime('datetime', ms);
  }

  since(other: CedarTime): CedarTime | null {
    const ms = subtractLong(this.ms, other.ms);
    return ms === null ? null : new CedarTime('duration', ms);
  }

  /** Midnight (UTC) before or at the datetime. */
  date(): CedarTime | null {
    const ms = subtractLong(this.ms, moduloLong(this.ms, DAY_MS));
    return ms === null ? null : new CedarTime('datetime', ms);
  }

  /** Time since midnight (UTC). */
  time(): CedarTime {
    return new CedarTime('duration', moduloLong(this.ms, DAY_MS));
  }

  /** Whole units of a duration, towards zero. */
  in(unitMs: number): Long {
    return divideLong(this.ms, unitMs);
  }
}

function zoneMs(zone: string): number | null {
  if (zone === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3))];
  if (hours > 23 || minutes > 59) return null;
  return (zone[0] === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
