// Spans of a finished exchange: the server's, one for the call to the service, one for each guard that was timed.
import { childSpanId, type ExchangeRecord } from '../telemetry/index.ts';
import {
  Attributes,
  clientAttributes,
  errorTypeOf,
  methodOf,
  type RouteFacts,
  serverAttributes,
} from './attributes.ts';
import { type Span, SpanFlag, SpanKind, StatusCode } from './messages.ts';

const nanos = (us: number): bigint => BigInt(Math.round(us)) * 1000n;

/** ns since the epoch when the exchange began; RFC 3339 with milliseconds. */
export const startOf = (record: ExchangeRecord): bigint => BigInt(Date.parse(record.time)) * 1_000_000n;

/** `reason`: why the trace is kept. `spanId` makes ids of the guards' spans. Empty for what never became a request. */
export function spansOf(
  record: ExchangeRecord,
  facts: RouteFacts,
  reason: string,
  spanId: () => string,
): Span[] {
  const { trace_id: traceId, span_id: serverId } = record;
  if (traceId === undefined || serverId === undefined) return [];
  const start = startOf(record);
  const end = start + nanos(record.duration_us);
  const route = facts.routeOf(record.api ?? '', record.operation ?? '');
  const method = methodOf(record) === '_OTHER' ? 'HTTP' : methodOf(record);
  const errorType = errorTypeOf(record);
  const attributes = serverAttributes(record, facts);
  attributes.push({ key: 'gatewright.trace.kept', value: { stringValue: reason } });
  const flags = SpanFlag.sampled | SpanFlag.hasIsRemote;
  const spans: Span[] = [
    {
      traceId,
      spanId: serverId,
      ...(record.parent_span_id === undefined ? {} : { parentSpanId: record.parent_span_id }),
      flags: flags | (record.parent_span_id === undefined ? 0 : SpanFlag.isRemote),
      name: route === '' ? method : `${method} ${route}`,
      kind: SpanKind.server,
      startTimeUnixNano: start,
      endTimeUnixNano: end,
      attributes,
      ...(errorType === '' ? {} : { status: { code: StatusCode.error } }),
    },
  ];
  for (const guard of record.guards ?? []) {
    const own = new Attributes();
    own.add('gatewright.guard', guard.guard);
    own.add('gatewright.guard.hook', guard.hook);
    own.add('gatewright.guard.verdict', guard.verdict);
    const refused = guard.verdict === 'refused' || guard.verdict === 'threw';
    if (refused) own.add('gatewright.code', record.code);
    if (refused) own.add('gatewright.reason', record.reason);
    spans.push({
      traceId,
      spanId: spanId(),
      parentSpanId: serverId,
      flags,
      name: `guard ${guard.guard}`,
      kind: SpanKind.internal,
      startTimeUnixNano: start + nanos(guard.start_us),
      endTimeUnixNano: start + nanos(guard.start_us + guard.duration_us),
      attributes: own.list,
      ...(guard.verdict === 'threw' ? { status: { code: StatusCode.error } } : {}),
    });
  }
  if (record.upstream_address !== undefined && record.judged_us !== undefined) {
    const failed = record.decision === 'failed' || (record.decision === 'allowed' && record.status >= 400);
    spans.push({
      traceId,
      spanId: childSpanId(serverId),
      parentSpanId: serverId,
      flags,
      name: method,
      kind: SpanKind.client,
      startTimeUnixNano: start + nanos(record.judged_us),
      endTimeUnixNano: end,
      attributes: clientAttributes(record, facts),
      ...(record.upstream_first_byte_us === undefined
        ? {}
        : {
            events: [
              {
                timeUnixNano: start + nanos(record.upstream_first_byte_us),
                name: 'gatewright.upstream.first_byte',
              },
            ],
          }),
      ...(failed ? { status: { code: StatusCode.error } } : {}),
    });
  }
  return spans;
}
