// OpenAPI 3.0 schemas are a dialect of an old draft of JSON Schema. They are rewritten into 2020-12 once, so that one
// validator with one set of rules judges everything.

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keywords whose value is a schema, a list of schemas, or a map of schemas. */
const one = ['not', 'items', 'additionalProperties'];
const many = ['allOf', 'oneOf', 'anyOf'];

/** The document with every schema in it rewritten. The input is left as it is. */
export const convertSchema30 = (document: Json): Json => convertSchemas(document, convertSchema);

/** The document with every schema in it replaced by what `convert` makes of it. */
export function convertSchemas(document: Json, convert: (schema: unknown) => unknown): Json {
  /** A value under a `schema` or `schemas` key is a schema. */
  const walk = (value: unknown, isSchemaMap: boolean): unknown => {
    if (Array.isArray(value)) return value.map((entry) => walk(entry, false));
    if (!isObject(value)) return value;
    const out: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(value)) {
      if (isSchemaMap || key === 'schema') define(out, key, convert(entry));
      else if (key === 'example' || key === 'examples' || key.startsWith('x-')) define(out, key, entry);
      else define(out, key, walk(entry, key === 'schemas'));
    }
    return out;
  };
  return walk(document, false) as Json;
}

function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** One 3.0 Schema Object as JSON Schema 2020-12. */
export function convertSchema(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  // Beside a reference nothing counts (OpenAPI 3.0 section 4.7.23).
  if (typeof schema['$ref'] === 'string') return { $ref: schema['$ref'] };
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (one.includes(key)) define(out, key, convertSchema(value));
    else if (many.includes(key) && Array.isArray(value)) define(out, key, value.map(convertSchema));
    else if (key === 'properties' && isObject(value)) {
      const properties: Record<string, unknown> = {};
      for (const [name, entry] of Object.entries(value)) define(properties, name, convertSchema(entry));
      out[key] = properties;
    } else if (!dropped.has(key)) define(out, key, value);
  }
  takeBound(schema, out, 'exclusiveMinimum', 'minimum');
  takeBound(schema, out, 'exclusiveMaximum', 'maximum');
  if (schema['nullable'] === true && typeof schema['type'] === 'string') {
    out['type'] = [schema['type'], 'null'];
    // An enumeration without null still refuses it (OpenAPI 3.0.3, proposal "Clarify Nullable").
  }
  return out;
}

const dropped = new Set([
  'nullable',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'example',
  'xml',
  'externalDocs',
]);

/** `exclusiveMinimum: true` beside `minimum: 5` is `exclusiveMinimum: 5` today. */
function takeBound(schema: Json, out: Record<string, unknown>, exclusive: string, inclusive: string): void {
  if (schema[exclusive] === true && typeof schema[inclusive] === 'number') {
    out[exclusive] = schema[inclusive];
    delete out[inclusive];
  } else if (typeof schema[exclusive] === 'number') out[exclusive] = schema[exclusive];
}
