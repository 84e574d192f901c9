// Cedar's JSON form of values and entities (https://docs.cedarpolicy.com/auth/entities-syntax.html): for tests of
// policies, for recorded requests, and for whoever uses the engine alone. Untrusted: what has another shape throws.
import { ExtensionFailure, extensions } from './extensions/functions.ts';
import { longOf } from './numbers.ts';
import type { EntityStore } from './request.ts';
import {
  type CedarRecord,
  CedarSet,
  type EntityData,
  EntityRef,
  emptyRecord,
  entityKey,
  FixedRecord,
  type Value,
} from './values.ts';

export interface EntityJson {
  readonly uid: EntityUidJson;
  readonly attrs?: Readonly<Record<string, unknown>>;
  readonly parents?: readonly EntityUidJson[];
  readonly tags?: Readonly<Record<string, unknown>>;
}

export type EntityUidJson =
  | { readonly type: string; readonly id: string }
  | { readonly __entity: { readonly type: string; readonly id: string } };

/** A value that has no meaning in Cedar: null, a fraction, a malformed entity or extension. */
export class ValueProblem extends Error {
  override readonly name = 'ValueProblem';
}

const constructors: readonly string[] = ['ip', 'decimal', 'datetime', 'duration'];

export function parseValue(json: unknown): Value {
  switch (typeof json) {
    case 'boolean':
    case 'string':
      return json;
    case 'number':
    case 'bigint': {
      const value = typeof json === 'bigint' ? longOf(json) : Number.isSafeInteger(json) ? json + 0 : null;
      if (value === null) throw new ValueProblem(`${json} is not a whole number of 64 bits`);
      return value;
    }
    case 'object':
      break;
    default:
      throw new ValueProblem(`${typeof json} is no value`);
  }
  if (json === null) throw new ValueProblem('null is no value');
  if (Array.isArray(json)) return new CedarSet(json.map(parseValue));
  const object = json as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(object, '__entity')) return parseEntityUid(object as unknown as EntityUidJson);
  if (Object.hasOwn(object, '__extn')) return parseExtension(object['__extn']);
  return parseRecord(object);
}

export function parseRecord(json: Readonly<Record<string, unknown>>): CedarRecord {
  return new FixedRecord(new Map(Object.entries(json).map(([name, value]) => [name, parseValue(value)])));
}

export function parseEntityUid(json: EntityUidJson): EntityRef {
  const { type, id } = '__entity' in json ? json.__entity : json;
  if (typeof type !== 'string' || typeof id !== 'string')
    throw new ValueProblem('an entity needs "type" and "id"');
  return new EntityRef(type, id);
}

function parseExtension(json: unknown): Value {
  const { fn, arg } = (json ?? {}) as { readonly fn?: unknown; readonly arg?: unknown };
  const extension = typeof fn === 'string' && constructors.includes(fn) ? extensions.get(fn) : undefined;
  const value = typeof arg === 'string' ? extension?.run(arg, false) : undefined;
  if (value === undefined || value === null || value instanceof ExtensionFailure)
    throw new ValueProblem('"__extn" needs "fn" (ip, decimal, datetime, duration) and a good "arg"');
  return value;
}

/** The entities with all their ancestors. Throws for a hierarchy that leads back to where it began. */
export function parseEntities(list: readonly EntityJson[]): EntityStore {
  const parents = new Map<string, string[]>();
  for (const { uid, parents: above = [] } of list)
    parents.set(
      parseEntityUid(uid).key,
      above.map((entry) => parseEntityUid(entry).key),
    );
  const store = new Map<string, EntityData>();
  for (const { uid, attrs, tags } of list) {
    const { key } = parseEntityUid(uid);
    store.set(key, {
      attributes: attrs === undefined ? emptyRecord : parseRecord(attrs),
      ancestors: ancestorsOf(key, parents),
      tags: tags === undefined ? emptyRecord : parseRecord(tags),
    });
  }
  return store;
}

/** Everything above `start`, over any number of steps. */
export function ancestorsOf(
  start: string,
  parents: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...(parents.get(start) ?? [])];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (key === start) throw new ValueProblem(`${start} is its own ancestor`);
    if (found.has(key)) continue;
    found.add(key);
    open.push(...(parents.get(key) ?? []));
  }
  return found;
}

/** A reference with the data that the store has of it. */
export function entityOf(type: string, id: string, store: EntityStore): EntityRef {
  return new EntityRef(type, id, store.get(entityKey(type, id)) ?? null);
}
