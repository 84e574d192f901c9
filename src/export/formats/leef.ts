// QRadar's Log Event Extended Format 2.0 with `^` between pairs. The format has no escape, so that the delimiter is
// replaced in values.
import type { Severity } from '../contract.ts';
import type { ExportEvent } from '../event.ts';
import type { Origin } from '../sink.ts';
import { oneLine } from './text.ts';

const severities: Readonly<Record<Severity, number>> = { info: 1, low: 3, medium: 5, high: 8, critical: 10 };
const MAX_VALUE = 1023;

export function encodeLeef({ record, name, severity, timeMs }: ExportEvent, origin: Origin): string {
  const pairs: string[] = [];
  const add = (key: string, value: string | number | undefined): void => {
    if (value === undefined) return;
    const text = oneLine(String(value), MAX_VALUE).replaceAll('^', ' ').trim();
    if (text !== '') pairs.push(`${key}=${text}`);
  };
  // The most important first: receivers cut long payloads.
  add('devTime', timeMs);
  add('cat', name.split('.')[0]);
  add('sev', severities[severity]);
  add('src', record.client_address);
  add('usrName', record.consumer?.slice(0, 255));
  add('action', record.decision);
  add('status', record.status);
  add('method', record.method);
  add('url', record.path);
  add('policy', record.rules?.join(',') ?? record.policy);
  add('resource', record.operation);
  add('reason', record.reason ?? record.code);
  add('eventUid', record.id);
  add('guard', record.guard);
  add('domain', record.host);
  add('api', record.api);
  add('srcBytes', record.request_bytes);
  add('dstBytes', record.response_bytes);
  add('durationUs', record.duration_us);
  add('traceId', record.trace_id);
  add('userAgent', record.user_agent);
  const version = oneLine(origin.version, 31).replace(/[|^]/g, ' ');
  return `LEEF:2.0|Gatewright|API gateway|${version}|${name}|^|${pairs.join('^')}`;
}
