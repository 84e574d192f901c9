// Entries of the audit trail in the formats of lines, in ECS, and as structured data of syslog.
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { TrailEvent } from '../event.ts';
import type { Origin } from '../sink.ts';
import type { TrailRecord } from '../trail-record.ts';

type Value = string | number | undefined;

/** What line formats say of an entry, in the order of weight, by our names. */
export function trailFields(record: TrailRecord): [string, Value][] {
  const json = (value: object | undefined): Value =>
    value === undefined ? undefined : JSON.stringify(value);
  return [
    ['action', record.action],
    ['event', record.event],
    ['outcome', record.outcome],
    ['actorKind', record.actor_kind],
    ['actor', record.actor],
    ['targetKind', record.target_kind],
    ['target', record.target],
    ['address', record.address],
    ['reason', record.reason],
    ['id', record.id],
    ['trail', record.trail],
    ['index', record.index],
    ['request', record.request_id],
    ['trace', record.trace_id],
    ['before', json(record.before)],
    ['after', json(record.after)],
    ['details', json(record.details)],
  ];
}

/** Names that CEF and LEEF have for our fields. */
const cefNames: Readonly<Record<string, string>> = {
  action: 'act',
  outcome: 'outcome',
  actor: 'suser',
  target: 'duser',
  reason: 'reason',
  id: 'externalId',
};
const cefLabels: Readonly<Record<string, string>> = {
  event: 'cs1',
  actorKind: 'cs2',
  targetKind: 'cs3',
  trail: 'cs4',
  trace: 'cs5',
  details: 'cs6',
  index: 'cn1',
};
const leefNames: Readonly<Record<string, string>> = {
  actor: 'usrName',
  target: 'resource',
  address: 'src',
  id: 'eventUid',
  trace: 'traceId',
};

type Put = (key: string, value: Value, max?: number) => void;

export function putTrailCef({ record, timeMs }: TrailEvent, put: Put): void {
  put('rt', timeMs);
  for (const [name, value] of trailFields(record)) {
    if (value === undefined || value === '') continue;
    const known = cefNames[name];
    const custom = cefLabels[name];
    if (known !== undefined) put(known, value);
    else if (custom !== undefined) {
      put(custom, value, 4000);
      put(`${custom}Label`, name);
    }
  }
  const { address } = record;
  if (address === undefined || address === '') return;
  if (isIPv4(address)) put('src', address);
  else if (isIPv6(address)) {
    put('c6a2', address);
    put('c6a2Label', 'Source IPv6 Address');
  } else put('shost', address);
}

export function putTrailLeef({ record, timeMs, name }: TrailEvent, severity: number, put: Put): void {
  put('devTime', timeMs);
  put('cat', name.split('.')[0]);
  put('sev', severity);
  for (const [field, value] of trailFields(record)) put(leefNames[field] ?? field, value);
}

const ecsCategories = new Map<string, readonly [string, string]>([
  ['gate', ['process', 'info']],
  ['config', ['configuration', 'change']],
  ['state', ['iam', 'change']],
  ['admin', ['iam', 'change']],
  ['identity', ['authentication', 'info']],
  ['service', ['iam', 'info']],
  ['credential', ['authentication', 'info']],
  ['threat', ['threat', 'indicator']],
  ['vault', ['api', 'access']],
  ['request', ['api', 'denied']],
]);

export function encodeTrailEcs(
  { record, name }: TrailEvent,
  origin: Origin,
  levels: { readonly severity: number; readonly level: string; readonly title: string },
): Record<string, unknown> {
  const [category, type] = ecsCategories.get(name.split('.')[0] ?? '') ?? ['configuration', 'info'];
  const isAddress = isIP(record.address ?? '') > 0;
  const user = record.actor === undefined ? undefined : { id: record.actor, domain: record.actor_kind };
  const target =
    record.target === undefined ? {} : { target: { id: record.target, domain: record.target_kind } };
  return {
    '@timestamp': record.time,
    ecs: { version: '9.4.0' },
    message: levels.title,
    event: {
      kind: 'event',
      category: [category],
      type: [type],
      action: name,
      id: record.id,
      sequence: record.index,
      outcome: record.outcome === 'success' ? 'success' : 'failure',
      dataset: 'gatewright.audit',
      module: 'gatewright',
      severity: levels.severity,
      code: record.event,
      reason: record.reason,
    },
    log: { level: levels.level },
    source:
      record.address === undefined || record.address === ''
        ? undefined
        : { address: record.address, ...(isAddress ? { ip: record.address } : {}) },
    http: record.request_id === undefined ? undefined : { request: { id: record.request_id } },
    trace: record.trace_id === undefined ? undefined : { id: record.trace_id },
    user: user === undefined ? undefined : { ...user, ...target },
    labels: { trail: record.trail },
    gatewright: { before: record.before, after: record.after, details: record.details },
    observer: {
      vendor: 'Gatewright',
      product: 'API gateway',
      type: 'proxy',
      version: origin.version,
      hostname: origin.hostname,
    },
    related: {
      ip: isAddress ? [record.address] : undefined,
      user: [record.actor, record.target].filter((one) => one !== undefined),
    },
  };
}
