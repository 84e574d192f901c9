// One upstream as one data-plane thread sees it: which endpoints there are, which of them may be used, and which one
// takes the next request. Active health comes from the main thread, passive health from what happens here. HOT
import type { Clock } from '../../core/index.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { type BreakerState, CircuitBreaker } from './breaker.ts';
import type { UpstreamSettings } from './contract.ts';
import { Endpoint, type EndpointUpdate } from './endpoint.ts';
import { HashRing } from './hash-ring.ts';

export type Outcome = 'success' | 'failure' | 'aborted';

/** Retries that are possible whatever the traffic, and the most that can be saved up. */
const RETRY_FLOOR = 3;
const RETRY_CAP = 100;
/** Passive ejection leaves at least this share of the endpoints. */
const MIN_REMAINING = 0.5;
/** Weight with which slow start begins. */
const SLOW_START_FLOOR = 0.1;
/** Share of an adaptive limit that requests of a priority may fill; what is critical is bounded by `max-in-flight` alone. */
const SHARES = [Number.POSITIVE_INFINITY, 1, 0.9, 0.7] as const;

export interface UpstreamReport {
  readonly endpoints: readonly {
    readonly label: string;
    readonly healthy: boolean;
    readonly ejected: boolean;
    readonly inFlight: number;
  }[];
  readonly breaker: BreakerState;
  readonly inFlight: number;
  /** Requests that may be under way; 0 where that does not adapt. */
  readonly limit: number;
}

export class Upstream {
  readonly name: string;
  /** Called for every endpoint that is no longer part of the upstream. */
  onRemoved: (endpoint: Endpoint) => void = () => {};
  #endpoints: Endpoint[] = [];
  #ring: HashRing = new HashRing([]);
  #inFlight = 0;
  #retryTokens = RETRY_FLOOR;
  readonly #settings: UpstreamSettings;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #breaker: CircuitBreaker;
  readonly #adaptive: AdaptiveLimit | null;
  #nowMs = 0;
  readonly #usable = (endpoint: Endpoint): boolean => this.#isUsable(endpoint);

  constructor(settings: UpstreamSettings, clock: Clock, random: () => number) {
    this.name = settings.name;
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
    this.#breaker = new CircuitBreaker(settings.breaker);
    this.#adaptive = settings.adaptive === null ? null : new AdaptiveLimit(settings.adaptive);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /**
   * Whether the breaker and the bounds on requests in flight let another request go. `priority`, 0 to 3: what matters less
   * leaves room for what matters more.
   */
  admit(priority = 0): boolean {
    if (this.#inFlight >= this.#settings.breaker.maxInFlight) return false;
    const adaptive = this.#adaptive;
    if (adaptive !== null && priority > 0 && this.#inFlight + 1 > adaptive.limit * SHARES[priority]!) {
      // One at least goes, or nothing would ever be measured again.
      if (this.#inFlight > 0) return false;
    }
    return this.#breaker.admits(this.#clock.monotonicMs());
  }

  /**
   * Endpoint for the next request, or null when none can be used. `exclude`, the endpoint of a failed attempt, is
   * avoided while there is another.
   */
  pick(hashKey: string, exclude: Endpoint | null): Endpoint | null {
    const endpoints = this.#endpoints;
    this.#nowMs = this.#clock.monotonicMs();
    if (endpoints.length === 1) return this.#isUsable(endpoints[0]!) ? endpoints[0]! : null;
    let chosen: Endpoint | null;
    switch (this.#settings.balance) {
      case 'round-robin':
        chosen = this.#roundRobin(exclude);
        break;
      case 'hash':
        chosen = this.#ring.pick(
          hashKey,
          exclude === null ? this.#usable : (e) => e !== exclude && this.#isUsable(e),
        );
        break;
      default:
        chosen = this.#leastRequest(exclude);
    }
    if (chosen === null && exclude !== null && this.#isUsable(exclude)) return exclude;
    return chosen;
  }

  #isUsable(endpoint: Endpoint): boolean {
    return endpoint.healthy && endpoint.ejectedUntilMs <= this.#nowMs;
  }

  /** Power of two choices (Mitzenmacher, 2001) on requests in flight over weight. */
  #leastRequest(exclude: Endpoint | null): Endpoint | null {
    const first = this.#randomUsable(exclude, null);
    if (first === null) return null;
    const second = this.#randomUsable(exclude, first);
    if (second === null) return first;
    return this.#load(second) < this.#load(first) ? second : first;
  }

  #load(endpoint: Endpoint): number {
    return (endpoint.inFlight + 1) / this.#weight(endpoint);
  }

