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
      exchange.parentSampled = (Number.parseInt(match[3]!, 16) & 1) === 1;
      exchange.traceFlags = exchange.parentSampled ? '01' : '00';
      return;
    }
  }
  exchange.traceId = randomHex(32);
}

/** `traceparent` for the upstream. */
export function traceparentOf(exchange: Exchange): string {
  const { upstreamSpanId } = exchange;
  return (
    '00-' +
    exchange.traceId +
    '-' +
    (upstreamSpanId === '' ? exchange.spanId : upstreamSpanId) +
    '-' +
    exchange.traceFlags
  );
}

/** Id of the span of the call to the service: told by that of the server's span, so that it needs no place in the record. */
export function childSpanId(spanId: string): string {
  return (spanId.charCodeAt(0) === 0x66 ? '0' : 'f') + spanId.slice(1);
}

/** How requests are chosen when they begin; main thread and data-plane threads come to the same answer. */
export interface TracePlan {
  /** Share of traces, 0 to 1. */
  readonly ratio: number;
  /** What the client's `traceparent` decides: nothing, that a sampled trace is kept too, or all. */
  readonly parent: 'ignore' | 'keep' | 'follow';
}

/**
 * Consistent sampling by the last 56 bits of the trace id, which level 2 of Trace Context asks to be random: whoever compares them
 * with the same threshold chooses the same traces.
 */
export class TraceChoice {
  readonly #parent: TracePlan['parent'];
  /** Least last 14 digits of ids that are sampled; empty for none. */
  readonly #threshold: string;

  constructor({ ratio, parent }: TracePlan) {
    this.#parent = parent;
    const rejected = BigInt(Math.round((1 - ratio) * 2 ** 56));
    this.#threshold = ratio <= 0 ? '' : rejected.toString(16).padStart(14, '0');
  }

  isSampled(traceId: string, hasParent: boolean, parentSampled: boolean): boolean {
    if (hasParent && this.#parent !== 'ignore') {
      if (parentSampled) return true;
      if (this.#parent === 'follow') return false;
    }
    return this.#threshold !== '' && traceId.slice(18) >= this.#threshold;
  }
}
