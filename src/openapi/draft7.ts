// JSON Schema draft 7, which OpenAPI 3.1 lets a document choose, rewritten into 2020-12, so that one validator with one set
// of rules judges everything. Source: the release notes of 2019-09 and 2020-12 read backwards.

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isDraft7 = (dialect: unknown): boolean =>
  typeof dialect === 'string' && /^https?:\/\/json-schema\.org\/draft-0[67]\/schema#?$/.test(dialect);

/** Keywords whose value is a schema, a list of schemas, or a map of schemas. */
const one = new Set(['additionalProperties', 'contains', 'propertyNames', 'not', 'if', 'then', 'else']);
const many = new Set(['allOf', 'anyOf', 'oneOf']);
const maps = new Set(['properties', 'patternProperties', 'definitions', '$defs']);

/** Words that draft 7 does not know and 2020-12 does: remarks there. */
const unknown = new Set([
  'prefixItems',
  'minContains',
  'maxContains',
  'dependentRequired',
  'dependentSchemas',
  'unevaluatedItems',
  'unevaluatedProperties',
  '$anchor',
  '$dynamicAnchor',
  '$dynamicRef',
  '$recursiveAnchor',
  '$recursiveRef',
  '$vocabulary',
]);

function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** One schema of draft 7 as 2020-12. The input is left as it is. */
export function convertDraft7(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const out: Record<string, unknown> = {};
  // Beside a reference nothing counts (draft-handrews-json-schema-01 section 8.3); others may refer to what stands there.
  const isReference = typeof schema['$ref'] === 'string';
  for (const [key, value] of Object.entries(schema)) {
    if (isReference && key !== '$ref' && !maps.has(key)) continue;
    if (maps.has(key)) {
      if (isReference && !key.startsWith('def') && key !== '$defs') continue;
      define(out, key, convertMap(value));
    } else if (one.has(key)) define(out, key, convertDraft7(value));
    else if (many.has(key)) define(out, key, convertList(value));
    else if (key === 'items') takeItems(schema, out);
    else if (key === 'dependencies') takeDependencies(value, out);
    else if (key === '$ref') define(out, key, convertReference(value as string));
    else if (key === '$id') takeId(value, out);
    else if (key !== 'additionalItems' && key !== '$schema' && !unknown.has(key)) define(out, key, value);
  }
  return out;
}

const convertList = (value: unknown): unknown => (Array.isArray(value) ? value.map(convertDraft7) : value);

function convertMap(value: unknown): unknown {
  if (!isObject(value)) return value;
  const out: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(value)) define(out, name, convertDraft7(entry));
  return out;
}

/** A list of schemas was `items`, and the rest `additionalItems`. */
function takeItems(schema: Json, out: Record<string, unknown>): void {
  const { items, additionalItems } = schema;
  if (!Array.isArray(items)) {
    out['items'] = convertDraft7(items);
    return;
  }
  if (items.length > 0) out['prefixItems'] = items.map(convertDraft7);
  if (additionalItems !== undefined) out['items'] = convertDraft7(additionalItems);
}

/** Names that others require, and schemas that others bring along, were one keyword. */
function takeDependencies(value: unknown, out: Record<string, unknown>): void {
  if (!isObject(value)) return;
  const required: Record<string, unknown> = {};
  const schemas: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(value)) {
    if (Array.isArray(entry)) define(required, name, entry);
    else define(schemas, name, convertDraft7(entry));
  }
  if (Object.keys(required).length > 0) out['dependentRequired'] = required;
  if (Object.keys(schemas).length > 0) out['dependentSchemas'] = schemas;
}

/** Plain-name fragments were `$id`s. */
function takeId(value: unknown, out: Record<string, unknown>): void {
  if (typeof value !== 'string') return;
  const hash = value.indexOf('#');
  if (hash === -1 || hash === value.length - 1) {
    out['$id'] = value.replace(/#$/, '');
    return;
  }
  if (hash > 0) out['$id'] = value.slice(0, hash);
  out['$anchor'] = value.slice(hash + 1);
}

/** Pointers lead to where the keywords went. */
function convertReference(reference: string): string {
  const hash = reference.indexOf('#');
  if (hash === -1 || reference[hash + 1] !== '/') return reference;
  const pointer = reference
    .slice(hash)
    .replace(/(?<!\/(?:properties|definitions|patternProperties))\/items\/(?=\d+(?:\/|$))/g, '/prefixItems/')
    .replace(/(?<!\/(?:properties|definitions|patternProperties))\/additionalItems(?=\/|$)/g, '/items')
    .replace(/(?<!\/(?:properties|definitions|patternProperties))\/dependencies\//g, '/dependentSchemas/');
  return reference.slice(0, hash) + pointer;
}
