// Quantities as people write them in configuration: `30s`, `16KiB`, `100/s`. Each parser returns null for
// what it does not know, so that the caller can say where it stood.

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const byteUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** `250ms`, `30s`, `5m`, `1.5h`, `7d` → milliseconds. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)\s?(ms|s|m|h|d)$/.exec(text);
  return match === null ? null : Number(match[1]) * durationUnits[match[2]!]!;
}

/** `512B`, `64KiB`, `10MB` → bytes. */
export function parseByteSize(text: string): number | null {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)\s?([KMG]iB|[kKMG]B|B)$/.exec(text);
  return match === null ? null : Math.floor(Number(match[1]) * byteUnits[match[2]!]!);
}

export interface Rate {
  /** Requests, or bytes, allowed per period; at least 1. */
  readonly count: number;
  readonly periodMs: number;
  readonly unit: 'requests' | 'bytes';
}

/** `100/s`, `20/m`, `1000/h`, `5/10s`, `1MiB/s` → count and period. */
export function parseRate(text: string): Rate | null {
  const match = /^([^/]{1,20}?)\s?\/\s?(\d{1,6})?(ms|s|m|h|d)$/.exec(text);
  const amount = match === null ? null : parseAmount(match[1]!);
  if (match === null || amount === null) return null;
  const periodMs = Number(match[2] ?? 1) * durationUnits[match[3]!]!;
  return periodMs === 0 ? null : { ...amount, periodMs };
}

export interface Quota {
  readonly count: number;
  readonly unit: 'requests' | 'bytes';
  readonly period: 'hour' | 'day' | 'week' | 'month';
}

/** `10000/day`, `1000000/month`, `50GB/month` → count and period of the calendar. */
export function parseQuota(text: string): Quota | null {
  const match = /^([^/]{1,20}?)\s?\/\s?(hour|day|week|month)$/.exec(text);
  const amount = match === null ? null : parseAmount(match[1]!);
  return match === null || amount === null ? null : { ...amount, period: match[2] as Quota['period'] };
}

function parseAmount(text: string): Pick<Rate, 'count' | 'unit'> | null {
  if (/^\d{1,12}$/.test(text)) {
    const count = Number(text);
    return count === 0 || count > 1e9 ? null : { count, unit: 'requests' };
  }
  const bytes = parseByteSize(text);
  return bytes === null || bytes === 0 ? null : { count: bytes, unit: 'bytes' };
}
