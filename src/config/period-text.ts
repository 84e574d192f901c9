// Spans of time as people write them.

const units: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** `1 min`, `500 ms`. */
export function spanText(spanMs: number): string {
  const [ms, unit] = units.find(([size]) => spanMs % size === 0) ?? [1, 'ms'];
  return `${spanMs / ms} ${unit}`;
}

/** Behind "per": `min`, `2 min`. */
export const periodText = (periodMs: number): string => spanText(periodMs).replace(/^1 /, '');