  #randomUsable(exclude: Endpoint | null, other: Endpoint | null): Endpoint | null {
    const endpoints = this.#endpoints;
    const size = endpoints.length;
    const start = Math.floor(this.#random() * size);
    for (let i = 0; i < size; i++) {
      const endpoint = endpoints[(start + i) % size]!;
      if (endpoint !== exclude && endpoint !== other && this.#isUsable(endpoint)) return endpoint;
    }
    return null;
  }

  /** Smooth weighted round robin: each gains its weight, the richest serves and pays the sum. */
  #roundRobin(exclude: Endpoint | null): Endpoint | null {
    let best: Endpoint | null = null;
    let sum = 0;
    for (let i = 0; i < this.#endpoints.length; i++) {
      const endpoint = this.#endpoints[i]!;
      if (endpoint === exclude || !this.#isUsable(endpoint)) continue;
      const weight = this.#weight(endpoint);
      sum += weight;
      endpoint.credit += weight;
      if (best === null || endpoint.credit > best.credit) best = endpoint;
    }
    if (best !== null) best.credit -= sum;
    return best;
  }

  /** Weight with slow start: a new or recovered endpoint is given more and more until it is warm. */
  #weight(endpoint: Endpoint): number {
    const rampMs = this.#settings.slowStartMs;
    const ageMs = this.#nowMs - endpoint.startedMs;
    if (rampMs === 0 || ageMs >= rampMs) return endpoint.weight;
    return endpoint.weight * Math.max(SLOW_START_FLOOR, ageMs / rampMs);
  }

  started(endpoint: Endpoint): void {
    endpoint.inFlight++;
    this.#inFlight++;
    this.#breaker.started();
    this.#retryTokens = Math.min(RETRY_CAP, this.#retryTokens + this.#settings.retries.budget);
  }

  /** An answer began, `ms` after its request was sent. */
  answered(ms: number): void {
    this.#adaptive?.answered(ms, this.#inFlight, this.#clock.monotonicMs());
  }

  /** The attempt ended; a failure is one of the endpoint's, an aborted one of nobody's. */
  finished(endpoint: Endpoint, outcome: Outcome): void {
    const nowMs = this.#clock.monotonicMs();
    endpoint.inFlight--;
    this.#inFlight--;
    this.#breaker.finished(outcome, nowMs);
    if (outcome === 'success') {
      endpoint.failures = 0;
      endpoint.ejections = 0;
    } else if (outcome === 'failure') {
      endpoint.failures++;
      this.#adaptive?.failed(this.#inFlight + 1, nowMs);
      if (endpoint.failures >= this.#settings.ejection.consecutiveFailures) this.#eject(endpoint, nowMs);
    }
  }

  #eject(endpoint: Endpoint, nowMs: number): void {
    const endpoints = this.#endpoints;
    let remaining = 0;
    for (let i = 0; i < endpoints.length; i++) {
      const other = endpoints[i]!;
      if (other !== endpoint && other.healthy && other.ejectedUntilMs <= nowMs) remaining++;
    }
    endpoint.failures = 0;
    // The last ones stay: a bad endpoint is better than none, and the breaker guards against the rest.
    if (remaining < Math.max(1, endpoints.length * MIN_REMAINING)) return;
    const { baseMs, maxMs } = this.#settings.ejection;
    endpoint.ejectedUntilMs = nowMs + Math.min(maxMs, baseMs * 2 ** Math.min(endpoint.ejections, 20));
    endpoint.startedMs = endpoint.ejectedUntilMs;
    endpoint.ejections++;
  }

  /** Takes a retry out of the budget; false when it is used up. */
  mayRetry(): boolean {
    if (this.#retryTokens < 1) return false;
    this.#retryTokens--;
    return true;
  }

  /** News of resolution and health: endpoints that stay keep their counters. */
  update(updates: readonly EndpointUpdate[]): void {
    const nowMs = this.#clock.monotonicMs();
    const known = new Map(this.#endpoints.map((endpoint) => [endpoint.key, endpoint]));
    const isFirst = known.size === 0;
    this.#endpoints = updates.map((update) => {
      const endpoint = known.get(update.key);
      // At the start all are equally cold.
      if (endpoint === undefined) return new Endpoint(update, isFirst ? Number.NEGATIVE_INFINITY : nowMs);
      known.delete(update.key);
      endpoint.weight = update.weight;
      if (update.healthy && !endpoint.healthy) {
        endpoint.startedMs = nowMs;
        endpoint.ejectedUntilMs = 0;
      }
      endpoint.healthy = update.healthy;
      return endpoint;
    });
    this.#ring = new HashRing(this.#settings.balance === 'hash' ? this.#endpoints : []);
    for (const endpoint of known.values()) {
      endpoint.draining = true;
      this.onRemoved(endpoint);
    }
  }

  report(): UpstreamReport {
    const nowMs = this.#clock.monotonicMs();
    return {
      endpoints: this.#endpoints.map((endpoint) => ({
        label: endpoint.label,
        healthy: endpoint.healthy,
        ejected: endpoint.ejectedUntilMs > nowMs,
        inFlight: endpoint.inFlight,
      })),
      breaker: this.#breaker.state,
      inFlight: this.#inFlight,
      limit: this.#adaptive?.limit ?? 0,
    };
  }
}
