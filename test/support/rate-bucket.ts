// The shared bucket of a rate as plain arithmetic, to hold the scripts of stores to, and to simulate them.
import type { BucketAsk, BucketReply } from '../../src/limits/index.ts';

/** The theoretical arrival time after an exchange, and the answer. Times in ms on the store's clock. */
export function runRateBucket(
  tatMs: number,
  nowMs: number,
  ask: Pick<BucketAsk, 'intervalMs' | 'burst' | 'wanted' | 'debt' | 'unused'>,
): { readonly tatMs: number; readonly reply: BucketReply } {
  const { intervalMs, burst, wanted, debt, unused } = ask;
  let tat = Math.max(tatMs - unused * intervalMs, nowMs) + debt * intervalMs;
  const room = Math.floor(burst - (tat - nowMs) / intervalMs + 1e-6);
  const granted = Math.max(0, Math.min(wanted, room, Math.max(1, Math.floor(room / 2))));
  tat += granted * intervalMs;
  const early = tat - nowMs - (burst - 1) * intervalMs;
  return { tatMs: tat, reply: { granted, level: tat - nowMs, dryMs: early > 1e-3 ? early : 0 } };
}
