// What a contract does not name, a message may not carry. Schemas of bodies are rewritten before they are
// compiled: objects that list properties take no others, and properties that only the other side may write are refused.
// References are followed into copies, because a schema is closed as a whole value but open as a part of `allOf`.
import { lookUp } from './parse-pointer.ts';

type Json = Readonly<Record<string, unknown>>;
type Mode = 'whole' | 'part';

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const mapKeywords = ['properties', 'patternProperties', 'dependentSchemas'];
const valueKeywords = [
  'items',
  'additionalProperties',
  'contains',
  'unevaluatedItems',
  'unevaluatedProperties',
  'additionalItems',
];
const partKeywords = ['not', 'if', 'then', 'else'];
const listKeywords = ['allOf', 'anyOf', 'oneOf'];
/** Definitions are collected anew, and the copies of one schema must not claim its identity. */
const replaced = new Set(['$defs', 'definitions', '$id', '$anchor']);

export interface RewriteOptions {
  readonly undocumentedFields: 'refuse' | 'allow';
  /** Properties that may not be set: `readOnly` ones in requests, `writeOnly` ones in answers, or null for all may. */
  readonly refuse: 'readOnly' | 'writeOnly' | null;
}

/** A self-contained schema for `schema`, whose references point into `document`. Throws RangeError for dangling ones. */
export function rewriteSchema(schema: unknown, document: unknown, options: RewriteOptions): unknown {
  const writer = new Rewriter(document, options);
  const root = writer.rewrite(schema, 'whole');
  if (!isObject(root)) return root;
  return writer.definitions.size === 0 ? root : { ...root, $defs: Object.fromEntries(writer.definitions) };
}

class Rewriter {
  readonly definitions = new Map<string, unknown>();
  readonly #names = new Map<string, string>();
  readonly #document: unknown;
  readonly #options: RewriteOptions;

  constructor(document: unknown, options: RewriteOptions) {
    this.#document = document;
    this.#options = options;
  }

  rewrite(schema: unknown, mode: Mode): unknown {
    if (!isObject(schema)) return schema;
    const out: Record<string, unknown> = Object.create(null);
    const closes =
      mode === 'whole' && this.#options.undocumentedFields === 'refuse' && this.#isClosable(schema);
    for (const [key, value] of Object.entries(schema)) {
      if (key === '$ref' && typeof value === 'string') {
        out['$ref'] = this.#reference(value, closes && Object.keys(schema).length > 1 ? 'part' : mode);
      } else if (mapKeywords.includes(key) && isObject(value)) {
        out[key] = this.#map(value, key === 'properties', key === 'dependentSchemas' ? 'part' : 'whole');
      } else if (key === 'prefixItems' && Array.isArray(value)) {
        out[key] = value.map((entry) => this.rewrite(entry, 'whole'));
      } else if (valueKeywords.includes(key)) out[key] = this.rewrite(value, 'whole');
      else if (partKeywords.includes(key)) out[key] = this.rewrite(value, 'part');
      else if (listKeywords.includes(key) && Array.isArray(value)) {
        // A lone alternative that is a whole object of its own stays a part: the composition is closed around it.
        const names = key === 'allOf' ? null : this.#discriminated(schema['discriminator']);
        out[key] = value.map((entry) => {
          const part = this.rewrite(entry, closes ? 'part' : mode);
          const own = names === null || !isObject(entry) ? null : names(entry);
          return own === null ? part : { allOf: [part, own] };
        });
      } else if (key === 'required' && Array.isArray(value)) {
        out[key] = value.filter(
          (name) =>
            !this.#isRefused(isObject(schema['properties']) ? schema['properties'][String(name)] : undefined),
        );
      } else if (!replaced.has(key)) out[key] = value;
    }
    if (closes && !(Object.keys(schema).length === 1 && schema['$ref'] !== undefined))
      out['unevaluatedProperties'] = false;
    return { ...out };
  }

