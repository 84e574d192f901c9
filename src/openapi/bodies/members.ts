// What the members of a form are: a form is an object whose values come as texts.
import type { ContractEncoding, ContractMedia } from '../contract.ts';
import { JsonBody, parseJsonBody } from '../json-body.ts';
import { INVALID, type Kind, kindOf, primitive } from '../primitive.ts';
import type { SchemaSet } from '../schema-set.ts';

type Json = Readonly<Record<string, unknown>>;

/** Where a body breaks its contract. Never holds the value. */
export interface BodyError {
  readonly reason: string;
  /** JSON Pointer (RFC 6901) to the member; empty for the body. */
  readonly pointer: string;
  readonly message: string;
}

export interface Member {
  readonly kind: Kind;
  /** Of the items, where it is a list. */
  readonly itemKind: Kind;
  /** The bytes of a file, which are no text. */
  readonly isBinary: boolean;
  readonly encoding: ContractEncoding | null;
  /** Kinds of the members of an object. */
  readonly members: ReadonlyMap<string, Kind>;
}

export const pointerOf = (name: string): string =>
  `/${name.slice(0, 64).replace(/~/g, '~0').replace(/\//g, '~1')}`;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Parts of compositions; deeper ones are circles. */
const MAX_DEPTH = 16;

/** Properties of a schema and of what it is composed of. */
function propertiesOf(schema: unknown, set: SchemaSet, depth: number, found: Map<string, unknown>): void {
  if (depth > MAX_DEPTH) return;
  const resolved = set.resolve(schema);
  for (const [name, entry] of Object.entries(isObject(resolved['properties']) ? resolved['properties'] : {}))
    if (!found.has(name)) found.set(name, entry);
  for (const key of ['allOf', 'anyOf', 'oneOf'])
    for (const part of Array.isArray(resolved[key]) ? resolved[key] : [])
      propertiesOf(part, set, depth + 1, found);
}

export function membersOf(media: ContractMedia, set: SchemaSet): ReadonlyMap<string, Member> {
  const properties = new Map<string, unknown>();
  propertiesOf(media.schema, set, 0, properties);
  return new Map(
    [...properties].map(([name, schema]) => [name, memberOf(schema, media.encoding?.[name] ?? null, set)]),
  );
}

function memberOf(schema: unknown, encoding: ContractEncoding | null, set: SchemaSet): Member {
  const resolved = set.resolve(schema);
  const kind = kindOf(resolved);
  const items = kind === 'array' ? set.resolve(resolved['items'] ?? {}) : {};
  const properties = isObject(resolved['properties']) ? resolved['properties'] : {};
  return {
    kind,
    itemKind: kind === 'array' ? kindOf(items) : 'string',
    isBinary: isBinary(kind === 'array' ? items : resolved),
    encoding,
    members: new Map(Object.entries(properties).map(([name, entry]) => [name, kindOf(set.resolve(entry))])),
  };
}

/** `format: binary` in 3.0; a media type without an encoding, or nothing at all, since 3.1. */
const isBinary = (schema: Json): boolean =>
  schema['format'] === 'binary' ||
  (typeof schema['contentMediaType'] === 'string' && schema['contentEncoding'] === undefined) ||
  Object.keys(schema).length === 0;

const json = new JsonBody();

/** One text as what it must be: objects and lists of objects come as JSON. */
export function readValue(kind: Kind, text: string): unknown {
  if (kind !== 'object' && kind !== 'array') return primitive(kind, text);
  parseJsonBody(Buffer.from(text), json);
  return json.problem === null ? json.value : INVALID;
}

/** Collects members as they come. */
export class FormValues {
  readonly value: Record<string, unknown> = {};
  readonly #members: ReadonlyMap<string, Member>;

  constructor(members: ReadonlyMap<string, Member>) {
    this.#members = members;
  }

  member(name: string): Member | undefined {
    return this.#members.get(name);
  }

  /** Adds a value; false when it was there and is no list. */
  add(name: string, value: unknown): boolean {
    const member = this.#members.get(name);
    const isList = member?.kind === 'array' && !(Array.isArray(value) && member.itemKind !== 'array');
    if (Object.hasOwn(this.value, name)) {
      const list = this.value[name];
      if (!isList || !Array.isArray(list)) return false;
      list.push(value);
      return true;
    }
    Object.defineProperty(this.value, name, {
      value: isList ? [value] : value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return true;
  }
}
