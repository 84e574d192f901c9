// An entry of the audit trail as exporters see it: what stands in the trail, flat, with its place there.
import { createHmac } from 'node:crypto';
import type { Severity, SinkRedaction } from './contract.ts';

export interface TrailRecord {
  /** RFC 3339 in UTC with milliseconds. */
  readonly time: string;
  /** Id of the entry, stable over every way that it takes. */
  readonly id: string;
  /** Origin of the trail, and the entry's place in it. */
  readonly trail: string;
  readonly index: number;
  readonly action: string;
  readonly outcome: 'success' | 'failure' | 'refused';
  /** What follows is not there when the subject's key was shredded. */
  readonly actor_kind?: string;
  readonly actor?: string;
  readonly target_kind?: string;
  readonly target?: string;
  readonly address?: string;
  readonly reason?: string;
  readonly request_id?: string;
  readonly trace_id?: string;
  /** Name that the capability gives what happened. */
  readonly event?: string;
  readonly before?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The record of a line of a spool; null for one that is none. */
export function parseTrailRecord(value: unknown): TrailRecord | null {
  if (typeof value !== 'object' || value === null) return null;
  const { id, time, trail, index, action } = value as Partial<TrailRecord>;
  const isOne =
    typeof id === 'string' &&
    typeof time === 'string' &&
    typeof trail === 'string' &&
    typeof index === 'number' &&
    typeof action === 'string';
  return isOne ? (value as TrailRecord) : null;
}

export function trailSeverity({ action, outcome }: TrailRecord): Severity {
  if (action === 'audit.lost') return 'high';
  if (action === 'audit.shred' || action === 'audit.hold' || action === 'audit.prune') return 'medium';
  if (outcome === 'failure') return 'medium';
  return outcome === 'refused' ? 'low' : 'info';
}

/**
 * The entry without what the sink must not have: `client_address` is the address, and an actor that is one; `consumer` is everybody
 * else. What stands in free text and structure may hold either, and goes with them.
 */
export function redactTrail(record: TrailRecord, redaction: SinkRedaction): TrailRecord {
  const { remove, hash, key } = redaction;
  const touches = (field: 'client_address' | 'consumer'): boolean =>
    remove.includes(field) || hash.includes(field);
  if (!touches('client_address') && !touches('consumer')) return record;
  const out = new Map<string, unknown>(Object.entries(record));
  for (const free of ['reason', 'before', 'after', 'details']) out.delete(free);
  const change = (member: string, field: 'client_address' | 'consumer'): void => {
    const value = out.get(member);
    if (typeof value !== 'string') return;
    if (remove.includes(field)) out.delete(member);
    else if (hash.includes(field))
      out.set(
        member,
        createHmac('sha256', key).update(field).update('\0').update(value).digest('hex').slice(0, 32),
      );
  };
  change('address', 'client_address');
  change('actor', record.actor_kind === 'address' ? 'client_address' : 'consumer');
  change('target', record.target_kind === 'address' ? 'client_address' : 'consumer');
  return Object.fromEntries(out) as unknown as TrailRecord;
}
