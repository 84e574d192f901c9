// Time is a parameter everywhere it matters, so that tests need not wait.

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. May jump; use for timestamps and token lifetimes. */
  epochMs(): number;
  /** Monotonic milliseconds with a fraction, the same origin on every thread of the process. */
  monotonicMs(): number;
}

// performance.now() counts from the start of its own thread, hrtime from the machine's: the difference is
// taken once, because hrtime itself allocates.
const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export const systemClock: Clock = {
  epochMs: () => Date.now(),
  monotonicMs: () => performance.now() + offsetMs,
};
