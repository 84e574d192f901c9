// A failure of the engine is a bug of ours and must be seen; whoever found a way to cause it will repeat it.

/** Failures between two warnings are counted, not printed, ms. */
const REPORT_EVERY_MS = 1000;
let reportedMs = Number.NEGATIVE_INFINITY;
let unreported = 0;

export function reportFailure(cause: unknown): void {
  const nowMs = performance.now();
  if (nowMs - reportedMs < REPORT_EVERY_MS) {
    unreported++;
    return;
  }
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  const more = unreported === 0 ? '' : ` (and ${unreported} more since the last warning)`;
  reportedMs = nowMs;
  unreported = 0;
  process.emitWarning(`inspection failed${more}: ${text}`, 'InspectionFailure');
}
