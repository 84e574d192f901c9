// Numbers with units, times in the reader's own zone, and text of strangers made visible.

const thousands = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});
const dayAndTime = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  hour12: false,
});

export const number = (value: number): string =>
  value < 100_000 ? thousands.format(value) : short.format(value);
export const perSecond = (value: number): string => (value < 10 ? value.toFixed(1) : number(value));
export const percent = (part: number, all: number): string =>
  all === 0 ? '0 %' : `${((100 * part) / all).toFixed(part === all ? 0 : 1)} %`;
export const milliseconds = (value: number | null | undefined): string =>
  value === null || value === undefined
    ? '–'
    : value < 10
      ? `${value.toFixed(1)} ms`
      : value < 1000
        ? `${Math.round(value)} ms`
        : `${(value / 1000).toFixed(1)} s`;
export const timeOfDay = (ms: number): string => clock.format(ms);
export const moment = (ms: number): string => dayAndTime.format(ms);
export const utc = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', ' UTC');

export function ago(ms: number, nowMs = Date.now()): string {
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

export function duration(ms: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  for (const [size, unit] of units)
    if (ms % size === 0 && ms >= size) return ms === size ? unit : `${ms / size} ${unit}`;
  return `${ms} ms`;
}

/** Control characters, direction marks and invisible ones, as what they are: nobody is shown another text than is there. */
export const visible = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
