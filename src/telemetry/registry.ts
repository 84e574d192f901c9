// The main thread's sum over all threads and generations. What threads of the past counted is kept, so that no counter ever
// goes back.
import { errorCodes } from '../core/index.ts';
import { handshakeOutcomes } from '../net/tls/index.ts';
import { type ExemplarFamily, Exemplars } from './exemplars.ts';
import { expose } from './exposition.ts';
import {
  type HistogramSample,
  type Labels,
  type MetricFamily,
  type NumberSample,
  SeriesBound,
} from './families.ts';
import {
  Cell,
  decisions,
  durationBoundsMs,
  Global,
  type MetricsMemory,
  ruleCellsAt,
  STATUS_CLASSES,
} from './metrics.ts';

/** A value that is read when metrics are asked for. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly samples: () => readonly NumberSample[];
}

/** Series of one metric that are shown by themselves, where nothing else is said. */
const MAX_SERIES = 2000;

export class MetricsRegistry {
  readonly #live = new Map<string, MetricsMemory>();
  readonly #past = new Map<string, Float64Array>();
  readonly #pastGlobal = new Float64Array(Global.size);
  readonly #pastRules = new Map<number, number>();
  readonly #gauges: Gauge[] = [];
  readonly #bound: SeriesBound;
  readonly exemplars = new Exemplars();

  /** `maxSeries` of each metric are shown by themselves, the others together. */
  constructor(maxSeries = MAX_SERIES) {
    this.#bound = new SeriesBound(maxSeries);
  }

  attach(workerId: number, generation: number, memory: MetricsMemory): void {
    this.#live.set(`${workerId}/${generation}`, memory);
  }

