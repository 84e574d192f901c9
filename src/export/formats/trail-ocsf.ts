// Entries of the audit trail in OCSF 1.8: the gate's beginning and end are Application Lifecycle, sign-ins Authentication, uses of the vault and
// refused requests API Activity, everything else Entity Management.
import { isIP } from 'node:net';
import type { TrailEvent } from '../event.ts';
import type { Origin } from '../sink.ts';
import type { TrailRecord } from '../trail-record.ts';

const severities = { info: 1, low: 2, medium: 3, high: 4, critical: 5 } as const;

type Json = Record<string, unknown>;

/** What an act does, by the last words of its name. */
const activities: readonly (readonly [RegExp, number])[] = [
  [/(?:^|[ .-])(?:add|create|created|issue|issued|place|placed|import|init|register)$/, 1],
  [/(?:^|[ .-])(?:read|get|list|search|lookup)$/, 2],
  [/(?:^|[ .-])(?:remove|removed|delete|deleted|destroy|shred|prune|revoke|revoked|release|released)$/, 4],
  [/(?:^|[ .-])(?:enable|enabled)$/, 8],
  [/(?:^|[ .-])(?:disable|disabled)$/, 9],
  [/(?:^|[ .-])(?:change|changed|update|set|put|rotate|rotated|reload|edit|patch)$/, 3],
];

const activityOf = (text: string): number => activities.find(([pattern]) => pattern.test(text))?.[1] ?? 99;

/** API Activity knows only four. */
const apiActivityOf = (text: string): number => {
  const activity = activityOf(text);
  return activity <= 4 ? activity : 99;
};

export function encodeTrailOcsf(event: TrailEvent, origin: Origin, title: string): Json {
  const { record, name } = event;
  const act = record.event ?? name;
  const isSignIn =
    name === 'admin.sign-in' ||
    name === 'credential.use' ||
    (name === 'identity.event' && /^(?:login|logout|session)\b/.test(act));
  if (name === 'gate.start' || name === 'gate.stop')
    return {
      ...common(event, origin, title, 6002, name === 'gate.start' ? 3 : 4, act),
      app: { name: 'Gatewright', vendor_name: 'Gatewright', version: origin.version },
    };
  if (isSignIn)
    return {
      ...common(event, origin, title, 3002, /logout|end|sign-out/.test(act) ? 2 : 1, act),
      user: record.actor === undefined ? { name: 'unknown', type_id: 0 } : { uid: record.actor },
      service: { name: record.target ?? 'Gatewright' },
      is_remote: true,
      ...endpoint(record),
    };
  if (name === 'vault.use' || name.startsWith('request.'))
    return {
      ...common(event, origin, title, 6003, apiActivityOf(act), act),
      actor: actor(record),
      api: { operation: name === 'vault.use' ? act : (record.target ?? 'unknown') },
      src_endpoint: endpoint(record).src_endpoint ?? { name: record.actor ?? 'unknown' },
    };
  return {
    ...common(event, origin, title, 3004, activityOf(act), act),
    ...(record.actor === undefined ? {} : { actor: actor(record) }),
    entity: {
      name: record.target ?? name.split('.')[0],
      type: record.target_kind ?? name.split('.')[0],
      type_id: 99,
    },
    ...(record.reason === undefined || record.reason === '' ? {} : { comment: record.reason }),
    ...endpoint(record),
  };
}

const actor = ({ actor: id, actor_kind: kind }: TrailRecord): Json =>
  kind === 'user' || kind === 'operator' || kind === 'consumer'
    ? { user: { uid: id } }
    : { app_name: id === undefined ? 'unknown' : `${kind}:${id}` };

function endpoint({ address }: TrailRecord): { readonly src_endpoint?: Json } {
  if (address === undefined || address === '') return {};
  return { src_endpoint: isIP(address) > 0 ? { ip: address } : { name: address } };
}

function common(
  { record, name, severity, timeMs }: TrailEvent,
  origin: Origin,
  title: string,
  classUid: number,
  activityId: number,
  act: string,
): Json {
  return {
    category_uid: Math.floor(classUid / 1000),
    class_uid: classUid,
    activity_id: activityId,
    ...(activityId === 99 ? { activity_name: act } : {}),
    type_uid: classUid * 100 + activityId,
    time: timeMs,
    severity_id: severities[severity],
    message: title,
    metadata: {
      version: '1.8.0',
      uid: record.id,
      sequence: record.index,
      event_code: name,
      log_name: 'audit',
      product: { name: 'API gateway', vendor_name: 'Gatewright', version: origin.version },
    },
    status_id: record.outcome === 'success' ? 1 : 2,
    ...(record.reason === undefined || record.reason === '' ? {} : { status_detail: record.reason }),
    unmapped: {
      trail: record.trail,
      outcome: record.outcome,
      request_id: record.request_id,
      trace_id: record.trace_id,
      before: record.before,
      after: record.after,
      details: record.details,
    },
  };
}
