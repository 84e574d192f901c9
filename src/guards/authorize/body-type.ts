// The JSON body as policies see it, from the contract's schema: the schema of the policies is written from this, and values
// are converted by it, so that what the validator promises is what a policy meets.
import { type ContractOperation, rewriteSchema } from '../../openapi/index.ts';
import { CedarRecord, CedarSet, Decimal, type Value } from '../../policy/index.ts';

export type BodyType = { readonly nullable: boolean } & (
  | { readonly kind: 'string' | 'long' | 'bool' | 'decimal' }
  | { readonly kind: 'set'; readonly item: BodyType }
  | { readonly kind: 'record'; readonly members: ReadonlyMap<string, BodyMember> }
);

export interface BodyMember {
  readonly type: BodyType;
  /** The contract requires it, and it is not null. */
  readonly required: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/** Objects are described to this depth; what is deeper is not known to policies. */
const MAX_DEPTH = 6;

/** Null when there is no JSON body, or its schema says nothing that policies can rely on. */
export function bodyTypeOf({ body }: ContractOperation, document: unknown): BodyType | null {
  const content =
    body?.content.filter(({ mediaType }) => /^application\/(?:[^/]+\+)?json$/.test(mediaType)) ?? [];
  if (content.length !== 1 || content[0]!.schema === null) return null;
  const root = rewriteSchema(content[0]!.schema, document, {
    undocumentedFields: 'allow',
    refuse: null,
  });
  return typeOf(root, (root as { readonly $defs?: Json } | null)?.$defs ?? {}, 0);
}

function typeOf(schema: unknown, definitions: Json, depth: number): BodyType | null {
  let node = schema as Json | null;
  for (let i = 0; i < 32 && typeof node?.['$ref'] === 'string'; i++)
    node = (definitions[node['$ref'].slice('#/$defs/'.length)] ?? null) as Json | null;
  if (typeof node !== 'object' || node === null || depth > MAX_DEPTH) return null;
  const types = [node['type']].flat();
  const named = types.filter((type) => type !== 'null');
  const nullable = named.length < types.length;
  if (named.length !== 1) return null;
  switch (named[0]) {
    case 'string':
      return { kind: node['format'] === 'decimal' ? 'decimal' : 'string', nullable };
    case 'boolean':
      return { kind: 'bool', nullable };
    case 'integer':
      return { kind: 'long', nullable };
    case 'number':
      return { kind: 'decimal', nullable };
    case 'array': {
      const item = typeOf(node['items'], definitions, depth + 1);
      return item === null || item.nullable ? null : { kind: 'set', item, nullable };
    }
    case 'object':
      return { kind: 'record', members: membersOf(node, definitions, depth), nullable };
    default:
      return null;
  }
}

function membersOf(node: Json, definitions: Json, depth: number): ReadonlyMap<string, BodyMember> {
  const required = Array.isArray(node['required']) ? node['required'] : [];
  const members = new Map<string, BodyMember>();
  for (const [name, schema] of Object.entries((node['properties'] ?? {}) as Json)) {
    const type = typeOf(schema, definitions, depth + 1);
    // A decimal of more than four digits has no value in Cedar, so that even a required one may be missing.
    if (type !== null)
      members.set(name, {
        type,
        required: required.includes(name) && !type.nullable && type.kind !== 'decimal',
      });
  }
  return members;
}

/** The value as `type` says; undefined when it is of another type, or has no value in Cedar. */
export function bodyValue(json: unknown, type: BodyType): Value | undefined {
  switch (type.kind) {
    case 'string':
      return typeof json === 'string' ? json : undefined;
    case 'bool':
      return typeof json === 'boolean' ? json : undefined;
    case 'long':
      return Number.isSafeInteger(json) ? (json as number) + 0 : undefined;
    case 'decimal':
      return decimalOf(json);
    case 'set':
      return Array.isArray(json) ? setOf(json, type.item) : undefined;
    case 'record':
      return typeof json === 'object' && json !== null && !Array.isArray(json)
        ? new BodyRecord(json as Json, type.members)
        : undefined;
  }
}

function decimalOf(json: unknown): Decimal | undefined {
  if (typeof json !== 'string' && typeof json !== 'number') return undefined;
  const text = String(json);
  return Decimal.parse(text.includes('.') ? text : `${text}.0`) ?? undefined;
}

function setOf(json: readonly unknown[], type: BodyType): CedarSet | undefined {
  const items: Value[] = [];
  for (let i = 0; i < json.length; i++) {
    const item = bodyValue(json[i], type);
    // A list with a hole would be another list than the one that is forwarded.
    if (item === undefined) return undefined;
    items.push(item);
  }
  return new CedarSet(items);
}

class BodyRecord extends CedarRecord {
  readonly #json: Json;
  readonly #members: ReadonlyMap<string, BodyMember>;

  constructor(json: Json, members: ReadonlyMap<string, BodyMember>) {
    super();
    this.#json = json;
    this.#members = members;
  }

  override get(name: string): Value | undefined {
    const member = this.#members.get(name);
    return member === undefined || !Object.hasOwn(this.#json, name)
      ? undefined
      : bodyValue(this.#json[name], member.type);
  }

  override *names(): Iterable<string> {
    for (const name of this.#members.keys()) if (this.get(name) !== undefined) yield name;
  }
}
