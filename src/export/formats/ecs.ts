// Elastic Common Schema 9: one JSON document an event. Only addresses stand in fields of type `ip`, because anything
// else there makes a receiver refuse the document.
import { isIP } from 'node:net';
import type { ExchangeRecord } from '../../telemetry/index.ts';
import { type ExportEvent, eventTitles, type RequestEvent, titleOf } from '../event.ts';
import type { Origin } from '../sink.ts';
import { encodeTrailEcs } from './trail.ts';

const levels = {
  info: 'info',
  low: 'notice',
  medium: 'warning',
  high: 'error',
  critical: 'critical',
} as const;
const scale = { info: 1, low: 3, medium: 5, high: 8, critical: 10 } as const;

function categories({ record, name }: RequestEvent): { category: string[]; type: string[] } {
  const isDenied = record.decision === 'refused';
  if (name === 'authentication.failed')
    return { category: ['authentication', 'api'], type: ['start', 'denied'] };
  const category = ['api', 'web'];
  if (record.rules !== undefined) category.push('intrusion_detection');
  return { category, type: ['access', isDenied ? 'denied' : 'allowed'] };
}

const ecsTypes: Readonly<Record<string, string>> = {
  domain: 'domain-name',
  url: 'url',
  'user-agent': 'user-agent',
};

/** Enrichments, as the field set of threats has them. */
function threatOf({ threats }: ExchangeRecord): object | undefined {
  if (threats === undefined) return undefined;
  return {
    enrichments: threats.map(({ feed, indicator, name, kind, value, confidence }) => ({
      indicator: {
        id: [indicator],
        name: name === '' ? undefined : name,
        provider: feed,
        type: kind === 'address' ? (value.includes(':') ? 'ipv6-addr' : 'ipv4-addr') : ecsTypes[kind],
        confidence: confidence >= 70 ? 'High' : confidence >= 30 ? 'Medium' : 'Low',
        ip: kind === 'address' ? value : undefined,
      },
      matched: { atomic: value, type: 'indicator_match_rule' },
    })),
  };
}

export function encodeEcs(event: ExportEvent, origin: Origin): Record<string, unknown> {
  if (event.kind === 'trail')
    return encodeTrailEcs(event, origin, {
      severity: scale[event.severity],
      level: levels[event.severity],
      title: titleOf(event),
    });
  const { record, name, severity } = event;
  const isFine = record.decision === 'allowed' || record.decision === 'answered';
  const source = {
    address: record.client_address,
    ...(isIP(record.client_address ?? '') > 0 ? { ip: record.client_address } : {}),
    bytes: record.request_bytes,
    ...(record.country === undefined ? {} : { geo: { country_iso_code: record.country } }),
    ...(record.asn === undefined ? {} : { as: { number: record.asn } }),
  };
  return {
    '@timestamp': record.time,
    ecs: { version: '9.4.0' },
    message: eventTitles[name],
    event: {
      kind: 'event',
      ...categories(event),
      action: name,
      id: record.id,
      outcome: isFine ? 'success' : 'failure',
      dataset: 'gatewright.access',
      module: 'gatewright',
      duration: record.duration_us * 1000,
      severity: scale[severity],
      risk_score: record.risk,
      code: record.code,
      reason: record.reason ?? record.code,
    },
    log: { level: levels[severity] },
    source,
    client: source,
    http: {
      version: record.protocol?.replace('HTTP/', ''),
      request: { method: record.method, id: record.id, bytes: record.request_bytes },
      response: { status_code: record.status, bytes: record.response_bytes },
    },
    url: { domain: record.host, path: record.path, query: record.query },
    user: record.consumer === undefined ? undefined : { id: record.consumer },
    user_agent: record.user_agent === undefined ? undefined : { original: record.user_agent },
    service: record.api === undefined ? undefined : { name: record.api },
    trace: record.trace_id === undefined ? undefined : { id: record.trace_id },
    span: record.span_id === undefined ? undefined : { id: record.span_id },
    rule: record.rules === undefined ? undefined : { id: record.rules.map(String) },
    threat: threatOf(record),
    labels: {
      operation: record.operation,
      guard: record.guard,
      policy: record.policy,
      credential: record.credential,
      listener: record.listener,
    },
    observer: {
      vendor: 'Gatewright',
      product: 'API gateway',
      type: 'proxy',
      version: origin.version,
      hostname: origin.hostname,
    },
    related: {
      ip: isIP(record.client_address ?? '') > 0 ? [record.client_address] : undefined,
      user: record.consumer === undefined ? undefined : [record.consumer],
    },
  };
}
