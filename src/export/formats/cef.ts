// ArcSight Common Event Format, version 0: a header of seven fields and `key=value` pairs.
import { isIPv4, isIPv6 } from 'node:net';
import type { Severity } from '../contract.ts';
import { type ExportEvent, titleOf } from '../event.ts';
import type { Origin } from '../sink.ts';
import { oneLine, threatText } from './text.ts';
import { putTrailCef } from './trail.ts';

const severities: Readonly<Record<Severity, number>> = { info: 1, low: 3, medium: 5, high: 8, critical: 10 };

const header = (text: string, max: number): string => oneLine(text, max).replace(/[\\|]/g, '\\$&');
const extension = (text: string, max: number): string => oneLine(text, max).trim().replace(/[\\=]/g, '\\$&');

export function encodeCef(event: ExportEvent, origin: Origin): string {
  const pairs: string[] = [];
  const put = (key: string, value: string | number | undefined, max = 1023): void => {
    if (value === undefined) return;
    const text = extension(String(value), max);
    if (text !== '') pairs.push(`${key}=${text}`);
  };
  const labelled = (key: string, label: string, value: string | number | undefined, max = 1023): void => {
    if (value === undefined || value === '') return;
    put(key, value, max);
    put(`${key}Label`, label);
  };
  const head = [
    'Gatewright',
    'API gateway',
    header(origin.version, 31),
    event.name,
    header(titleOf(event), 512),
  ];
  const line = (): string => `CEF:0|${head.join('|')}|${severities[event.severity]}|${pairs.join(' ')}`;
  if (event.kind === 'trail') {
    putTrailCef(event, put);
    return line();
  }
  const { record, timeMs } = event;
  put('rt', timeMs);
  put('act', record.decision, 63);
  put('outcome', record.decision === 'allowed' || record.decision === 'answered' ? 'success' : 'failure', 63);
  put('reason', record.reason ?? record.code);
  put('externalId', record.id, 40);
  if (isIPv4(record.client_address)) put('src', record.client_address);
  else if (isIPv6(record.client_address ?? ''))
    labelled('c6a2', 'Source IPv6 Address', record.client_address);
  else put('shost', record.client_address);
  put('dhost', record.host);
  put('suser', record.consumer);
  put('requestMethod', record.method);
  put('request', record.query === undefined ? record.path : `${record.path}?${record.query}`);
  put('requestClientApplication', record.user_agent);
  put('app', record.protocol, 31);
  put('in', record.request_bytes);
  put('out', record.response_bytes);
  labelled('cn1', 'httpStatus', record.status);
  labelled('cn2', 'durationUs', record.duration_us);
  labelled('cs1', 'rule', record.rules?.join(','), 4000);
  labelled('cs2', 'api', record.api, 4000);
  labelled('cs3', 'operation', record.operation, 4000);
  labelled('cs4', 'guard', record.guard, 4000);
  labelled('cs5', 'traceId', record.trace_id, 4000);
  labelled('cs6', 'policy', record.policy, 4000);
  labelled('flexString1', 'threats', threatText(record), 1023);
  return line();
}