  /** The thread writes to this memory no more. */
  retire(workerId: number, generation: number): void {
    const key = `${workerId}/${generation}`;
    const memory = this.#live.get(key);
    if (memory === undefined) return;
    this.#live.delete(key);
    addMemory(memory, this.#past, this.#pastGlobal, false);
    addRules(memory, this.#pastRules);
  }

  /** Retires everything a thread had but the memory of `except`. */
  retireOthers(workerId: number, except: number | null): void {
    for (const key of [...this.#live.keys()]) {
      const [worker, generation] = key.split('/').map(Number);
      if (worker === workerId && generation !== except) this.retire(workerId, generation!);
    }
  }

  gauge(gauge: Gauge): void {
    this.#gauges.push(gauge);
  }

  /** Everything as it is now, each family within its bound of series. */
  collect(): MetricFamily[] {
    const rows = new Map([...this.#past].map(([key, cells]) => [key, Float64Array.from(cells)]));
    const global = Float64Array.from(this.#pastGlobal);
    const rules = new Map(this.#pastRules);
    for (const memory of this.#live.values()) {
      addMemory(memory, rows, global, true);
      addRules(memory, rules);
    }
    const families = this.#families(rows, global, rules).map((family) => this.#bound.apply(family));
    const samples = [...this.#bound.beyond].map(([metric, value]) => ({ labels: { metric }, value }));
    return [
      ...families,
      {
        name: 'gatewright_metric_series_beyond_bound',
        help: 'Series that are not shown by themselves because their metric has too many.',
        type: 'gauge',
        samples,
      },
    ];
  }

  #families(
    rows: ReadonlyMap<string, Float64Array>,
    global: Float64Array,
    rules: ReadonlyMap<number, number>,
  ): MetricFamily[] {
    const single = (value: number): NumberSample[] => [{ labels: {}, value }];
    return [
      requests(rows),
      this.#histogram(
        rows,
        'request',
        'gatewright_request_duration_seconds',
        'Time from the first byte of a request to its end.',
        Cell.duration,
        Cell.durationSum,
      ),
      this.#histogram(
        rows,
        'upstream',
        'gatewright_upstream_duration_seconds',
        'Time from sending a request to the first byte of the answer.',
        Cell.upstream,
        Cell.upstreamSum,
      ),
      bytes(rows, 'gatewright_request_bytes_total', 'Bytes of request bodies.', Cell.bytesIn),
      bytes(rows, 'gatewright_response_bytes_total', 'Bytes of response bodies.', Cell.bytesOut),
      counter(
        'gatewright_refusals_total',
        'Requests that ended with an error of the gate, by code.',
        positive(errorCodes, 'code', (index) => global[Global.refusals + index]!),
      ),
      counter(
        'gatewright_tls_handshakes_total',
        'TLS handshakes with clients, by how they ended.',
        positive(handshakeOutcomes, 'outcome', (index) => global[Global.handshakes + index]!),
      ),
      counter(
        'gatewright_rule_matches_total',
        'Matches of inspection rules, by rule.',
        [...rules].flatMap(([id, value]) => (value > 0 ? [{ labels: { rule: String(id) }, value }] : [])),
      ),
      counter(
        'gatewright_inspection_would_refuse_total',
        'Exchanges that inspection in detection mode would have refused.',
        single(global[Global.wouldRefuse]!),
      ),
      counter(
        'gatewright_contract_broken_answers_total',
        'Answers of services that broke their contract.',
        single(global[Global.brokenAnswers]!),
      ),
      {
        name: 'gatewright_connections',
        help: 'Open client connections.',
        type: 'gauge',
        samples: single(global[Global.open]!),
      },
      counter(
        'gatewright_connections_accepted_total',
        'Client connections accepted.',
        single(global[Global.accepted]!),
      ),
      ...this.#gauges.map(({ name, help, type, samples }) => ({ name, help, type, samples: samples() })),
    ];
  }

  #histogram(
    rows: ReadonlyMap<string, Float64Array>,
    family: ExemplarFamily,
    name: string,
    help: string,
    bucketCell: number,
    sumCell: number,
  ): MetricFamily {
    const samples: HistogramSample[] = [];
    for (const [key, cells] of rows) {
      const counts = [...cells.subarray(bucketCell, bucketCell + durationBoundsMs.length + 1)];
      if (counts.every((count) => count === 0)) continue;
      const exemplars = this.exemplars.of(key, family);
      samples.push({ labels: labelsOf(key), counts, sum: cells[sumCell]! / 1000, exemplars });
    }
    return { name, help, type: 'histogram', bounds: boundsSeconds, samples };
  }

  /** Prometheus' text, or OpenMetrics. */
  text(openMetrics = false): string {
    return expose(this.collect(), openMetrics);
  }
}

const boundsSeconds = durationBoundsMs.map((ms) => ms / 1000);

const counter = (name: string, help: string, samples: readonly NumberSample[]): MetricFamily => ({
  name,
  help,
  type: 'counter',
  samples,
});

/** Those that are above zero. */
function positive(
  values: readonly string[],
  label: string,
  amountOf: (index: number) => number,
): NumberSample[] {
  return values.flatMap((name, index) => {
    const value = amountOf(index);
    return value > 0 ? [{ labels: { [label]: name }, value }] : [];
  });
}

function addMemory(
  memory: MetricsMemory,
  rows: Map<string, Float64Array>,
  global: Float64Array,
  withOpen: boolean,
): void {
  const cells = new Float64Array(memory.buffer);
  for (let i = 0; i < Global.size; i++) if (withOpen || i !== Global.open) global[i]! += cells[i]!;
  for (let r = 0; r <= memory.rows.length; r++) {
    const [api, operation] = memory.rows[r] ?? ['', ''];
    const key = `${api}\n${operation}`;
    let sum = rows.get(key);
    if (sum === undefined) {
      sum = new Float64Array(Cell.size);
      rows.set(key, sum);
    }
    const at = Global.size + r * Cell.size;
    for (let i = 0; i < Cell.size; i++) sum[i]! += cells[at + i]!;
  }
}

function addRules(memory: MetricsMemory, sums: Map<number, number>): void {
  const cells = new Float64Array(memory.buffer);
  const first = ruleCellsAt(memory.rows.length);
  memory.ruleIds.forEach((id, index) => void sums.set(id, (sums.get(id) ?? 0) + cells[first + index]!));
}

function labelsOf(key: string): Labels {
  const [api, operation] = key.split('\n') as [string, string];
  return { api, operation };
}

function requests(rows: ReadonlyMap<string, Float64Array>): MetricFamily {
  const samples: NumberSample[] = [];
  for (const [key, cells] of rows) {
    for (let status = 0; status < STATUS_CLASSES; status++) {
      decisions.forEach((decision, d) => {
        const value = cells[Cell.requests + status * decisions.length + d]!;
        const labels = { ...labelsOf(key), status_class: `${status + 1}xx`, decision };
        if (value > 0) samples.push({ labels, value });
      });
    }
  }
  return counter('gatewright_requests_total', 'Requests by operation, status class and decision.', samples);
}

function bytes(
  rows: ReadonlyMap<string, Float64Array>,
  name: string,
  help: string,
  cell: number,
): MetricFamily {
  const samples = [...rows].flatMap(([key, cells]) =>
    cells[cell]! > 0 ? [{ labels: labelsOf(key), value: cells[cell]! }] : [],
  );
  return counter(name, help, samples);
}
