// The gate's metrics as OTLP has them: names without Prometheus' suffixes (a receiver that writes for Prometheus puts them back),
// sums and histograms that go on from the start of the gate, or that say what was new since the last look.
import { type HistogramSample, type Labels, type MetricFamily, overflowLabels } from '../telemetry/index.ts';
import { type Exemplar, type KeyValue, type Metric, Temporality } from './messages.ts';

/** Units by the end of a Prometheus name. */
const units: readonly (readonly [suffix: string, unit: string])[] = [
  ['_seconds', 's'],
  ['_bytes', 'By'],
];

/**
 * `x_duration_seconds` is `x_duration` in `s`. What has no unit has none: `1` would make a ratio of a
 * gauge where it is written for Prometheus.
 */
export function otlpName(name: string): { readonly name: string; readonly unit: string } {
  const base = name.replace(/_total$/, '');
  for (const [suffix, unit] of units)
    if (base.endsWith(suffix)) return { name: base.slice(0, -suffix.length), unit };
  return { name: base, unit: '' };
}

const attributesOf = (labels: Labels): KeyValue[] =>
  labels === overflowLabels
    ? [{ key: 'otel.metric.overflow', value: { boolValue: true } }]
    : Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: value } }));

interface Before {
  readonly value: number;
  readonly counts: readonly number[];
}

const nothing: Before = { value: 0, counts: [] };

export class MetricConverter {
  readonly #isDelta: boolean;
  readonly #startedMs: number;
  /** What was said last, by family and labels; for deltas only. */
  readonly #before = new Map<string, Before>();
  #lastMs: number;

  constructor(temporality: 'cumulative' | 'delta', startedMs: number) {
    this.#isDelta = temporality === 'delta';
    this.#startedMs = startedMs;
    this.#lastMs = startedMs;
  }

  convert(families: readonly MetricFamily[], nowMs: number): Metric[] {
    const fromMs = this.#isDelta ? this.#lastMs : this.#startedMs;
    const times = {
      startTimeUnixNano: BigInt(fromMs) * 1_000_000n,
      timeUnixNano: BigInt(nowMs) * 1_000_000n,
    };
    const out = families.flatMap((family) => this.#metric(family, times, fromMs));
    this.#lastMs = nowMs;
    return out;
  }

  #metric(
    family: MetricFamily,
    times: { readonly startTimeUnixNano: bigint; readonly timeUnixNano: bigint },
    fromMs: number,
  ): Metric[] {
    if (family.samples.length === 0) return [];
    const { name, unit } = otlpName(family.name);
    const head = { name, description: family.help, unit };
    const aggregationTemporality = this.#isDelta ? Temporality.delta : Temporality.cumulative;
    if (family.type === 'histogram') {
      const dataPoints = family.samples.map((sample) => {
        const before = this.#last(family.name, sample.labels, { value: sample.sum, counts: sample.counts });
        const counts = sample.counts.map((count, bucket) => count - (before.counts[bucket] ?? 0));
        return {
          attributes: attributesOf(sample.labels),
          ...times,
          count: BigInt(counts.reduce((sum, count) => sum + count, 0)),
          sum: sample.sum - before.value,
          bucketCounts: counts.map(BigInt),
          explicitBounds: family.bounds,
          exemplars: exemplarsOf(sample, this.#isDelta ? fromMs : 0),
        };
      });
      return [{ ...head, histogram: { dataPoints, aggregationTemporality } }];
    }
    if (family.type === 'gauge') {
      const { timeUnixNano } = times;
      const dataPoints = family.samples.map(({ labels, value }) => ({
        attributes: attributesOf(labels),
        timeUnixNano,
        asDouble: value,
      }));
      return [{ ...head, gauge: { dataPoints } }];
    }
    const dataPoints = family.samples.map(({ labels, value }) => {
      const before = this.#last(family.name, labels, { value, counts: [] });
      return { attributes: attributesOf(labels), ...times, asDouble: value - before.value };
    });
    return [{ ...head, sum: { dataPoints, aggregationTemporality, isMonotonic: true } }];
  }

  /** What was said before, and remembers what is said now. */
  #last(family: string, labels: Labels, now: Before): Before {
    if (!this.#isDelta) return nothing;
    const key = `${family}${JSON.stringify(labels)}`;
    const before = this.#before.get(key) ?? nothing;
    this.#before.set(key, now);
    return before;
  }
}

const exemplarsOf = ({ exemplars }: HistogramSample, sinceMs: number): Exemplar[] =>
  (exemplars ?? []).flatMap((one) =>
    one === null || one.timeMs < sinceMs
      ? []
      : [
          {
            timeUnixNano: BigInt(one.timeMs) * 1_000_000n,
            asDouble: one.value,
            spanId: one.spanId,
            traceId: one.traceId,
          },
        ],
  );
