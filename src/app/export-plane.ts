// The exporters of `export:`, each a subscriber of the record stream, and their metrics.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GateConfig } from '../config/index.ts';
import { createSink, Exporter } from '../export/index.ts';
import type { GateLog, MetricsRegistry, RecordBatch, RecordStream } from '../telemetry/index.ts';
import { TrailFollower } from './trail-follower.ts';
import { version } from './version.ts';

/**
 * Bytes of records that may wait for a spool's disk. They go with the process: where a full spool makes everything wait, they
 * are few.
 */
const MAX_PENDING_BYTES = { drop: 16 << 20, wait: 1 << 20 } as const;

/** Longest time that the last look at the trail may take, ms. */
const LAST_LOOK_MS = 2000;

export class ExportPlane {
  readonly #exporters: Exporter[] = [];
  readonly #followers: TrailFollower[] = [];

  /** `tag` adds what is known of threats. Opens the spools; rejects with Error when one can not be had. Before the record stream begins. */
  async start(
    { export: config, audit }: Pick<GateConfig, 'export' | 'audit'>,
    stream: RecordStream,
    log: GateLog,
    tag: ((batch: RecordBatch) => RecordBatch) | null,
  ): Promise<void> {
    const origin = { hostname: hostname(), version };
    for (const sink of config?.sinks ?? []) {
      const folder = join(config!.folder, sink.name);
      const exporter = await Exporter.start(sink, folder, createSink(sink.target, origin), { log });
      this.#exporters.push(exporter);
      const withRequests = sink.records.includes('requests');
      if (audit !== null && sink.records.includes('audit'))
        this.#followers.push(new TrailFollower({ audit, exporter, folder, withRequests, log }));
      if (!withRequests) continue;
      const whenFull = sink.spool.whenFull === 'wait' ? 'wait' : 'drop';
      stream.subscribe({
        name: `export ${sink.name}`,
        maxPendingBytes: MAX_PENDING_BYTES[whenFull],
        whenFull,
        take: (batch) => exporter.take(tag === null ? batch : tag(batch)),
      });
    }
    for (const follower of this.#followers) follower.start();
  }

  addGauges(registry: MetricsRegistry): void {
    const add = (
      name: string,
      type: 'gauge' | 'counter',
      help: string,
      value: (exporter: Exporter) => number,
    ): void =>
      registry.gauge({
        name: `gatewright_${name}`,
        type,
        help,
        samples: () =>
          this.#exporters.map((exporter) => ({
            labels: { sink: exporter.config.name },
            value: value(exporter),
          })),
      });
    add(
      'export_sent_total',
      'counter',
      'Records that a receiver has acknowledged.',
      (one) => one.counts.sent,
    );
    add('export_failures_total', 'counter', 'Attempts to send that failed.', (one) => one.counts.failures);
    add(
      'export_dead_letters_total',
      'counter',
      'Records that a receiver will never take.',
      (one) => one.counts.dead,
    );
    add(
      'export_dropped_total',
      'counter',
      'Records given up because a spool was full or damaged.',
      (one) => one.dropped,
    );
    add('export_pending_records', 'gauge', 'Records that wait in a spool.', (one) => one.pending);
    add('export_spool_bytes', 'gauge', 'Bytes of a spool on disk.', (one) => one.spoolBytes);
    add(
      'export_lag_seconds',
      'gauge',
      'Age of the record that a sink is trying to send.',
      (one) => one.lagSeconds,
    );
  }

  /** Stops sending; what is not acknowledged stays in the spools. After the record stream has ended. */
  async close(): Promise<void> {
    // A spool without room holds a follower until its exporter is closed.
    const followed = Promise.all(this.#followers.map((follower) => follower.close()));
    await Promise.race([followed, sleep(LAST_LOOK_MS, null, { ref: false })]);
    await Promise.all(this.#exporters.map((exporter) => exporter.close()));
  }
}
