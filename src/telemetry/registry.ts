// The main thread's sum over all threads and generations, and its Prometheus text. What threads of the past counted
// is kept, so that no counter ever goes back.
import { errorCodes } from '../core/index.ts';
import { handshakeOutcomes } from '../net/tls/index.ts';
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
  readonly samples: () => readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

export class MetricsRegistry {
  readonly #live = new Map<string, MetricsMemory>();
  readonly #past = new Map<string, Float64Array>();
  readonly #pastGlobal = new Float64Array(Global.size);
  readonly #pastRules = new Map<number, number>();
  readonly #gauges: Gauge[] = [];

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

  /** Prometheus text exposition format 0.0.4. */
  text(): string {
    const rows = new Map([...this.#past].map(([key, cells]) => [key, Float64Array.from(cells)]));
    const global = Float64Array.from(this.#pastGlobal);
    const rules = new Map(this.#pastRules);
    for (const memory of this.#live.values()) {
      addMemory(memory, rows, global, true);
      addRules(memory, rules);
    }
    const out: string[] = [];
    writeRequests(out, rows);
    writeHistogram(
      out,
      rows,
      'gatewright_request_duration_seconds',
      'Time from the first byte of a request to its end.',
      Cell.duration,
      Cell.durationSum,
    );
    writeHistogram(
      out,
      rows,
      'gatewright_upstream_duration_seconds',
      'Time from sending a request to the first byte of the answer.',
      Cell.upstream,
      Cell.upstreamSum,
    );
    writeBytes(out, rows, 'gatewright_request_bytes_total', 'Bytes of request bodies.', Cell.bytesIn);
    writeBytes(out, rows, 'gatewright_response_bytes_total', 'Bytes of response bodies.', Cell.bytesOut);
    head(
      out,
      'gatewright_refusals_total',
      'counter',
      'Requests that ended with an error of the gate, by code.',
    );
    errorCodes.forEach((code, index) => {
      const value = global[Global.refusals + index]!;
      if (value > 0) out.push(`gatewright_refusals_total{code="${code}"} ${value}`);
    });
    head(
      out,
      'gatewright_tls_handshakes_total',
      'counter',
      'TLS handshakes with clients, by how they ended.',
    );
    handshakeOutcomes.forEach((outcome, index) => {
      const value = global[Global.handshakes + index]!;
      if (value > 0) out.push(`gatewright_tls_handshakes_total{outcome="${outcome}"} ${value}`);
    });
    head(out, 'gatewright_rule_matches_total', 'counter', 'Matches of inspection rules, by rule.');
    for (const [id, count] of rules) {
      if (count > 0) out.push(`gatewright_rule_matches_total{rule="${id}"} ${count}`);
    }
    head(
      out,
      'gatewright_inspection_would_refuse_total',
      'counter',
      'Exchanges that inspection in detection mode would have refused.',
    );
    out.push(`gatewright_inspection_would_refuse_total ${global[Global.wouldRefuse]!}`);
    head(
      out,
      'gatewright_contract_broken_answers_total',
      'counter',
      'Answers of services that broke their contract.',
    );
    out.push(`gatewright_contract_broken_answers_total ${global[Global.brokenAnswers]!}`);
    head(out, 'gatewright_connections', 'gauge', 'Open client connections.');
    out.push(`gatewright_connections ${global[Global.open]!}`);
    head(out, 'gatewright_connections_accepted_total', 'counter', 'Client connections accepted.');
    out.push(`gatewright_connections_accepted_total ${global[Global.accepted]!}`);
    for (const gauge of this.#gauges) {
      head(out, gauge.name, gauge.type, gauge.help);
      for (const { labels, value } of gauge.samples()) out.push(`${gauge.name}${labelText(labels)} ${value}`);
    }
    return `${out.join('\n')}\n`;
  }
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

function head(out: string[], name: string, type: string, help: string): void {
  out.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escapeLabel = (value: string): string =>
  value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

function labelsOf(key: string): string {
  const [api, operation] = key.split('\n');
  return `api="${escapeLabel(api!)}",operation="${escapeLabel(operation!)}"`;
}

function writeRequests(out: string[], rows: ReadonlyMap<string, Float64Array>): void {
  head(out, 'gatewright_requests_total', 'counter', 'Requests by operation, status class and decision.');
  for (const [key, cells] of rows) {
    for (let status = 0; status < STATUS_CLASSES; status++) {
      decisions.forEach((decision, d) => {
        const value = cells[Cell.requests + status * decisions.length + d]!;
        if (value > 0) {
          out.push(
            `gatewright_requests_total{${labelsOf(key)},status_class="${status + 1}xx",decision="${decision}"} ${value}`,
          );
        }
      });
    }
  }
}

function writeHistogram(
  out: string[],
  rows: ReadonlyMap<string, Float64Array>,
  name: string,
  help: string,
  bucketCell: number,
  sumCell: number,
): void {
  head(out, name, 'histogram', help);
  for (const [key, cells] of rows) {
    let count = 0;
    const lines: string[] = [];
    for (let b = 0; b <= durationBoundsMs.length; b++) {
      count += cells[bucketCell + b]!;
      const bound = b < durationBoundsMs.length ? String(durationBoundsMs[b]! / 1000) : '+Inf';
      lines.push(`${name}_bucket{${labelsOf(key)},le="${bound}"} ${count}`);
    }
    if (count === 0) continue;
    out.push(
      ...lines,
      `${name}_sum{${labelsOf(key)}} ${cells[sumCell]! / 1000}`,
      `${name}_count{${labelsOf(key)}} ${count}`,
    );
  }
}

function writeBytes(
  out: string[],
  rows: ReadonlyMap<string, Float64Array>,
  name: string,
  help: string,
  cell: number,
): void {
  head(out, name, 'counter', help);
  for (const [key, cells] of rows)
    if (cells[cell]! > 0) out.push(`${name}{${labelsOf(key)}} ${cells[cell]!}`);
}
