// The adaptive limit against a simulated service that serves so many at once and lets the rest wait.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AdaptiveLimit } from './adaptive-limit.ts';

const settings = { min: 2, initial: 20, max: 500 };

/** Runs `seconds` of a service with `slots` and `serviceMs`, offered as much as the limit lets through, at most `offered`. */
function simulate(
  limit: AdaptiveLimit,
  {
    slots,
    serviceMs,
    seconds,
    offered,
    fromMs = 0,
  }: { slots: number; serviceMs: number; seconds: number; offered: number; fromMs?: number },
): void {
  for (let nowMs = fromMs; nowMs < fromMs + seconds * 1000; nowMs += serviceMs) {
    const inFlight = Math.min(offered, Math.floor(limit.limit));
    // What does not find a slot waits for as many turns as there are before it.
    const served = Math.min(inFlight, slots);
    for (let i = 0; i < served; i++)
      limit.answered(serviceMs * Math.max(1, inFlight / slots), inFlight, nowMs);
  }
}

test('property: it finds room for what a service serves at once, and does not let a queue grow far beyond', () => {
  fc.assert(
    fc.property(fc.integer({ min: 8, max: 60 }), fc.integer({ min: 5, max: 50 }), (slots, serviceMs) => {
      const limit = new AdaptiveLimit(settings);
      simulate(limit, { slots, serviceMs, seconds: 10, offered: slots / 2 });
      simulate(limit, { slots, serviceMs, seconds: 60, offered: 10_000, fromMs: 10_000 });
      assert.ok(limit.limit >= slots, `${limit.limit} for ${slots}`);
      assert.ok(limit.limit <= 4 * slots + 10, `${limit.limit} for ${slots}`);
    }),
    { numRuns: 50 },
  );
});

test('a service that becomes slow is given less, one that fails too, and never nothing', () => {
  const limit = new AdaptiveLimit(settings);
  simulate(limit, { slots: 100, serviceMs: 10, seconds: 20, offered: 60 });
  const before = limit.limit;
  simulate(limit, { slots: 100, serviceMs: 100, seconds: 5, offered: 10_000, fromMs: 20_000 });
  assert.ok(limit.limit < before / 2, `${before} → ${limit.limit}`);
  for (let nowMs = 30_000; nowMs < 60_000; nowMs += 300) limit.failed(10, nowMs);
  assert.equal(limit.limit, settings.min);
});

test('a limit that is not used is left alone', () => {
  const limit = new AdaptiveLimit(settings);
  for (let nowMs = 0; nowMs < 60_000; nowMs += 10) limit.answered(1000 * Math.random(), 3, nowMs);
  assert.equal(limit.limit, settings.initial);
});
