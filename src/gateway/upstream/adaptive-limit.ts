// How many requests an upstream takes at once before they begin to queue there, found out from how long answers take, after the gradient
// of Netflix's concurrency-limits: while answers take as long as they usually do the limit grows by the square root of itself; when
// they take longer, a queue is growing somewhere, and it shrinks by that ratio. What is usual falls at once and rises over minutes, and
// now and then the limit is halved for a moment to see it without a queue: otherwise a queue that stays would become usual. One an
// upstream and thread. HOT

export interface AdaptiveSettings {
  readonly min: number;
  readonly initial: number;
  readonly max: number;
}

/** A window of samples ends with so many, or after this time, ms. */
const WINDOW_SAMPLES = 20;
const WINDOW_MS = 250;
/** Answers may take this much longer than usual before it counts as queueing. */
const TOLERANCE = 1.5;
/** The least that a window leaves of the limit, and what a failed window does. */
const MIN_GRADIENT = 0.5;
const BACK_OFF = 0.9;
/** Weight of a window in the limit, and of a faster one in what is usual. */
const SMOOTHING = 0.2;
const FASTER_WEIGHT = 0.3;
/** In this time what is usual comes two thirds nearer to slower answers, ms. */
const SLOWER_MS = 120_000;
/** How often and for how long the limit is halved to look, ms. */
const PROBE_EVERY_MS = 20_000;
const PROBE_MS = 300;
const MIN_QUEUE = 2;

export class AdaptiveLimit {
  readonly #settings: AdaptiveSettings;
  #limit: number;
  #usualMs = 0;
  #sumMs = 0;
  #samples = 0;
  #failures = 0;
  /** Most requests under way while the window lasted. */
  #peak = 0;
  #windowStartMs = 0;
  #probeUntilMs = 0;
  #nextProbeMs = 0;
  #isProbing = false;

  constructor(settings: AdaptiveSettings) {
    this.#settings = settings;
    this.#limit = settings.initial;
  }

  /** Requests that may be under way. */
  get limit(): number {
    return this.#isProbing ? Math.max(this.#settings.min, this.#limit / 2) : this.#limit;
  }

  /** An answer began `ms` after its request was sent; `inFlight` are under way. */
  answered(ms: number, inFlight: number, nowMs: number): void {
    this.#sumMs += ms;
    this.#samples++;
    if (inFlight > this.#peak) this.#peak = inFlight;
    if (this.#samples >= WINDOW_SAMPLES || nowMs - this.#windowStartMs >= WINDOW_MS) this.#close(nowMs);
  }

  /** A request failed or timed out. */
  failed(inFlight: number, nowMs: number): void {
    this.#failures++;
    if (inFlight > this.#peak) this.#peak = inFlight;
    if (nowMs - this.#windowStartMs >= WINDOW_MS) this.#close(nowMs);
  }

  #close(nowMs: number): void {
    const { min, max } = this.#settings;
    const limit = this.#limit;
    const measuredMs = this.#samples === 0 ? 0 : Math.max(0.01, this.#sumMs / this.#samples);
    let next = limit;
    if (this.#failures > this.#samples) next = limit * BACK_OFF;
    else if (this.#samples > 0) {
      this.#learn(measuredMs, nowMs - this.#windowStartMs);
      // A limit that is not used says nothing about what would happen if it was.
      if (!this.#isProbing && this.#peak * 2 >= limit) {
        const gradient = Math.max(MIN_GRADIENT, Math.min(1, (TOLERANCE * this.#usualMs) / measuredMs));
        const room = Math.max(MIN_QUEUE, Math.sqrt(limit));
        next = limit + (limit * gradient + room - limit) * SMOOTHING;
      }
    }
    this.#limit = Math.max(min, Math.min(max, next));
    this.#probe(nowMs);
    this.#sumMs = 0;
    this.#samples = 0;
    this.#failures = 0;
    this.#peak = 0;
    this.#windowStartMs = nowMs;
  }

  #learn(measuredMs: number, elapsedMs: number): void {
    if (this.#usualMs === 0) this.#usualMs = measuredMs;
    const weight =
      measuredMs < this.#usualMs ? FASTER_WEIGHT : Math.min(1, Math.min(elapsedMs, WINDOW_MS) / SLOWER_MS);
    this.#usualMs += (measuredMs - this.#usualMs) * weight;
  }

  #probe(nowMs: number): void {
    if (this.#nextProbeMs === 0) this.#nextProbeMs = nowMs + PROBE_EVERY_MS;
    if (!this.#isProbing && nowMs >= this.#nextProbeMs) {
      this.#isProbing = true;
      this.#probeUntilMs = nowMs + PROBE_MS;
      this.#nextProbeMs = nowMs + PROBE_EVERY_MS;
    } else if (this.#isProbing && nowMs >= this.#probeUntilMs) this.#isProbing = false;
  }
}
