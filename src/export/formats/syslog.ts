// RFC 5424 messages and their frames by octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3).
import type { Severity } from '../contract.ts';
import { type ExportEvent, eventTitles } from '../event.ts';
import type { Origin } from '../sink.ts';
import { oneLine } from './text.ts';

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
  const { record } = event;
  const parameters: string[] = [];
  const put = (name: string, text: string | number | undefined): void => {
    if (text !== undefined && text !== '') parameters.push(`${name}="${value(String(text))}"`);
  };
  put('id', record.id);
  put('src', record.client_address);
  put('country', record.country);
  put('asn', record.asn);
  put('decision', record.decision);
  put('status', record.status);
  put('method', record.method);
  put('host', record.host);
  put('path', record.path);
  put('query', record.query);
  put('api', record.api);
  put('op', record.operation);
  put('user', record.consumer);
  put('credential', record.credential);
  put('guard', record.guard);
  put('code', record.code);
  put('reason', record.reason);
  put('rules', record.rules?.join(','));
  put('policy', record.policy);
  put('risk', record.risk);
  put('signs', record.risk_signs?.join(','));
  put('durationUs', record.duration_us);
  put('in', record.request_bytes);
  put('out', record.response_bytes);
  put('trace', record.trace_id);
  put('agent', record.user_agent);
  const data = `[gatewright@${head.enterprise} ${parameters.join(' ')}]`;
  return `${prefix(event, origin, head)} ${data} ${eventTitles[event.name]}`;
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
