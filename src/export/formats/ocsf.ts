// Open Cybersecurity Schema Framework 1.8: the class follows from what happened. A refusal for lack of credentials is
// Authentication, a match of an inspection rule a Detection Finding, a call of a known caller API Activity, anything
// else HTTP Activity; the security_control profile says what the gate did about it.
import { isIP } from 'node:net';
import { type ExportEvent, eventTitles, type RequestEvent, titleOf } from '../event.ts';
import type { Origin } from '../sink.ts';
import { encodeTrailOcsf } from './trail-ocsf.ts';

const severities = { info: 1, low: 2, medium: 3, high: 4, critical: 5 } as const;
const httpActivities: Readonly<Record<string, number>> = Object.assign(Object.create(null), {
  CONNECT: 1,
  DELETE: 2,
  GET: 3,
  HEAD: 4,
  OPTIONS: 5,
  POST: 6,
  PUT: 7,
  TRACE: 8,
  PATCH: 9,
});
const apiActivities: Readonly<Record<string, number>> = Object.assign(Object.create(null), {
  POST: 1,
  GET: 2,
  HEAD: 2,
  PUT: 3,
  PATCH: 3,
  DELETE: 4,
});

type Json = Record<string, unknown>;

export function encodeOcsf(event: ExportEvent, origin: Origin): Json {
  if (event.kind === 'trail') return encodeTrailOcsf(event, origin, titleOf(event));
  const { record, name } = event;
  if (name === 'authentication.failed') return authentication(event, origin);
  if (record.rules !== undefined) return detection(event, origin);
  return record.consumer !== undefined && record.operation !== undefined
    ? apiActivity(event, origin)
    : httpActivity(event, origin);
}

function common(
  { record, name, severity, timeMs }: RequestEvent,
  origin: Origin,
  classUid: number,
  activityId: number,
): Json {
  const isRefused = record.decision === 'refused';
  return {
    category_uid: Math.floor(classUid / 1000),
    class_uid: classUid,
    activity_id: activityId,
    ...(activityId === 99 ? { activity_name: record.method ?? 'Other' } : {}),
    type_uid: classUid * 100 + activityId,
    time: timeMs,
    severity_id: severities[severity],
    message: eventTitles[name],
    metadata: {
      version: '1.8.0',
      uid: record.id,
      event_code: record.code ?? name,
      log_name: 'access',
      profiles: ['security_control'],
      product: { name: 'API gateway', vendor_name: 'Gatewright', version: origin.version },
    },
    action_id: isRefused ? 2 : 1,
    disposition_id: isRefused ? 2 : record.decision === 'failed' ? 27 : 1,
  };
}

function outcome({ record }: RequestEvent): Json {
  const isFine = record.decision === 'allowed' || record.decision === 'answered';
  return {
    status_id: isFine ? 1 : 2,
    status_code: String(record.status),
    ...(record.reason === undefined ? {} : { status_detail: record.reason }),
  };
}

function source({ record }: RequestEvent): Json {
  const address = record.client_address ?? 'unknown';
  return {
    ...(isIP(address) > 0 ? { ip: address } : { name: address }),
    ...(record.country === undefined ? {} : { location: { country: record.country } }),
    ...(record.asn === undefined ? {} : { autonomous_system: { number: record.asn } }),
  };
}

const destination = ({ record }: RequestEvent, origin: Origin): Json => ({
  hostname: record.host ?? origin.hostname,
  svc_name: record.api ?? record.listener,
});

function http({ record }: RequestEvent): Json {
  return {
    http_request: {
      uid: record.id,
      ...(httpActivities[record.method ?? ''] === undefined ? {} : { http_method: record.method }),
      ...(record.user_agent === undefined ? {} : { user_agent: record.user_agent }),
      ...(record.protocol === undefined ? {} : { version: record.protocol.replace('HTTP/', '') }),
      // A URL is nothing without its path (the constraint of the object).
      ...(record.path === undefined
        ? {}
        : {
            url: {
              path: record.path,
              ...(record.host === undefined ? {} : { hostname: record.host }),
              ...(record.query === undefined ? {} : { query_string: record.query }),
            },
          }),
      length: record.request_bytes,
    },
    http_response: {
      code: record.status,
      length: record.response_bytes,
      latency: Math.round(record.duration_us / 1000),
    },
  };
}

/** What threat intelligence knows, as enrichments of the values that it knows. */
const enrichments = ({ record }: RequestEvent): Json =>
  record.threats === undefined
    ? {}
    : {
        enrichments: record.threats.map(({ feed, indicator, name, kind, value, confidence }) => ({
          name: attributeNames[kind] ?? kind,
          value,
          type: 'threat intelligence',
          provider: feed,
          data: { indicator, name, confidence },
        })),
      };

const attributeNames: Readonly<Record<string, string>> = {
  address: 'src_endpoint.ip',
  domain: 'http_request.url.hostname',
  url: 'http_request.url.path',
  'user-agent': 'http_request.user_agent',
};

const unmapped = (event: RequestEvent): Json => ({ ...enrichments(event), ...unmappedOf(event) });

const unmappedOf = ({ record }: RequestEvent): Json => ({
  unmapped: {
    listener: record.listener,
    guard: record.guard,
    trace_id: record.trace_id,
    span_id: record.span_id,
    policy: record.policy,
    risk: record.risk,
  },
});

function httpActivity(event: RequestEvent, origin: Origin): Json {
  const { method } = event.record;
  return {
    ...common(event, origin, 4002, method === undefined ? 0 : (httpActivities[method] ?? 99)),
    ...outcome(event),
    ...http(event),
    src_endpoint: source(event),
    dst_endpoint: destination(event, origin),
    ...unmapped(event),
  };
}

function apiActivity(event: RequestEvent, origin: Origin): Json {
  const { record } = event;
  return {
    ...common(event, origin, 6003, apiActivities[record.method ?? ''] ?? 99),
    ...outcome(event),
    ...http(event),
    actor: { user: { uid: record.consumer } },
    api: { operation: record.operation, service: { name: record.api ?? record.listener } },
    src_endpoint: source(event),
    dst_endpoint: destination(event, origin),
    ...unmapped(event),
  };
}

function authentication(event: RequestEvent, origin: Origin): Json {
  const { record } = event;
  const { http_request } = http(event);
  return {
    ...common(event, origin, 3002, 1),
    ...outcome(event),
    http_request,
    // Nobody was recognised: that is what the event says.
    user: record.consumer === undefined ? { name: 'unknown', type_id: 0 } : { uid: record.consumer },
    is_remote: true,
    logon_type_id: 3,
    service: { name: record.api ?? record.listener },
    src_endpoint: source(event),
    dst_endpoint: destination(event, origin),
    ...unmapped(event),
  };
}

function detection(event: RequestEvent, origin: Origin): Json {
  const { record, name, timeMs } = event;
  const [first] = record.rules ?? [];
  return {
    ...common(event, origin, 2004, 1),
    status_id: 1,
    finding_info: {
      uid: record.id,
      title: eventTitles[name],
      created_time: timeMs,
      analytic: { type_id: 1, uid: String(first ?? 0), name: `rule ${first ?? 0}` },
      types: (record.rules ?? []).map(String),
    },
    evidences: [
      {
        src_endpoint: source(event),
        dst_endpoint: destination(event, origin),
        ...http(event),
        ...(record.consumer === undefined ? {} : { actor: { user: { uid: record.consumer } } }),
      },
    ],
    is_alert: record.decision === 'refused',
    ...unmapped(event),
  };
}
