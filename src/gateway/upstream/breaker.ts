// Circuit breaker of one upstream and thread: opens when too large a share of the requests in a sliding window
// failed, then lets a few probes through. The window is a ring of counters; nothing is allocated. HOT

export interface BreakerConfig {
  /** Share of failures, 0 to 1; above 1 the breaker never opens. */
  readonly failureRatio: number;
  readonly minimumRequests: number;
  readonly windowMs: number;
  readonly openMs: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

const SLICES = 10;
/** Probes that must succeed, and that may be in flight, while half open. */
const PROBES = 3;

export class CircuitBreaker {
  readonly #config: BreakerConfig;
  readonly #sliceMs: number;
  readonly #total = new Float64Array(SLICES);
  readonly #failed = new Float64Array(SLICES);
  #slice = 0;
  #sliceEndMs = 0;
  #state: BreakerState = 'closed';
  #openUntilMs = 0;
  #probes = 0;
  #probeSuccesses = 0;

  constructor(config: BreakerConfig) {
    this.#config = config;
    this.#sliceMs = config.windowMs / SLICES;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Whether a request may go. */
  admits(nowMs: number): boolean {
    if (this.#state === 'closed') return true;
    if (this.#state === 'open') {
      if (nowMs < this.#openUntilMs) return false;
      this.#state = 'half-open';
      this.#probes = 0;
      this.#probeSuccesses = 0;
    }
    return this.#probes < PROBES;
  }

  /** A request goes. */
  started(): void {
    if (this.#state === 'half-open') this.#probes++;
  }

  /** A request ended; `aborted` ones say nothing about the upstream. */
  finished(outcome: 'success' | 'failure' | 'aborted', nowMs: number): void {
    if (this.#state === 'half-open') {
      this.#probes = Math.max(0, this.#probes - 1);
      if (outcome === 'failure') this.#open(nowMs);
      else if (outcome === 'success' && ++this.#probeSuccesses >= PROBES) this.#close();
      return;
    }
    if (this.#state === 'open' || outcome === 'aborted') return;
    this.#advance(nowMs);
    this.#total[this.#slice]!++;
    if (outcome === 'success') return;
    this.#failed[this.#slice]!++;
    let total = 0;
    let failed = 0;
    for (let i = 0; i < SLICES; i++) {
      total += this.#total[i]!;
      failed += this.#failed[i]!;
    }
    if (total >= this.#config.minimumRequests && failed / total >= this.#config.failureRatio)
      this.#open(nowMs);
  }

  #open(nowMs: number): void {
    this.#state = 'open';
    this.#openUntilMs = nowMs + this.#config.openMs;
  }

  #close(): void {
    this.#state = 'closed';
    this.#total.fill(0);
    this.#failed.fill(0);
  }

  #advance(nowMs: number): void {
    if (nowMs < this.#sliceEndMs) return;
    const steps = Math.min(SLICES, Math.floor((nowMs - this.#sliceEndMs) / this.#sliceMs) + 1);
    for (let i = 0; i < steps; i++) {
      this.#slice = (this.#slice + 1) % SLICES;
      this.#total[this.#slice] = 0;
      this.#failed[this.#slice] = 0;
    }
    this.#sliceEndMs = nowMs + this.#sliceMs;
  }
}
