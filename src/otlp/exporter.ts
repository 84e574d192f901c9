// All that is sent to one OTLP receiver: traces and logs from the records of finished exchanges, logs from what the gate says of
// itself, metrics from the registry. Runs on the main thread; data-plane threads write their line as they always do.
import { randomUUID } from 'node:crypto';
import { randomHex } from '../core/index.ts';
import {
  type ExchangeRecord,
  type GateLog,
  type MetricsRegistry,
  parseRecord,
  type RecordBatch,
} from '../telemetry/index.ts';
import { type RouteFacts, withhold } from './attributes.ts';
import type { OtlpConfig } from './contract.ts';
import { exchangeLog, gateLogRecord } from './logs.ts';
import { anyOf, type Signal } from './messages.ts';
import { MetricConverter } from './metrics.ts';
import { type KeepReason, TailSampler } from './sampler.ts';
import { Sender, type SenderEnvironment } from './sender.ts';
import { spansOf } from './spans.ts';
import type { Transport } from './transport.ts';

const LINE_FEED = 10;
/** Bytes of lines that are looked at together. */
const PIECE_BYTES = 32_768;

export interface ExporterOptions {
  readonly config: OtlpConfig;
  readonly transport: Transport;
  readonly facts: RouteFacts;
  readonly registry: MetricsRegistry;
  readonly version: string;
  readonly hostname: string;
  readonly environment: SenderEnvironment;
}

export class OtlpExporter {
  readonly senders: readonly Sender[];
  readonly sampler: TailSampler | null;
  readonly #options: ExporterOptions;
  readonly #bySignal = new Map<Signal, Sender>();
  readonly #converter: MetricConverter | null;
  readonly #timer: NodeJS.Timeout | null;

  constructor(options: ExporterOptions) {
    this.#options = options;
    const { config } = options;
    this.sampler = config.traces === null ? null : new TailSampler(config.traces);
    this.#converter =
      config.metrics === null ? null : new MetricConverter(config.metrics.temporality, Date.now());
    const wanted: Signal[] = [];
    if (config.traces !== null) wanted.push('traces');
    if (config.metrics !== null) wanted.push('metrics');
    if (config.logs !== null) wanted.push('logs');
    this.senders = wanted.map((signal) => this.#senderOf(signal));
    for (const sender of this.senders) this.#bySignal.set(sender.signal, sender);
    this.#timer =
      config.metrics === null ? null : setInterval(() => this.sendMetrics(), config.metrics.everyMs);
    this.#timer?.unref();
  }

  #senderOf(signal: Signal): Sender {
    const { config, transport, version, hostname, environment } = this.#options;
    const attributes = {
      'service.name': 'gatewright',
      'service.version': version,
      'service.instance.id': instanceId,
      'host.name': hostname,
      ...config.resource,
      'telemetry.sdk.name': 'gatewright',
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.version': version,
    };
    return new Sender(
      {
        signal,
        // All metrics of one look go together.
        batch: signal === 'metrics' ? config.queue : config.batch,
        lingerMs: signal === 'metrics' ? 0 : config.lingerMs,
        capacity: config.queue,
        giveUpMs: config.giveUpMs,
        protocol: config.protocol,
        transport,
        resource: {
          attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: anyOf(value) })),
        },
        scope: { name: 'gatewright', version },
      },
      environment,
    );
  }

  /** Whether records are wanted at all. */
  get wantsRecords(): boolean {
    return this.sampler !== null || this.#options.config.logs?.access === true;
  }

  take(batch: RecordBatch): void {
    const { sampler } = this;
    if (this.#options.config.logs?.access === true) {
      const sender = this.#bySignal.get('logs')!;
      const nowMs = Date.now();
      for (const record of batch.records) {
        sender.offer(exchangeLog(this.#visible(record), this.#options.facts, nowMs));
        if (sampler !== null) this.#consider(record, sampler);
      }
    } else if (sampler !== null) {
      const { lines } = batch;
      for (let at = 0; at < lines.length; ) {
        // Long strings live long: pieces that end with a line are garbage at once.
        const last = lines.lastIndexOf(LINE_FEED, at + PIECE_BYTES);
        const end = last < at ? lines.length : last + 1;
        this.#takeSome(lines.toString('latin1', at, end), sampler);
        at = end;
      }
    }
  }

  /** Decodes what may be kept: of most requests nothing is. */
  #takeSome(lines: string, sampler: TailSampler): void {
    for (let at = 0, end = lines.indexOf('\n'); end !== -1; at = end + 1, end = lines.indexOf('\n', at)) {
      const record = sampler.mayKeep(lines, at, end) ? parseRecord(lines.slice(at, end)) : null;
      if (record !== null) this.#consider(record, sampler);
    }
  }

  #consider(record: ExchangeRecord, sampler: TailSampler): void {
    const reason = sampler.decide(record);
    if (reason !== null) this.#keep(record, reason);
  }

  #keep(record: ExchangeRecord, reason: KeepReason): void {
    const { facts, registry } = this.#options;
    const sender = this.#bySignal.get('traces')!;
    for (const span of spansOf(this.#visible(record), facts, reason, newSpanId)) sender.offer(span);
    const { trace_id: traceId, span_id: spanId } = record;
    if (traceId === undefined || spanId === undefined) return;
    const trace = { traceId, spanId, timeMs: Date.parse(record.time) };
    const { api = '', operation = '' } = record;
    registry.exemplars.note(api, operation, 'request', record.duration_us / 1000, trace);
    if (record.upstream_first_byte_us !== undefined && record.judged_us !== undefined) {
      const ms = (record.upstream_first_byte_us - record.judged_us) / 1000;
      registry.exemplars.note(api, operation, 'upstream', ms, trace);
    }
  }

  #visible(record: ExchangeRecord): ExchangeRecord {
    return withhold(record, this.#options.config.withhold);
  }

  /** Sends what the registry says now. */
  sendMetrics(): void {
    const sender = this.#bySignal.get('metrics');
    if (sender === undefined || this.#converter === null) return;
    for (const metric of this.#converter.convert(this.#options.registry.collect(), Date.now()))
      sender.offer(metric);
  }

  /** Takes what the gate says of itself. */
  readonly gateLog: GateLog = {
    write: (level, event, details = {}) => {
      if (this.#options.config.logs?.gate !== true) return;
      this.#bySignal.get('logs')!.offer(gateLogRecord(level, event, details, Date.now()));
    },
  };

  /** Sends what is left, for a few seconds at most. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.sendMetrics();
    await Promise.all(this.senders.map((sender) => sender.close()));
    this.#options.transport.close();
  }
}

const instanceId = randomUUID();
const newSpanId = (): string => randomHex(16);
