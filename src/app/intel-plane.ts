// Threat intelligence at the gate: records are held against it on the main thread, what matches is counted, told to the audit trail and to those
// who want sightings, and records that are exported say it.
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import { type Feed, Intel, type ThreatMatch } from '../intel/index.ts';
import {
  type ExchangeRecord,
  type GateLog,
  type MetricsRegistry,
  RecordBatch,
  type RecordStream,
} from '../telemetry/index.ts';

const MAX_PENDING_BYTES = 16 << 20;
/** The same caller and indicator are told to the trail once in so long, ms. */
const TOLD_MS = 3_600_000;
const MAX_TOLD = 10_000;

interface Looked {
  /** The batch with what matched in its records; the same one where nothing did. */
  readonly tagged: RecordBatch;
  readonly matched: readonly { readonly record: ExchangeRecord; readonly matches: readonly ThreatMatch[] }[];
}

export class IntelPlane {
  readonly #log: GateLog;
  readonly #note: (event: AuditEvent) => void;
  readonly #looked = new WeakMap<RecordBatch, Looked>();
  readonly #told = new Map<string, number>();
  #intel: Intel | null = null;
  /** Called when a feed has been read. */
  onRead: () => void = () => {};

  constructor(log: GateLog, note: (event: AuditEvent) => void) {
    this.#log = log;
    this.#note = note;
  }

  /** Takes what was fetched before; the sources are read afterwards, and a gate does not wait for them. */
  async start(config: GateConfig, stream: RecordStream): Promise<void> {
    if (config.intel === null) return;
    const intel = new Intel({
      config: config.intel,
      onRead: () => this.onRead(),
      onProblem: (what, problem) => {
        if (problem === null) this.#log.write('info', 'intel-recovered', { what });
        else this.#log.write('warning', 'intel-failing', { what, problem });
      },
    });
    this.#intel = intel;
    await intel.start();
    stream.subscribe({
      name: 'intel',
      maxPendingBytes: MAX_PENDING_BYTES,
      whenFull: 'drop',
      take: (batch) => {
        for (const { record, matches } of this.#look(batch).matched) this.#tell(record, matches);
      },
    });
  }

  /** Address indicators of a feed that have not ended; null while there is no such feed. */
  addressesOf(name: string): Iterable<string> | null {
    const feed = this.#intel?.feeds.find(({ config }) => config.name === name);
    return feed === undefined ? null : addressesIn(feed, systemClock.epochMs());
  }

  /** What exporters get in place of a batch; null without intelligence. */
  get tag(): ((batch: RecordBatch) => RecordBatch) | null {
    return this.#intel === null ? null : (batch) => this.#look(batch).tagged;
  }

  #look(batch: RecordBatch): Looked {
    const before = this.#looked.get(batch);
    if (before !== undefined) return before;
    const matched: { record: ExchangeRecord; matches: readonly ThreatMatch[] }[] = [];
    const records = batch.records.map((record) => {
      const matches = this.#intel!.match({
        address: record.client_address,
        host: record.host ?? '',
        url: urlOf(record),
        userAgent: record.user_agent ?? '',
      });
      if (matches.length === 0) return record;
      matched.push({ record, matches });
      return { ...record, threats: matches };
    });
    const tagged =
      matched.length === 0
        ? batch
        : new RecordBatch(Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join('')));
    const looked = { tagged, matched };
    this.#looked.set(batch, looked);
    return looked;
  }

  #tell(record: ExchangeRecord, matches: readonly ThreatMatch[]): void {
    this.#intel!.note(matches, Date.parse(record.time));
    const nowMs = systemClock.epochMs();
    for (const { feed, indicator, name, kind, value, confidence } of matches) {
      const key = `${indicator} ${record.client_address}`;
      if ((this.#told.get(key) ?? 0) > nowMs - TOLD_MS) continue;
      if (this.#told.size >= MAX_TOLD) this.#told.clear();
      this.#told.set(key, nowMs);
      this.#note({
        action: 'threat.match',
        outcome: 'success',
        actor: { kind: 'address', id: record.client_address },
        target: { kind: 'indicator', id: indicator },
        address: record.client_address,
        reason: feed,
        requestId: record.id,
        ...(record.trace_id === undefined ? {} : { traceId: record.trace_id }),
        subject: record.consumer ?? record.client_address,
        details: { event: kind, feed, name, value, confidence, decision: record.decision },
        atMs: Date.parse(record.time),
      });
    }
  }

  addGauges(registry: MetricsRegistry): void {
    const intel = this.#intel;
    if (intel === null) return;
    const add = (
      name: string,
      type: 'gauge' | 'counter',
      help: string,
      value: (feed: Feed) => number,
    ): void =>
      registry.gauge({
        name: `gatewright_${name}`,
        type,
        help,
        samples: () =>
          intel.feeds.map((feed) => ({ labels: { feed: feed.config.name }, value: value(feed) })),
      });
    add('intel_indicators', 'gauge', 'Indicators of a feed.', (feed) => feed.size);
    add(
      'intel_failures_total',
      'counter',
      'Times that a feed could not be read.',
      (feed) => feed.counts.failures,
    );
    add(
      'intel_read_timestamp_seconds',
      'gauge',
      'When a feed was read last.',
      (feed) => feed.counts.readMs / 1000,
    );
    add('intel_skipped', 'gauge', 'Indicators of the last reading that can not be used here.', (feed) => {
      const { foreign, broken, dropped } = feed.counts;
      return foreign + broken + dropped;
    });
    add('intel_matches_total', 'counter', 'Matches of records.', (feed) => intel.matchesOf(feed.config.name));
    const single = (name: string, type: 'gauge' | 'counter', help: string, value: () => number): void =>
      registry.gauge({
        name,
        type,
        help,
        samples: () => [{ labels: {}, value: value() }],
      });
    const { sightings } = intel;
    if (sightings === null) return;
    single(
      'gatewright_intel_sightings_sent_total',
      'counter',
      'Sightings that were told.',
      () => sightings.sent,
    );
    single(
      'gatewright_intel_sightings_waiting',
      'gauge',
      'Sightings that wait to be told.',
      () => sightings.waiting,
    );
  }

  async close(): Promise<void> {
    await this.#intel?.close();
  }
}

function urlOf({ host, path, query }: ExchangeRecord): string {
  if (host === undefined || path === undefined) return '';
  return `https://${host}${path}${query === undefined || query === '' ? '' : `?${query}`}`;
}

function* addressesIn(feed: Feed, nowMs: number): Generator<string> {
  for (const { values, untilMs } of feed.indicators())
    if (untilMs === null || untilMs > nowMs)
      for (const { kind, value } of values) if (kind === 'address') yield value;
}
