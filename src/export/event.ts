// A record as exporters see it: what happened, how bad it is, and only the fields that the sink may have. Encoders get
// this and nothing else, so that what was taken out can not come back.
import { createHmac } from 'node:crypto';
import { type ExchangeRecord, parseRecord } from '../telemetry/index.ts';
import type { Severity, SinkFilter, SinkRedaction } from './contract.ts';
import { parseTrailRecord, redactTrail, type TrailRecord, trailSeverity } from './trail-record.ts';

export type EventName =
  | 'request.allowed'
  | 'request.answered'
  | 'request.refused'
  | 'request.failed'
  | 'authentication.failed'
  | 'inspection.refused'
  | 'inspection.matched';

/** A finished exchange. */
export interface RequestEvent {
  readonly kind: 'request';
  readonly record: ExchangeRecord;
  readonly name: EventName;
  readonly severity: Severity;
  /** Of the record, ms since the epoch. */
  readonly timeMs: number;
}

/** An entry of the audit trail. */
export interface TrailEvent {
  readonly kind: 'trail';
  readonly record: TrailRecord;
  /** Action of the entry. */
  readonly name: string;
  readonly severity: Severity;
  readonly timeMs: number;
}

export type ExportEvent = RequestEvent | TrailEvent;

/** Sentences for people; never with values of the event. */
export const eventTitles: Readonly<Record<EventName, string>> = {
  'request.allowed': 'Request allowed',
  'request.answered': 'Request answered by the gate',
  'request.refused': 'Request refused',
  'request.failed': 'Request failed at the service',
  'authentication.failed': 'Authentication failed',
  'inspection.refused': 'Request refused by inspection',
  'inspection.matched': 'Inspection matched and let pass',
};

export const titleOf = (event: ExportEvent): string =>
  event.kind === 'request' ? eventTitles[event.name] : `Audit: ${event.record.event ?? event.name}`;

const ranks: Readonly<Record<Severity, number>> = { info: 0, low: 1, medium: 2, high: 3, critical: 4 };

export function nameOf(record: ExchangeRecord): EventName {
  switch (record.decision) {
    case 'refused':
      if (record.guard === 'authenticate') return 'authentication.failed';
      return record.guard === 'inspect' ? 'inspection.refused' : 'request.refused';
    case 'failed':
      return 'request.failed';
    default:
      if (record.rules !== undefined) return 'inspection.matched';
      return record.decision === 'answered' ? 'request.answered' : 'request.allowed';
  }
}

/** Of a record; one that threat intelligence knows is `medium` at least, and `high` where it is sure (80 or more). */
export function severityOf(record: ExchangeRecord): Severity {
  const own = ownSeverity(record);
  const { threats } = record;
  if (threats === undefined || threats.length === 0) return own;
  const known = threats.some(({ confidence }) => confidence >= 80) ? 'high' : 'medium';
  return ranks[own] >= ranks[known] ? own : known;
}

function ownSeverity(record: ExchangeRecord): Severity {
  switch (nameOf(record)) {
    case 'inspection.refused':
      return 'high';
    case 'inspection.matched':
      return record.would_refuse === undefined ? 'low' : 'medium';
    case 'authentication.failed':
    case 'request.failed':
      return 'medium';
    case 'request.refused':
      if (record.code === 'enumeration-suspected') return 'high';
      return record.guard === 'limit' ? 'low' : 'medium';
    default:
      return record.risk !== undefined && record.risk >= 70 ? 'medium' : 'info';
  }
}

export function passesFilter(record: ExchangeRecord, filter: SinkFilter): boolean {
  if (filter.decisions.length > 0 && !filter.decisions.includes(record.decision)) return false;
  if (filter.apis.length > 0 && (record.api === undefined || !filter.apis.includes(record.api))) return false;
  return ranks[severityOf(record)] >= ranks[filter.minSeverity];
}

/** The record without what the sink must not have. */
export function redactRecord(record: ExchangeRecord, redaction: SinkRedaction): ExchangeRecord {
  if (redaction.remove.length === 0 && redaction.hash.length === 0) return record;
  const out = new Map<string, unknown>(Object.entries(record));
  for (const field of redaction.remove) out.delete(field);
  for (const field of redaction.hash) {
    const value = out.get(field);
    if (typeof value === 'string') {
      const digest = createHmac('sha256', redaction.key)
        .update(field)
        .update('\0')
        .update(value)
        .digest('hex');
      out.set(field, digest.slice(0, 32));
    }
  }
  const hidden = new Set([...redaction.remove, ...redaction.hash]);
  if (record.threats !== undefined && out.has('threats'))
    out.set(
      'threats',
      record.threats.map((threat) =>
        shownIn(threat.kind).some((field) => hidden.has(field))
          ? { ...threat, value: '', indicator: '' }
          : threat,
      ),
    );
  return Object.fromEntries(out) as unknown as ExchangeRecord;
}

/** Fields of a record that the value of a threat repeats. */
const shownIn = (kind: string): readonly string[] =>
  kind === 'address'
    ? ['client_address']
    : kind === 'user-agent'
      ? ['user_agent']
      : ['host', 'path', 'query'];

export function toEvent(record: ExchangeRecord): RequestEvent {
  return {
    kind: 'request',
    record,
    name: nameOf(record),
    severity: severityOf(record),
    timeMs: Date.parse(record.time),
  };
}

/** Whether an entry of the trail is severe enough for the sink. */
export const passesTrail = (record: TrailRecord, filter: SinkFilter): boolean =>
  ranks[trailSeverity(record)] >= ranks[filter.minSeverity];

export const toTrailEvent = (record: TrailRecord): TrailEvent => ({
  kind: 'trail',
  record,
  name: record.action,
  severity: trailSeverity(record),
  timeMs: Date.parse(record.time),
});

/** What a line of a spool says, as the sink may see it; null for a torn line. */
export function eventOf(line: string, redaction: SinkRedaction): ExportEvent | null {
  const record = parseRecord(line);
  if (record !== null) return toEvent(redactRecord(record, redaction));
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const entry = parseTrailRecord(value);
  return entry === null ? null : toTrailEvent(redactTrail(entry, redaction));
}
