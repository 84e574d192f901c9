// Periods of the calendar in time zones, against what clocks there show.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Calendar, type PeriodKind } from './index.ts';

const shown = (zone: string, epochMs: number): string =>
  new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'medium',
  }).format(epochMs);

const zones = [
  'UTC',
  'Europe/Zurich',
  'America/New_York',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
];

test('property: periods follow each other without gaps and begin where clocks say', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<PeriodKind>('hour', 'day', 'week', 'month'),
      fc.constantFrom(...zones),
      fc.integer({ min: Date.UTC(2015, 0), max: Date.UTC(2035, 0) }),
      (kind, zone, epochMs) => {
        const calendar = new Calendar(kind, zone);
        const period = calendar.at(epochMs);
        assert.ok(period.startMs <= epochMs && epochMs < period.endMs);
        assert.equal(calendar.at(epochMs), period);
        const next = new Calendar(kind, zone).at(period.endMs);
        if (next.name !== period.name) assert.equal(next.previous, period.name);
        if (kind === 'day' || kind === 'month')
          assert.ok(shown(zone, epochMs).startsWith(period.name), `${period.name} ${shown(zone, epochMs)}`);
      },
    ),
    { numRuns: 500 },
  );
});

test('days of 23 and 25 hours, months of their own lengths, weeks from Monday', () => {
  const zurich = (kind: PeriodKind, text: string) => new Calendar(kind, 'Europe/Zurich').at(Date.parse(text));
  const hours = ({ startMs, endMs }: { startMs: number; endMs: number }): number =>
    (endMs - startMs) / 3_600_000;
  assert.equal(hours(zurich('day', '2026-03-29T12:00:00Z')), 23);
  assert.equal(hours(zurich('day', '2026-10-25T12:00:00Z')), 25);
  assert.equal(hours(zurich('day', '2026-11-25T12:00:00Z')), 24);
  const february = zurich('month', '2028-02-29T12:00:00Z');
  assert.deepEqual([february.name, february.previous, hours(february)], ['2028-02', '2028-01', 29 * 24]);
  assert.equal(zurich('month', '2026-12-31T23:30:00Z').name, '2027-01');
  assert.equal(zurich('week', '2026-11-29T12:00:00Z').name, 'W2026-11-23');
  assert.equal(zurich('week', '2026-11-30T00:00:00Z').name, 'W2026-11-30');
  assert.throws(() => new Calendar('day', 'Europe/Atlantis'), RangeError);
});
