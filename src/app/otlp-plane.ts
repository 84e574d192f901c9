// OpenTelemetry: the exporter of `telemetry.otlp`, a subscriber of the record stream, what it needs to know of routes, and its metrics.
import { hostname } from 'node:os';
import type { GateConfig } from '../config/load.ts';
import { createTransport, keepReasons, OtlpExporter, type RouteFacts } from '../otlp/index.ts';
import type { GateLog, MetricsRegistry, RecordStream, TracingStart } from '../telemetry/index.ts';
import { version } from './version.ts';

/** Bytes of records that may wait until they are looked at. */
const MAX_PENDING_BYTES = 16 << 20;

export class OtlpPlane {
  readonly #log: GateLog;
  #exporter: OtlpExporter | null = null;
  #facts: RouteFacts = factsOf(null, () => null);

  constructor(log: GateLog) {
    this.#log = log;
  }

  /** What the gate says goes to its log and, where that is wanted, to the receiver; what the exporter says does not. */
  readonly log: GateLog = {
    write: (level, event, details) => {
      this.#log.write(level, event, details);
      this.#exporter?.gateLog.write(level, event, details);
    },
  };

  /** Before the record stream begins. */
  async start(config: GateConfig, stream: RecordStream, registry: MetricsRegistry): Promise<void> {
    const { otlp } = config.telemetry;
    if (otlp === null) return;
    const exporter = new OtlpExporter({
      config: otlp,
      transport: await createTransport(otlp, `gatewright/${version}`),
      facts: {
        routeOf: (api, operation) => this.#facts.routeOf(api, operation),
        listenerOf: (name) => this.#facts.listenerOf(name),
        upstreamOf: (api) => this.#facts.upstreamOf(api),
      },
      registry,
      version,
      hostname: hostname(),
      environment: { log: this.#log },
    });
    this.#exporter = exporter;
    if (!exporter.wantsRecords) return;
    stream.subscribe({
      name: 'otlp',
      maxPendingBytes: MAX_PENDING_BYTES,
      whenFull: 'drop',
      take: (batch) => exporter.take(batch),
    });
  }

  /** Names of the configuration that is served now; `portOf` knows ports that the system chose. */
  configure(config: GateConfig, portOf: (listener: string) => number | null): void {
    if (this.#exporter !== null) this.#facts = factsOf(config, portOf);
  }

  addGauges(registry: MetricsRegistry): void {
    const exporter = this.#exporter;
    if (exporter === null) return;
    const add = (
      name: string,
      type: 'gauge' | 'counter',
      help: string,
      value: (sender: OtlpExporter['senders'][number]) => number,
    ): void =>
      registry.gauge({
        name: `gatewright_${name}`,
        type,
        help,
        samples: () => exporter.senders.map((one) => ({ labels: { signal: one.signal }, value: value(one) })),
      });
    add(
      'otlp_sent_total',
      'counter',
      'Spans, metrics or log records that the receiver took.',
      (one) => one.counts.sent,
    );
    add('otlp_failures_total', 'counter', 'Attempts to send that failed.', (one) => one.counts.failures);
    add('otlp_rejected_total', 'counter', 'Refused by the receiver for good.', (one) => one.counts.rejected);
    add(
      'otlp_dropped_total',
      'counter',
      'Had no room in the queue, or were given up.',
      (one) => one.counts.dropped,
    );
    add('otlp_pending', 'gauge', 'What waits in memory.', (one) => one.pending);
    const { sampler } = exporter;
    if (sampler === null) return;
    registry.gauge({
      name: 'gatewright_otlp_traces_kept_total',
      type: 'counter',
      help: 'Traces that were kept, by reason.',
      samples: () => keepReasons.map((reason) => ({ labels: { reason }, value: sampler.kept[reason] })),
    });
    registry.gauge({
      name: 'gatewright_otlp_traces_limited_total',
      type: 'counter',
      help: 'Traces that were worth keeping when there were too many that second.',
      samples: () => [{ labels: {}, value: sampler.limited }],
    });
  }

  /** Sends what is left. After the record stream has ended. */
  async close(): Promise<void> {
    await this.#exporter?.close();
  }
}

/** What a data-plane thread must know. */
export function tracingOf(config: GateConfig): TracingStart | null {
  const traces = config.telemetry.otlp?.traces ?? null;
  if (traces === null) return null;
  const { ratio, parent, guards } = traces;
  return { ratio, parent, guards };
}

function factsOf(config: GateConfig | null, portOf: (listener: string) => number | null): RouteFacts {
  const routes = new Map<string, string>();
  const upstreams = new Map<string, NonNullable<ReturnType<RouteFacts['upstreamOf']>>>();
  const listeners = new Map<string, NonNullable<ReturnType<RouteFacts['listenerOf']>>>();
  for (const api of config?.apis ?? []) {
    for (const { id, template } of api.operations) routes.set(`${api.name}\n${id}`, template);
    const upstream = config!.upstreams.find(({ name }) => name === api.upstream);
    const isTls = upstream?.targets.some(({ tls }) => tls) === true;
    upstreams.set(api.name, {
      name: api.upstream,
      scheme: isTls ? 'https' : 'http',
      stripLength: api.stripBase ? api.base.length : 0,
    });
  }
  for (const { name, port, tls } of config?.listeners ?? [])
    listeners.set(name, { scheme: tls === null ? 'http' : 'https', port: portOf(name) ?? port });
  return {
    routeOf: (api, operation) => routes.get(`${api}\n${operation}`) ?? '',
    listenerOf: (name) => listeners.get(name) ?? null,
    upstreamOf: (api) => upstreams.get(api) ?? null,
  };
}
