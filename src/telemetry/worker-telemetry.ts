// The one thing a data-plane thread calls: an exchange ended, a connection came or went. HOT
import type { Exchange } from '../exchange/index.ts';
import type { HandshakeOutcome } from '../net/tls/index.ts';
import { type AccessLineOptions, accessLine } from './access-line.ts';
import { type AccessLogMemory, AccessLogWriter } from './access-log.ts';
import { type MetricsMemory, WorkerMetrics } from './metrics.ts';

export class WorkerTelemetry {
  #metrics: WorkerMetrics;
  readonly #log: AccessLogWriter | null;
  readonly #line: AccessLineOptions;

  constructor(metrics: MetricsMemory, log: AccessLogMemory | null) {
    this.#metrics = new WorkerMetrics(metrics);
    this.#log = log === null ? null : new AccessLogWriter(log);
    this.#line = log ?? { keepQueryValues: false, matchValues: 'mask' };
  }

  /** Counts into the memory of a new snapshot from now on. */
  swap(metrics: MetricsMemory): void {
    const next = new WorkerMetrics(metrics);
    next.open = this.#metrics.open;
    this.#metrics = next;
  }

  record(exchange: Exchange): void {
    this.#metrics.record(exchange);
    if (this.#log !== null) this.#log.write(accessLine(exchange, this.#line));
  }

  connectionOpened(): void {
    this.#metrics.connectionOpened();
  }

  handshakeEnded(outcome: HandshakeOutcome): void {
    this.#metrics.handshakeEnded(outcome);
  }

  connectionClosed(): void {
    this.#metrics.connectionClosed();
  }
}
