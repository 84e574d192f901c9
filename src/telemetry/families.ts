// What metrics are, whoever asks for them: families of points, which Prometheus' text and OTLP are written from.

export type Labels = Readonly<Record<string, string>>;

export interface NumberSample {
  readonly labels: Labels;
  readonly value: number;
}

/** One request whose trace is kept, for a bucket of a histogram. */
export interface ExemplarSample {
  readonly traceId: string;
  readonly spanId: string;
  /** In the unit of the histogram. */
  readonly value: number;
  /** Wall clock, ms. */
  readonly timeMs: number;
}

export interface HistogramSample {
  readonly labels: Labels;
  /** One count a bucket, not added up; the last is of values above all bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
  /** By bucket; null where there is none. */
  readonly exemplars: readonly (ExemplarSample | null)[] | null;
}

interface FamilyHead {
  /** Name in Prometheus; counters end in `_total`. */
  readonly name: string;
  readonly help: string;
}

export type MetricFamily =
  | (FamilyHead & { readonly type: 'counter' | 'gauge'; readonly samples: readonly NumberSample[] })
  | (FamilyHead & {
      readonly type: 'histogram';
      /** Upper bounds, ascending, in the unit that the name ends with. */
      readonly bounds: readonly number[];
      readonly samples: readonly HistogramSample[];
    });

/** Label of the series that all those beyond a family's bound are added to. */
export const overflowLabels: Labels = { otel_metric_overflow: 'true' };

const keyOf = (labels: Labels): string => JSON.stringify(labels);

/**
 * Bounds how many series a family has. Who came first stays; the others are added up in one series that says so, or, where a sum
 * means nothing (gauges), left out. What was left out once stays out, so that no counter goes back.
 */
export class SeriesBound {
  readonly #max: number;
  readonly #admitted = new Map<string, Set<string>>();
  /** Series that are not shown by themselves, by family, as of the last look. */
  readonly beyond = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  apply(family: MetricFamily): MetricFamily {
    const admitted = this.#admitted.get(family.name) ?? new Set<string>();
    this.#admitted.set(family.name, admitted);
    const isAdmitted = ({ labels }: { readonly labels: Labels }): boolean => {
      const key = keyOf(labels);
      if (!admitted.has(key)) {
        if (admitted.size >= this.#max) return false;
        admitted.add(key);
      }
      return true;
    };
    if (family.type === 'histogram') {
      const [kept, rest] = partition(family.samples, isAdmitted);
      this.#note(family.name, rest.length);
      return rest.length === 0 ? family : { ...family, samples: [...kept, addHistograms(rest)] };
    }
    const [kept, rest] = partition<NumberSample>(family.samples, isAdmitted);
    this.#note(family.name, rest.length);
    if (rest.length === 0) return family;
    if (family.type === 'gauge') return { ...family, samples: kept };
    const value = rest.reduce((sum, sample) => sum + sample.value, 0);
    return { ...family, samples: [...kept, { labels: overflowLabels, value }] };
  }

  #note(name: string, count: number): void {
    if (count === 0) this.beyond.delete(name);
    else this.beyond.set(name, count);
  }
}

function partition<T>(list: readonly T[], test: (one: T) => boolean): [T[], T[]] {
  const yes: T[] = [];
  const no: T[] = [];
  for (const one of list) (test(one) ? yes : no).push(one);
  return [yes, no];
}

function addHistograms(samples: readonly HistogramSample[]): HistogramSample {
  const counts = samples[0]!.counts.map((_count, bucket) =>
    samples.reduce((sum, sample) => sum + sample.counts[bucket]!, 0),
  );
  const sum = samples.reduce((total, sample) => total + sample.sum, 0);
  return { labels: overflowLabels, counts, sum, exemplars: null };
}
