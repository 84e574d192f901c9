// W3C Trace Context (https://www.w3.org/TR/trace-context/, level 1 syntax): a valid parent is continued, anything
// else starts a new trace. HOT
import { randomHex } from '../core/index.ts';
import type { Exchange } from '../exchange/index.ts';

const version00 = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
/** Later versions may append to the same beginning (section 4.3.1). */
const laterVersion = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const noTrace = '0'.repeat(32);
const noSpan = '0'.repeat(16);

/**
 * Fills the exchange's trace from the client's `traceparent`, or null. `parentSpanId` stays empty when a new trace was
 * started; then the client's `tracestate` must be dropped.
 */
export function applyTraceContext(exchange: Exchange, traceparent: string | null): void {
  exchange.spanId = randomHex(16);
  if (traceparent !== null) {
    const match = version00.exec(traceparent) ?? laterVersion.exec(traceparent);
    if (match !== null && match[1] !== noTrace && match[2] !== noSpan) {
      exchange.traceId = match[1]!;
      exchange.parentSpanId = match[2]!;
      // Of the flags only `sampled` is known.
      exchange.traceFlags = (Number.parseInt(match[3]!, 16) & 1) === 1 ? '01' : '00';
      return;
    }
  }
  exchange.traceId = randomHex(32);
}

/** `traceparent` for the upstream. */
export function traceparentOf(exchange: Exchange): string {
  return '00-' + exchange.traceId + '-' + exchange.spanId + '-' + exchange.traceFlags;
}
