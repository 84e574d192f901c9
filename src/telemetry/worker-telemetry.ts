// The one thing a data-plane thread calls: an exchange ended, a connection came or went. HOT
import { type Exchange, GuardTimings } from '../exchange/index.ts';
import type { HandshakeOutcome } from '../net/tls/index.ts';
import { type AccessLineOptions, accessLine } from './access-line.ts';
import { type AccessLogMemory, AccessLogWriter } from './access-log.ts';
import { type MetricsMemory, WorkerMetrics } from './metrics.ts';
import { childSpanId, TraceChoice, type TracePlan } from './trace-context.ts';

/** What the gate's own tracing asks of a data-plane thread. */
export interface TracingStart extends TracePlan {
  /** Which exchanges have their guards timed. */
  readonly guards: 'sampled' | 'all' | 'none';
}

/** Exchanges whose lines wait for the end of a turn. */
const MOST_OF_A_TURN = 64;

export class WorkerTelemetry {
  #metrics: WorkerMetrics;
  readonly #log: AccessLogWriter | null;
  readonly #line: AccessLineOptions;
  /** Of this turn of the event loop: lines made one after the other cost less than each among other work. */
  readonly #ended: Exchange[] = [];
  /** Null where the gate records no traces: then a client's trace passes through as it is. */
  readonly #choice: TraceChoice | null;
  readonly #timed: TracingStart['guards'];

  constructor(metrics: MetricsMemory, log: AccessLogMemory | null, tracing: TracingStart | null = null) {
    this.#choice = tracing === null ? null : new TraceChoice(tracing);
    this.#timed = tracing?.guards ?? 'none';
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

  /** The exchange's trace context is known: chooses whether it is sampled, before guards and the upstream see it. */
  begin(exchange: Exchange): void {
    const choice = this.#choice;
    if (choice === null) return;
    const sampled = choice.isSampled(exchange.traceId, exchange.parentSpanId !== '', exchange.parentSampled);
    exchange.traceFlags = sampled ? '01' : '00';
    exchange.upstreamSpanId = childSpanId(exchange.spanId);
    if (this.#timed === 'all' || (sampled && this.#timed === 'sampled'))
      exchange.timings = new GuardTimings();
  }

  record(exchange: Exchange): void {
    this.#metrics.record(exchange);
    if (this.#log === null) return;
    const ended = this.#ended;
    ended.push(exchange);
    // What rules matched may hold a body.
    if (ended.length >= MOST_OF_A_TURN || exchange.inspection !== null) this.flush();
    else if (ended.length === 1) setImmediate(this.flush);
  }

  /** Writes the lines of exchanges that have ended. */
  readonly flush = (): void => {
    const ended = this.#ended;
    for (let i = 0; i < ended.length; i++) this.#log!.write(accessLine(ended[i]!, this.#line));
    ended.length = 0;
  };

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