  /** For an alternative the schema of the member that names it (OpenAPI 3.1 section 4.8.25); null: it has no name. */
  #discriminated(discriminator: unknown): ((alternative: Json) => Json | null) | null {
    if (!isObject(discriminator) || typeof discriminator['propertyName'] !== 'string') return null;
    const property = discriminator['propertyName'];
    const mapping = isObject(discriminator['mapping']) ? Object.entries(discriminator['mapping']) : [];
    return ({ $ref: reference }) => {
      if (typeof reference !== 'string') return null;
      const implied = reference.slice(reference.lastIndexOf('/') + 1);
      const names = mapping.filter(([, to]) => to === reference || to === implied).map(([name]) => name);
      return { required: [property], properties: { [property]: { enum: [...names, implied] } } };
    };
  }

  #map(value: Json, isProperties: boolean, mode: Mode): Json {
    return Object.fromEntries(
      Object.entries(value).map(([name, entry]) => [
        name,
        isProperties && this.#isRefused(entry) ? false : this.rewrite(entry, mode),
      ]),
    );
  }

  #isRefused(schema: unknown): boolean {
    const keyword = this.#options.refuse;
    if (keyword === null) return false;
    const target =
      isObject(schema) && typeof schema['$ref'] === 'string' ? this.#lookUp(schema['$ref']) : schema;
    return (isObject(schema) && schema[keyword] === true) || (isObject(target) && target[keyword] === true);
  }

  #reference(reference: string, mode: Mode): string {
    const key = `${mode}\n${reference}`;
    let name = this.#names.get(key);
    if (name === undefined) {
      name = `d${this.#names.size}`;
      this.#names.set(key, name);
      // The name is known before the target is walked, so that circles end.
      this.definitions.set(name, true);
      this.definitions.set(name, this.rewrite(this.#lookUp(reference), mode));
    }
    return `#/$defs/${name}`;
  }

  #lookUp(reference: string): unknown {
    const target = reference === '#' ? this.#document : lookUp(this.#document, reference);
    if (target === undefined) throw new RangeError(`the reference ${reference} leads nowhere`);
    return target;
  }

  /** Lists properties, itself or in its parts, and says nothing about others. */
  #isClosable(schema: Json, seen: ReadonlySet<unknown> = new Set()): boolean {
    if (
      ['additionalProperties', 'unevaluatedProperties', 'patternProperties'].some(
        (key) => schema[key] !== undefined,
      )
    )
      return false;
    if (seen.has(schema)) return false;
    const next = new Set(seen).add(schema);
    if (this.#isOpenSomewhere(schema, next)) return false;
    return this.#listsProperties(schema, next);
  }

  #parts(schema: Json): unknown[] {
    const parts = listKeywords.flatMap((key) =>
      Array.isArray(schema[key]) ? (schema[key] as unknown[]) : [],
    );
    if (typeof schema['$ref'] === 'string') parts.push(this.#lookUp(schema['$ref']));
    return parts;
  }

  #listsProperties(schema: unknown, seen: ReadonlySet<unknown>): boolean {
    if (!isObject(schema)) return false;
    if (isObject(schema['properties'])) return true;
    return this.#parts(schema).some(
      (part) => !seen.has(part) && this.#listsProperties(part, new Set(seen).add(part)),
    );
  }

  /** Whether a part is an object of any content: then the whole is meant to be open. */
  #isOpenSomewhere(schema: Json, seen: ReadonlySet<unknown>): boolean {
    return this.#parts(schema).some((part) => {
      if (!isObject(part) || seen.has(part)) return false;
      if (part['additionalProperties'] !== undefined && part['additionalProperties'] !== false) return true;
      if (
        part['type'] === 'object' &&
        Object.keys(part).every((key) => ['type', 'description', 'title'].includes(key))
      )
        return true;
      return this.#isOpenSomewhere(part, new Set(seen).add(part));
    });
  }
}
