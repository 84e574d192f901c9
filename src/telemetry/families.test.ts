// Bounds of series, and the two texts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expose, wantsOpenMetrics } from './exposition.ts';
import { type MetricFamily, overflowLabels, SeriesBound } from './families.ts';

const counter = (values: readonly (readonly [string, number])[]): MetricFamily => ({
  name: 'x_total',
  help: 'x',
  type: 'counter',
  samples: values.map(([a, value]) => ({ labels: { a }, value })),
});
const shown = (family: MetricFamily): unknown =>
  family.type === 'histogram'
    ? family.samples
    : family.samples.map(({ labels, value }) => [labels['a'] ?? Object.keys(labels)[0], value]);

test('who came first is shown by itself, the rest together, and it stays so', () => {
  const bound = new SeriesBound(2);
  assert.deepEqual(shown(bound.apply(counter([['one', 1]]))), [['one', 1]]);
  const more = counter([
    ['three', 3],
    ['one', 1],
    ['two', 2],
    ['four', 4],
  ]);
  assert.deepEqual(shown(bound.apply(more)), [
    ['three', 3],
    ['one', 1],
    ['otel_metric_overflow', 6],
  ]);
  assert.deepEqual([...bound.beyond], [['x_total', 2]]);
  assert.deepEqual(shown(bound.apply(counter([['two', 5]]))), [['otel_metric_overflow', 5]]);
  const gauge: MetricFamily = { ...(more as MetricFamily & { type: 'counter' }), type: 'gauge', name: 'g' };
  assert.equal((bound.apply(gauge).samples as unknown[]).length, 2, 'a sum of gauges means nothing');
  const histogram: MetricFamily = {
    name: 'h_seconds',
    help: 'h',
    type: 'histogram',
    bounds: [1],
    samples: ['a', 'b', 'c', 'd'].map((a, i) => ({ labels: { a }, counts: [i, 1], sum: i, exemplars: null })),
  };
  assert.deepEqual((bound.apply(histogram).samples as unknown[])[2], {
    labels: overflowLabels,
    counts: [5, 2],
    sum: 5,
    exemplars: null,
  });
});

test('no counter goes back, whatever comes and goes, and nothing is lost', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat(9))), { minLength: 1 }),
      (rounds) => {
        const bound = new SeriesBound(2);
        const totals = new Map<string, number>();
        const before = new Map<string, number>();
        for (const round of rounds) {
          for (const [name, more] of round) totals.set(name, (totals.get(name) ?? 0) + more);
          const family = bound.apply(counter([...totals]));
          let sum = 0;
          for (const { labels, value } of family.samples as {
            labels: Record<string, string>;
            value: number;
          }[]) {
            const key = JSON.stringify(labels);
            assert.ok(value >= (before.get(key) ?? 0));
            before.set(key, value);
            sum += value;
          }
          assert.equal(
            sum,
            [...totals.values()].reduce((a, b) => a + b, 0),
          );
        }
      },
    ),
  );
});

test('Prometheus text and OpenMetrics', () => {
  const families: MetricFamily[] = [
    {
      name: 'a_total',
      help: 'one\n"two" \\',
      type: 'counter',
      samples: [{ labels: { x: 'q"\n\\' }, value: 1 }],
    },
    {
      name: 'h_seconds',
      help: 'h',
      type: 'histogram',
      bounds: [0.5, 1],
      samples: [
        {
          labels: { x: '1' },
          counts: [1, 0, 2],
          sum: 7.5,
          exemplars: [
            null,
            null,
            { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), value: 3.5, timeMs: 1_764_000_000_123 },
          ],
        },
      ],
    },
  ];
  assert.equal(
    expose(families, false),
    [
      '# HELP a_total one\\n"two" \\\\',
      '# TYPE a_total counter',
      'a_total{x="q\\"\\n\\\\"} 1',
      '# HELP h_seconds h',
      '# TYPE h_seconds histogram',
      'h_seconds_bucket{x="1",le="0.5"} 1',
      'h_seconds_bucket{x="1",le="1"} 1',
      'h_seconds_bucket{x="1",le="+Inf"} 3',
      'h_seconds_sum{x="1"} 7.5',
      'h_seconds_count{x="1"} 3',
      '',
    ].join('\n'),
  );
  assert.equal(
    expose(families, true),
    [
      '# HELP a one\\n\\"two\\" \\\\',
      '# TYPE a counter',
      'a_total{x="q\\"\\n\\\\"} 1',
      '# HELP h_seconds h',
      '# TYPE h_seconds histogram',
      'h_seconds_bucket{x="1",le="0.5"} 1',
      'h_seconds_bucket{x="1",le="1.0"} 1',
      `h_seconds_bucket{x="1",le="+Inf"} 3 # {trace_id="${'a'.repeat(32)}",span_id="${'b'.repeat(16)}"} 3.5 1764000000.123`,
      'h_seconds_sum{x="1"} 7.5',
      'h_seconds_count{x="1"} 3',
      '# EOF',
      '',
    ].join('\n'),
  );
});

test('who asks for OpenMetrics gets it', () => {
  for (const [accept, wants] of [
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5',
      true,
    ],
    ['text/plain;version=0.0.4;q=0.5,*/*;q=0.1', false],
    ['application/openmetrics-text; version=1.0.0; q=0', false],
    ['', false],
    ['application/openmetrics-textual', false],
  ] as const)
    assert.equal(wantsOpenMetrics(accept), wants, accept);
});
