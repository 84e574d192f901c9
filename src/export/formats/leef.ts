// QRadar's Log Event Extended Format 2.0 with `^` between pairs. The format has no escape, so that the delimiter is
// replaced in values.
import type { Severity } from '../contract.ts';
import type { ExportEvent } from '../event.ts';
import type { Origin } from '../sink.ts';
import { oneLine, threatText } from './text.ts';
import { putTrailLeef } from './trail.ts';

const severities: Readonly<Record<Severity, number>> = { info: 1, low: 3, medium: 5, high: 8, critical: 10 };
const MAX_VALUE = 1023;

export function encodeLeef(event: ExportEvent, origin: Origin): string {
  const pairs: string[] = [];
  const put = (key: string, value: string | number | undefined): void => {
    if (value === undefined) return;
    const text = oneLine(String(value), MAX_VALUE).replaceAll('^', ' ').trim();
    if (text !== '') pairs.push(`${key}=${text}`);
  };
  const version = oneLine(origin.version, 31).replace(/[|^]/g, ' ');
  const line = (): string => `LEEF:2.0|Gatewright|API gateway|${version}|${event.name}|^|${pairs.join('^')}`;
  if (event.kind === 'trail') {
    putTrailLeef(event, severities[event.severity], put);
    return line();
  }
  const { record, name, severity, timeMs } = event;
  // The most important first: receivers cut long payloads.
  put('devTime', timeMs);
  put('cat', name.split('.')[0]);
  put('sev', severities[severity]);
  put('src', record.client_address);
  put('usrName', record.consumer?.slice(0, 255));
  put('action', record.decision);
  put('status', record.status);
  put('method', record.method);
  put('url', record.path);
  put('policy', record.rules?.join(',') ?? record.policy);
  put('resource', record.operation);
  put('reason', record.reason ?? record.code);
  put('threats', threatText(record));
  put('eventUid', record.id);
  put('guard', record.guard);
  put('domain', record.host);
  put('api', record.api);
  put('srcBytes', record.request_bytes);
  put('dstBytes', record.response_bytes);
  put('durationUs', record.duration_us);
  put('traceId', record.trace_id);
  put('userAgent', record.user_agent);
  return line();
}
