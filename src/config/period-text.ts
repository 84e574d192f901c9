// Spans of time as people write them.

export function periodText(periodMs: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  for (const [ms, unit] of units) {
    if (periodMs % ms === 0) return periodMs === ms ? unit : `${periodMs / ms} ${unit}`;
  }
  return `${periodMs} ms`;
}
