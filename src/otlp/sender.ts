// One signal's way to the receiver: a bounded queue in memory, batches, retries. What does not fit or is given up is counted; nothing
// waits for a receiver that is slow.
import type { GateLog } from '../telemetry/index.ts';
import type { OtlpConfig } from './contract.ts';
import { type Signal, signals } from './messages.ts';
import { encodeRequest, type Transport } from './transport.ts';

/** First and longest pause after a failure, ms; each is a random part of the doubled one before. */
const BACKOFF_MS = { first: 500, max: 30_000 };
/** How long what is left is tried when the gate ends, ms. */
const FLUSH_MS = 3000;

export interface SenderEnvironment {
  readonly log: GateLog;
  /** Settles after so many ms, or when the signal is aborted. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 to 1. */
  readonly random?: () => number;
  readonly nowMs?: () => number;
}

export interface SenderCounts {
  sent: number;
  /** Attempts that failed. */
  failures: number;
  /** Refused by the receiver for good. */
  rejected: number;
  /** Had no room in the queue, or were given up. */
  dropped: number;
}

export interface SenderOptions {
  readonly signal: Signal;
  /** Most items that wait. */
  readonly capacity: number;
  readonly batch: number;
  readonly lingerMs: number;
  readonly giveUpMs: number;
  readonly protocol: OtlpConfig['protocol'];
  readonly transport: Transport;
  /** `resource` member of every request. */
  readonly resource: object;
  readonly scope: object;
}

export class Sender {
  readonly signal: Signal;
  readonly counts: SenderCounts = { sent: 0, failures: 0, rejected: 0, dropped: 0 };
  readonly #options: SenderOptions;
  readonly #environment: Required<SenderEnvironment>;
  readonly #queue: object[] = [];
  readonly #closing = new AbortController();
  readonly #late = new AbortController();
  #running: Promise<void> | null = null;
  #endMs = Number.POSITIVE_INFINITY;
  #isFailing = false;

  constructor(options: SenderOptions, environment: SenderEnvironment) {
    this.signal = options.signal;
    this.#options = options;
    this.#environment = { pause, random: Math.random, nowMs: Date.now, ...environment };
  }

  get pending(): number {
    return this.#queue.length;
  }

  offer(item: object): void {
    if (this.#queue.length >= this.#options.capacity) {
      this.counts.dropped++;
      return;
    }
    this.#queue.push(item);
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  async #run(): Promise<void> {
    const { batch, lingerMs } = this.#options;
    while (this.#queue.length > 0) {
      if (this.#queue.length < batch) await this.#environment.pause(lingerMs, this.#closing.signal);
      // They stay in the queue while they are sent: what is under way counts against the bound.
      const items = this.#queue.slice(0, batch);
      await this.#deliver(items);
      this.#queue.splice(0, items.length);
    }
  }

  async #deliver(items: readonly object[]): Promise<void> {
    const { signal, protocol, transport, giveUpMs } = this.#options;
    const body = encodeRequest(protocol, signal, this.#requestOf(items));
    const { nowMs } = this.#environment;
    const untilMs = nowMs() + giveUpMs;
    for (let attempt = 0; ; attempt++) {
      const outcome = await transport.send(signal, body);
      if (outcome.kind === 'taken') {
        this.counts.sent += items.length - Math.min(outcome.rejected, items.length);
        this.counts.rejected += outcome.rejected;
        if (outcome.message !== '')
          this.#environment.log.write('warning', 'otlp-partial-success', {
            signal,
            rejected: outcome.rejected,
            problem: outcome.message,
          });
        return this.#succeeded();
      }
      this.#note(outcome.problem);
      if (outcome.kind === 'never') {
        this.counts.rejected += items.length;
        return;
      }
      const jitterMs = this.#environment.random() * Math.min(BACKOFF_MS.max, BACKOFF_MS.first * 2 ** attempt);
      const waitMs = outcome.afterMs + jitterMs;
      if (nowMs() + waitMs >= Math.min(untilMs, this.#endMs)) {
        this.counts.dropped += items.length;
        return;
      }
      // When the gate ends, the rest of its time is for tries with pauses between them.
      const { signal: closing } = this.#closing;
      await this.#environment.pause(waitMs, closing.aborted ? this.#late.signal : closing);
    }
  }

  #requestOf(items: readonly object[]): object {
    const { ofResource, ofScope, items: member } = signals[this.signal];
    const { resource, scope } = this.#options;
    return { [ofResource]: [{ resource, [ofScope]: [{ scope, [member]: items }] }] };
  }

  #succeeded(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#environment.log.write('info', 'otlp-recovered', { signal: this.signal });
  }

  #note(problem: string): void {
    this.counts.failures++;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#environment.log.write('warning', 'otlp-failing', { signal: this.signal, problem });
  }

  /** Sends what waits, for a few seconds at most; what can not be sent by then is dropped and counted. */
  async close(): Promise<void> {
    this.#endMs = this.#environment.nowMs() + FLUSH_MS;
    this.#closing.abort();
    await Promise.race([this.#running ?? Promise.resolve(), pause(FLUSH_MS, this.#late.signal)]);
    this.#late.abort();
    this.counts.dropped += this.#queue.length;
    this.#queue.length = 0;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
