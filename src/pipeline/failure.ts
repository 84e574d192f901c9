// What becomes of a guard that throws: the request is denied, and those who run the gate are warned.
import { type GuardName, Refusal } from '../exchange/index.ts';

export function failed(guard: GuardName, cause: unknown): Refusal {
  report(cause);
  return new Refusal('guard-failed', guard, 'guard-threw');
}

/** Failures between two warnings are counted, not printed: whoever found a way to make a guard throw will repeat it, ms. */
const REPORT_EVERY_MS = 1000;
let reportedMs = Number.NEGATIVE_INFINITY;
let unreported = 0;

/** A throwing guard is a bug of ours: it must be seen, but never by the client. */
export function report(cause: unknown): void {
  const nowMs = performance.now();
  if (nowMs - reportedMs < REPORT_EVERY_MS) {
    unreported++;
    return;
  }
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  const more = unreported === 0 ? '' : ` (and ${unreported} more since the last warning)`;
  reportedMs = nowMs;
  unreported = 0;
  process.emitWarning(`a guard threw${more}: ${text}`, 'GuardFailure');
}
