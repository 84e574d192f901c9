// STIX 2.1 objects, as far as indicators and sightings go. What comes is untrusted: members are read once and have a bound.
import { createHash, randomUUID } from 'node:crypto';
import { parseCidr } from '../net/index.ts';
import type { Indicator, IndicatorValue } from './contract.ts';
import { readPattern } from './stix-pattern.ts';

/** Namespace of ids that are made from values (RFC 9562 section 5.5), so that each gate makes the same. */
const NAMESPACE = Buffer.from('5f2b1c1e0f6a4b0d9d5e2a7c3b8e4d61', 'hex');
const MAX_NAME = 200;
/** Values of one indicator; more are not read. */
const MAX_VALUES = 10_000;

/** A version 5 UUID of the text. */
export function nameUuid(text: string): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export const stixId = /^indicator--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export type IndicatorReading =
  | { readonly kind: 'indicator'; readonly indicator: Indicator }
  /** Withdrawn: what is known of it goes. */
  | { readonly kind: 'gone'; readonly id: string; readonly modified: string }
  /** `other`: no indicator. `foreign`: one of what requests do not show. `broken`: not well-formed. */
  | { readonly kind: 'other' | 'foreign' | 'broken' };

export interface ReadingDefaults {
  readonly feed: string;
  readonly confidence: number;
}

/** Values that can be matched at all: an address must be one. */
export function isMatchable({ kind, value }: IndicatorValue): boolean {
  if (value === '' || value.length > 2048) return false;
  if (kind === 'address') return parseCidr(value) !== null;
  if (kind === 'domain') return /^(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(value);
  return kind === 'url' ? URL.canParse(value) : true;
}

/** Reads one object of a TAXII envelope or bundle. */
export function readStixObject(value: unknown, { feed, confidence }: ReadingDefaults): IndicatorReading {
  if (typeof value !== 'object' || value === null) return { kind: 'broken' };
  const object = value as Readonly<Record<string, unknown>>;
  const { type, id, pattern, pattern_type: patternType, modified, revoked } = object;
  if (type !== 'indicator') return { kind: 'other' };
  if (typeof id !== 'string' || !stixId.test(id)) return { kind: 'broken' };
  const version = typeof modified === 'string' ? modified : '';
  if (revoked === true) return { kind: 'gone', id, modified: version };
  if (typeof pattern !== 'string' || (patternType !== undefined && patternType !== 'stix'))
    return { kind: 'foreign' };
  const untilMs = timeOf(object['valid_until']);
  if (Number.isNaN(untilMs)) return { kind: 'broken' };
  const reading = readPattern(pattern);
  if (reading.kind !== 'values') return reading;
  const values = reading.values.slice(0, MAX_VALUES).filter(isMatchable);
  if (values.length === 0) return { kind: 'broken' };
  const said = object['confidence'];
  const name = object['name'];
  return {
    kind: 'indicator',
    indicator: {
      id,
      feed,
      name: typeof name === 'string' ? name.slice(0, MAX_NAME) : '',
      confidence: typeof said === 'number' && said >= 0 && said <= 100 ? Math.floor(said) : confidence,
      untilMs,
      values,
      modified: version,
    },
  };
}

/** Null where there is none, NaN where it is no time. */
function timeOf(value: unknown): number | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}

export interface Sighting {
  readonly indicator: Pick<Indicator, 'id' | 'feed' | 'name' | 'confidence'>;
  /** What was seen, for indicators of feeds without STIX; null where the receiver knows the indicator. */
  readonly value: IndicatorValue | null;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
}

const patternPaths = {
  address: (value: string) => (value.includes(':') ? 'ipv6-addr:value' : 'ipv4-addr:value'),
  domain: () => 'domain-name:value',
  url: () => 'url:value',
  'user-agent': () => "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'",
} as const;

/** The pattern of one value. */
export function patternOf({ kind, value }: IndicatorValue): string {
  const literal = `'${value.replace(/['\\]/g, '\\$&')}'`;
  return `[${patternPaths[kind](value)} = ${literal}]`;
}

/** STIX objects that say what was seen: who has seen it, the indicator where it is not known elsewhere, and the sighting. */
export function sightingObjects(
  sightings: readonly Sighting[],
  identity: string,
  nowMs: number,
): Record<string, unknown>[] {
  const now = new Date(nowMs).toISOString();
  const identityId = `identity--${nameUuid(`identity\n${identity}`)}`;
  const objects = new Map<string, Record<string, unknown>>();
  const base = { spec_version: '2.1', created: now, modified: now };
  objects.set(identityId, {
    type: 'identity',
    id: identityId,
    ...base,
    name: identity,
    identity_class: 'system',
  });
  for (const { indicator, value, firstMs, lastMs, count } of sightings) {
    if (value !== null)
      objects.set(indicator.id, {
        type: 'indicator',
        id: indicator.id,
        ...base,
        created_by_ref: identityId,
        name: indicator.name === '' ? indicator.feed : indicator.name,
        pattern: patternOf(value),
        pattern_type: 'stix',
        valid_from: new Date(firstMs).toISOString(),
        confidence: indicator.confidence,
      });
    const id = `sighting--${randomUUID()}`;
    objects.set(id, {
      type: 'sighting',
      id,
      ...base,
      created_by_ref: identityId,
      first_seen: new Date(firstMs).toISOString(),
      last_seen: new Date(lastMs).toISOString(),
      count,
      sighting_of_ref: indicator.id,
      where_sighted_refs: [identityId],
    });
  }
  return [...objects.values()];
}
