// Durations in buckets that widen by a quarter each, from a tenth of a millisecond to some two minutes: percentiles of any
// window are sums of buckets, and off by a quarter at most.

const BUCKETS = 64;
const FIRST_US = 100;
const FACTOR = 1.25;
const LOG_FACTOR = Math.log(FACTOR);

export const HISTOGRAM_BUCKETS = BUCKETS;

export function bucketOf(us: number): number {
  if (!(us > FIRST_US)) return 0;
  return Math.min(BUCKETS - 1, Math.floor(Math.log(us / FIRST_US) / LOG_FACTOR) + 1);
}

/** The value below which the share `p` (0 to 1) of the counts lies, ms; null without counts. */
export function percentile(counts: ArrayLike<number>, offset: number, p: number): number | null {
  let sum = 0;
  for (let i = 0; i < BUCKETS; i++) sum += counts[offset + i]!;
  if (sum === 0) return null;
  let rest = p * sum;
  for (let i = 0; i < BUCKETS; i++) {
    const here = counts[offset + i]!;
    if (here > 0 && rest <= here) {
      const low = i === 0 ? 0 : FIRST_US * FACTOR ** (i - 1);
      const high = FIRST_US * FACTOR ** i;
      return Math.round(low + (high - low) * (rest / here)) / 1000;
    }
    rest -= here;
  }
  return Math.round(FIRST_US * FACTOR ** (BUCKETS - 1)) / 1000;
}
