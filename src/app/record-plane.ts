// The access log and what hangs on it: one ring a thread, the reader that writes them out, and the stream of records for
// subscribers on the main thread. Rings exist when a file or a subscriber wants them.
import type { GateConfig } from '../config/load.ts';
import { type ChainAnchor, SegmentLog } from '../logs/index.ts';
import {
  type AccessLogMemory,
  AccessLogReader,
  createAccessLog,
  fileSink,
  type GateLog,
  type LogSink,
  type MetricsRegistry,
  nullSink,
  RecordStream,
  stdoutSink,
} from '../telemetry/index.ts';

type AccessLogConfig = GateConfig['telemetry']['accessLog'];

export class RecordPlane {
  /** Subscribe before `start`: without a subscriber and a file there are no rings. */
  readonly stream = new RecordStream();
  readonly #memories = new Map<number, AccessLogMemory>();
  #config: AccessLogConfig | null = null;
  #reader: AccessLogReader | null = null;
  #segments: SegmentLog | null = null;
  readonly #log: GateLog;
  readonly #anchor: ChainAnchor | null;

  /** `anchor` is told the hash of every link of the log's segments. */
  constructor(log: GateLog, anchor: ChainAnchor | null = null) {
    this.#log = log;
    this.#anchor = anchor;
  }

  /** Throws Error when the log's file can not be opened. */
  start(config: AccessLogConfig): void {
    this.#config = config;
    const { to } = config;
    if (to === 'none' && !this.stream.isWanted) return;
    this.#reader = new AccessLogReader(this.#sinkOf(to), this.stream);
  }

  #sinkOf(to: AccessLogConfig['to']): LogSink {
    if (to === 'none') return nullSink;
    if (to === 'stdout') return stdoutSink();
    if ('file' in to) return fileSink(to.file);
    this.#segments = new SegmentLog({
      settings: to.segments,
      dropped: () => this.#reader?.dropped ?? 0,
      ...(this.#anchor === null ? {} : { anchor: this.#anchor }),
      onProblem: (problem) => this.#log.write('error', 'access-log-problem', { problem }),
    });
    return this.#segments;
  }

  /** The ring of a thread, made when it is first asked for; null when nobody reads. */
  memoryOf(workerId: number): AccessLogMemory | null {
    if (this.#reader === null || this.#config === null) return null;
    let memory = this.#memories.get(workerId);
    if (memory === undefined) {
      const { whenFull, queryValues, matchValues } = this.#config;
      memory = createAccessLog({ whenFull, keepQueryValues: queryValues === 'keep', matchValues });
      this.#memories.set(workerId, memory);
      this.#reader.attach(memory);
    }
    return memory;
  }

  /** The thread is gone: what it left is read, then its ring is forgotten. */
  retire(workerId: number): void {
    const memory = this.#memories.get(workerId);
    this.#memories.delete(workerId);
    if (memory !== undefined) void this.#reader?.retire(memory);
  }

  reopen(): void {
    this.#reader?.reopen();
  }

  /** Writes what is left, and waits until subscribers have taken it. */
  async close(): Promise<void> {
    await this.#reader?.close();
    await this.stream.idle();
  }

  addGauges(registry: MetricsRegistry): void {
    const add = (name: string, help: string, value: () => number): void =>
      registry.gauge({
        name: `gatewright_${name}`,
        type: 'counter',
        help,
        samples: () => [{ labels: {}, value: value() }],
      });
    add('access_log_dropped_total', 'Access-log lines that were dropped.', () => this.#reader?.dropped ?? 0);
    add(
      'access_log_write_failures_total',
      'Batches of access-log lines that could not be written.',
      () => this.#reader?.failedWrites ?? 0,
    );
    add(
      'access_log_segment_failures_total',
      'Times that segments of the access log could not be written, packed or told on.',
      () => this.#segments?.failures ?? 0,
    );
    registry.gauge({
      name: 'gatewright_records_lost_total',
      type: 'counter',
      help: 'Records that a subscriber of the main thread had no room for, or could not take.',
      samples: () =>
        this.stream.counts().map(({ name, lost }) => ({ labels: { subscriber: name }, value: lost })),
    });
    registry.gauge({
      name: 'gatewright_records_pending_bytes',
      type: 'gauge',
      help: 'Bytes of records that wait for a subscriber of the main thread.',
      samples: () =>
        this.stream
          .counts()
          .map(({ name, pendingBytes }) => ({ labels: { subscriber: name }, value: pendingBytes })),
    });
  }
}
