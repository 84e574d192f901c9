// RFC 5424 messages and their frames by octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3).
import type { Severity } from '../contract.ts';
import { type ExportEvent, type RequestEvent, titleOf } from '../event.ts';
import type { Origin } from '../sink.ts';
import { oneLine, threatText } from './text.ts';
import { trailFields } from './trail.ts';

const severities: Readonly<Record<Severity, number>> = { info: 6, low: 5, medium: 4, high: 3, critical: 2 };
/** Longest value of a parameter, characters. */
const MAX_VALUE = 1024;

/** Printable ASCII without spaces, or `-` (section 6.2). */
const word = (text: string, max: number): string => text.replace(/[^\x21-\x7e]/g, '').slice(0, max) || '-';

/** Values of parameters: `"`, `\` and `]` are escaped, nothing else is (section 6.3.3). */
const value = (text: string): string => oneLine(text, MAX_VALUE).replace(/["\\\]]/g, '\\$&');

export interface SyslogHead {
  /** 0 to 23. */
  readonly facility: number;
  readonly enterprise: number;
}

/** Message without structured data: another format stands in it whole. */
export function encodeSyslog(event: ExportEvent, origin: Origin, head: SyslogHead, message: string): string {
  return `${prefix(event, origin, head)} - ${message}`;
}

/** Message with the record as structured data. */
export function encodeStructured(event: ExportEvent, origin: Origin, head: SyslogHead): string {
  const parameters: string[] = [];
  const fields = event.kind === 'trail' ? trailFields(event.record) : requestFields(event);
  for (const [name, text] of fields)
    if (text !== undefined && text !== '') parameters.push(`${name}="${value(String(text))}"`);
  const data = `[gatewright@${head.enterprise} ${parameters.join(' ')}]`;
  return `${prefix(event, origin, head)} ${data} ${oneLine(titleOf(event), MAX_VALUE)}`;
}

function requestFields({ record }: RequestEvent): [string, string | number | undefined][] {
  return [
    ['id', record.id],
    ['src', record.client_address],
    ['country', record.country],
    ['asn', record.asn],
    ['decision', record.decision],
    ['status', record.status],
    ['method', record.method],
    ['host', record.host],
    ['path', record.path],
    ['query', record.query],
    ['api', record.api],
    ['op', record.operation],
    ['user', record.consumer],
    ['credential', record.credential],
    ['guard', record.guard],
    ['code', record.code],
    ['reason', record.reason],
    ['rules', record.rules?.join(',')],
    ['policy', record.policy],
    ['threats', threatText(record)],
    ['risk', record.risk],
    ['signs', record.risk_signs?.join(',')],
    ['durationUs', record.duration_us],
    ['in', record.request_bytes],
    ['out', record.response_bytes],
    ['trace', record.trace_id],
    ['agent', record.user_agent],
  ];
}

function prefix({ record, name, severity }: ExportEvent, origin: Origin, head: SyslogHead): string {
  const priority = head.facility * 8 + severities[severity];
  return `<${priority}>1 ${record.time} ${word(origin.hostname, 255)} gatewright ${process.pid} ${word(name, 32)}`;
}

/** Length in octets, a space, the message. */
export function frameSyslog(message: string): Buffer {
  const bytes = Buffer.from(message);
  return Buffer.concat([Buffer.from(`${bytes.length} `), bytes]);
}
