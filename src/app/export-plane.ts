// The exporters of `export:`, each a subscriber of the record stream, and their metrics.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createSink, type ExportConfig, Exporter } from '../export/index.ts';
import type { GateLog, MetricsRegistry, RecordStream } from '../telemetry/index.ts';
import { version } from './version.ts';

/**
 * Bytes of records that may wait for a spool's disk. They go with the process: where a full spool makes everything wait, they
 * are few.
 */
const MAX_PENDING_BYTES = { drop: 16 << 20, wait: 1 << 20 } as const;

export class ExportPlane {
  readonly #exporters: Exporter[] = [];

  /** Opens the spools; rejects with Error when one can not be had. Before the record stream begins. */
  async start(config: ExportConfig | null, stream: RecordStream, log: GateLog): Promise<void> {
    const origin = { hostname: hostname(), version };
    for (const sink of config?.sinks ?? []) {
      const folder = join(config!.folder, sink.name);
      const exporter = await Exporter.start(sink, folder, createSink(sink.target, origin), { log });
      this.#exporters.push(exporter);
      const whenFull = sink.spool.whenFull === 'wait' ? 'wait' : 'drop';
      stream.subscribe({
        name: `export ${sink.name}`,
        maxPendingBytes: MAX_PENDING_BYTES[whenFull],
        whenFull,
        take: (batch) => exporter.take(batch),
      });
    }
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
    await Promise.all(this.#exporters.map((exporter) => exporter.close()));
  }
}
