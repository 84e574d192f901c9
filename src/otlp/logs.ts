// Log records: of finished exchanges, and of what the gate says of itself.
import type { ExchangeRecord, LogLevel } from '../telemetry/index.ts';
import { Attributes, type RouteFacts, serverAttributes } from './attributes.ts';
import type { LogRecord } from './messages.ts';
import { startOf } from './spans.ts';

const severities = {
  info: { severityNumber: 9, severityText: 'INFO' },
  warning: { severityNumber: 13, severityText: 'WARN' },
  error: { severityNumber: 17, severityText: 'ERROR' },
} as const;

const levelOf = { allowed: 'info', answered: 'info', refused: 'warning', failed: 'error' } as const;

export function exchangeLog(record: ExchangeRecord, facts: RouteFacts, nowMs: number): LogRecord {
  const attributes = serverAttributes(record, facts);
  attributes.push({ key: 'gatewright.duration_us', value: { intValue: record.duration_us } });
  const why = record.code === undefined ? '' : ` ${record.code}`;
  return {
    timeUnixNano: startOf(record),
    observedTimeUnixNano: BigInt(nowMs) * 1_000_000n,
    ...severities[levelOf[record.decision]],
    body: {
      stringValue: `${record.method ?? '-'} ${record.path ?? '-'} ${record.status} ${record.decision}${why}`,
    },
    attributes,
    ...(record.trace_id === undefined || record.span_id === undefined
      ? {}
      : { traceId: record.trace_id, spanId: record.span_id }),
    eventName: 'gatewright.exchange',
  };
}

export function gateLogRecord(
  level: LogLevel,
  event: string,
  details: Readonly<Record<string, string | number | boolean>>,
  nowMs: number,
): LogRecord {
  const attributes = new Attributes();
  for (const [name, value] of Object.entries(details)) attributes.add(`gatewright.${name}`, value);
  const time = BigInt(nowMs) * 1_000_000n;
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    ...severities[level],
    body: { stringValue: event },
    attributes: attributes.list,
    eventName: `gatewright.${event}`,
  };
}
