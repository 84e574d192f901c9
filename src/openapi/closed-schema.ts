// What a contract does not name, a message may not carry. Schemas of bodies are rewritten before they are
// compiled: objects that list properties take no others, and properties that only the other side may write are refused.
// References are followed into copies, because a schema is closed as a whole value but open as a part of `allOf`.
import { lookUp } from './parse-pointer.ts';

type Json = Readonly<Record<string, unknown>>;
type Mode = 'whole' | 'part';

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Stands for a schema that is compiled apart; its value is the name that was given to it. */
export const DEFINITION_KEYWORD = 'gatewright-definition';

const mapKeywords = ['properties', 'patternProperties', 'dependentSchemas'];
const valueKeywords = [
  'items',
  'additionalProperties',
  'contains',
  'unevaluatedItems',
  'unevaluatedProperties',
  'additionalItems',
  'propertyNames',
];
const partKeywords = ['not', 'if', 'then', 'else'];
const listKeywords = ['allOf', 'anyOf', 'oneOf'];
/** Definitions are collected anew, and the copies of one schema must not claim its identity. */
const replaced = new Set(['$defs', 'definitions', '$id', '$anchor', DEFINITION_KEYWORD]);

export interface RewriteOptions {
  readonly undocumentedFields: 'refuse' | 'allow';
  /** Properties that may not be set: `readOnly` ones in requests, `writeOnly` ones in answers, or null for all may. */
  readonly refuse: 'readOnly' | 'writeOnly' | null;
}

/**
 * A schema for `schema` in which members and items whose schemas refer to others are named by `nameOf`, under
 * DEFINITION_KEYWORD. Nothing of them counts for the object around them, so that they can be compiled apart, and once for
 * all that refer to them: what stays together is what one object is held to.
 */
export function rewriteApart(
  schema: unknown,
  document: unknown,
  options: RewriteOptions,
  nameOf: (schema: unknown) => string,
): unknown {
  const writer = new Rewriter(document, options, nameOf);
  return withDefinitions(writer.rewrite(schema, 'whole', true), writer);
}

/** A self-contained schema for `schema`, whose references point into `document`. Throws RangeError for dangling ones. */
export function rewriteSchema(schema: unknown, document: unknown, options: RewriteOptions): unknown {
  const writer = new Rewriter(document, options, null);
  return withDefinitions(writer.rewrite(schema, 'whole'), writer);
}

function withDefinitions(root: unknown, writer: Rewriter): unknown {
  if (!isObject(root)) return root;
  return writer.definitions.size === 0 ? root : { ...root, $defs: Object.fromEntries(writer.definitions) };
}

/** Whether the value that is held to `schema` is held to what a reference leads to. */
const refers = (schema: unknown): boolean =>
  isObject(schema) &&
  (typeof schema['$ref'] === 'string' ||
    partKeywords.some((key) => refers(schema[key])) ||
    listKeywords.some((key) => Array.isArray(schema[key]) && schema[key].some(refers)) ||
    (isObject(schema['dependentSchemas']) && Object.values(schema['dependentSchemas']).some(refers)));

/** Nothing but remarks stands beside the reference. */
const isAlone = (schema: Json): boolean => Object.keys(schema).every((key) => remarks.has(key));
const remarks = new Set([
  '$ref',
  'description',
  'title',
  'summary',
  'example',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
]);

class Rewriter {
  readonly definitions = new Map<string, unknown>();
  readonly #names = new Map<string, string>();
  readonly #document: unknown;
  readonly #options: RewriteOptions;
  readonly #nameOf: ((schema: unknown) => string) | null;

  constructor(document: unknown, options: RewriteOptions, nameOf: ((schema: unknown) => string) | null) {
    this.#nameOf = nameOf;
    this.#document = document;
    this.#options = options;
  }

  rewrite(schema: unknown, mode: Mode, isRoot = false): unknown {
    if (!isObject(schema)) return schema;
    if (this.#nameOf !== null && mode === 'whole') {
      if (typeof schema['$ref'] === 'string' && isAlone(schema))
        return { [DEFINITION_KEYWORD]: this.#nameOf(this.#lookUp(schema['$ref'])) };
      if (!isRoot && refers(schema)) return { [DEFINITION_KEYWORD]: this.#nameOf(schema) };
    }
    const out: Record<string, unknown> = Object.create(null);
    const closes =
      mode === 'whole' && this.#options.undocumentedFields === 'refuse' && this.#isClosable(schema);
    for (const [key, value] of Object.entries(schema)) {
      if (key === '$ref' && typeof value === 'string') {
        out['$ref'] = this.#reference(value, isAlone(schema) ? mode : 'part');
      } else if (mapKeywords.includes(key) && isObject(value)) {
        out[key] = this.#map(value, key === 'properties', key === 'dependentSchemas' ? 'part' : 'whole');
      } else if (key === 'prefixItems' && Array.isArray(value)) {
        out[key] = value.map((entry) => this.rewrite(entry, 'whole'));
      } else if (valueKeywords.includes(key)) out[key] = this.rewrite(value, 'whole');
      else if (partKeywords.includes(key)) out[key] = this.rewrite(value, 'part');
      else if (listKeywords.includes(key) && Array.isArray(value)) {
        // Alternatives stay parts: the composition is closed around them, or open as its author says.
        const names = key === 'allOf' ? null : this.#discriminated(schema['discriminator']);
        out[key] = value.map((entry) => {
          const part = this.rewrite(entry, 'part');
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
    if (closes && !(schema['$ref'] !== undefined && isAlone(schema))) out['unevaluatedProperties'] = false;
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
