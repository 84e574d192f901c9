// What of a value its schema names. An answer is cut down to that before it is judged: members that no part of the
// schema lists, and those that only a request may carry, go. What is kept is a union over all alternatives, so that a cut
// never decides which one holds; the closed schema does that afterwards.
import { lookUp } from './parse-pointer.ts';

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const compositions = ['allOf', 'anyOf', 'oneOf'];
const branches = ['if', 'then', 'else'];
const remarks = new Set(['type', 'description', 'title']);
/** References that follow one another; a longer chain is a circle. */
const MAX_REFERENCES = 32;

/** Removes undeclared members from `value`, in place; the JSON Pointer (RFC 6901) of the first, or null for none. */
export type RunProjection = (value: unknown) => string | null;

/** Throws RangeError for references that lead nowhere. Positions are prepared when a value first reaches them. */
export function compileProjection(schema: unknown, document: unknown): RunProjection {
  const schemas = new Nodes(document);
  const root = schemas.of([schema]);
  return (value) => project(root, value, '');
}

/** All schemas that one position of a value is held to. */
class Node {
  readonly #nodes: Nodes;
  readonly #flat: readonly Json[];
  /** Members that are not listed may stay. */
  readonly #isOpen: boolean;
  readonly #additional: readonly unknown[];
  /** By member; null: may stand there and is not looked into. Absent: not listed. */
  readonly #listed = new Map<string, Node | 'cut'>();
  #items: Node | null = null;

  constructor(nodes: Nodes, schemas: readonly unknown[]) {
    this.#nodes = nodes;
    const { flat, isOpen } = nodes.flatten(schemas);
    this.#flat = flat;
    this.#isOpen = isOpen || !flat.some((schema) => isObject(schema['properties']));
    this.#additional = flat.flatMap((schema) => schema['additionalProperties'] ?? []).filter(isObject);
  }

  /** Null when the member may not stand there. */
  member(name: string): Node | null {
    let node = this.#listed.get(name);
    if (node === undefined) {
      const schemas: unknown[] = [];
      for (const { properties } of this.#flat as readonly { properties?: unknown }[]) {
        if (isObject(properties) && Object.hasOwn(properties, name)) schemas.push(properties[name]);
      }
      // Names that no contract holds are not remembered: they are the service's to invent.
      if (schemas.length === 0) return this.#isOpen ? this.#nodes.of(this.#additional) : null;
      node = schemas.some((schema) => this.#nodes.isWriteOnly(schema)) ? 'cut' : this.#nodes.of(schemas);
      this.#listed.set(name, node);
    }
    return node === 'cut' ? null : node;
  }

  get items(): Node {
    this.#items ??= this.#nodes.of(
      this.#flat.flatMap((schema) => [
        ...(isObject(schema['items']) ? [schema['items']] : []),
        ...(Array.isArray(schema['prefixItems']) ? (schema['prefixItems'] as unknown[]) : []),
      ]),
    );
    return this.#items;
  }
}

/** One node for each set of schemas: recursive schemas have finitely many. */
class Nodes {
  readonly #document: unknown;
  readonly #ids = new Map<unknown, number>();
  readonly #nodes = new Map<string, Node>();

  constructor(document: unknown) {
    this.#document = document;
  }

  of(schemas: readonly unknown[]): Node {
    const key = [...new Set(schemas.map((schema) => this.#id(schema)))].sort((a, b) => a - b).join();
    let node = this.#nodes.get(key);
    if (node === undefined) {
      node = new Node(this, schemas);
      this.#nodes.set(key, node);
    }
    return node;
  }

  #id(schema: unknown): number {
    let id = this.#ids.get(schema);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(schema, id);
    }
    return id;
  }

  /** The schemas with their references and parts; open when one of them lets anything stand beside what is listed. */
  flatten(schemas: readonly unknown[]): { flat: readonly Json[]; isOpen: boolean } {
    const flat: Json[] = [];
    const seen = new Set<unknown>();
    let isOpen = false;
    const visit = (schema: unknown, isPart: boolean): void => {
      if (schema === true) isOpen = true;
      if (!isObject(schema) || seen.has(schema)) return;
      seen.add(schema);
      flat.push(schema);
      if (
        (schema['additionalProperties'] !== undefined && schema['additionalProperties'] !== false) ||
        (schema['unevaluatedProperties'] !== undefined && schema['unevaluatedProperties'] !== false) ||
        schema['patternProperties'] !== undefined ||
        (isPart && schema['type'] === 'object' && Object.keys(schema).every((key) => remarks.has(key)))
      )
        isOpen = true;
      if (typeof schema['$ref'] === 'string') visit(this.#lookUp(schema['$ref']), true);
      for (const key of compositions) {
        if (Array.isArray(schema[key])) for (const part of schema[key] as unknown[]) visit(part, true);
      }
      for (const key of branches) if (isObject(schema[key])) visit(schema[key], false);
      if (isObject(schema['dependentSchemas'])) {
        for (const part of Object.values(schema['dependentSchemas'])) visit(part, false);
      }
    };
    for (const schema of schemas) visit(schema, false);
    return { flat, isOpen };
  }

  isWriteOnly(schema: unknown): boolean {
    let current = schema;
    for (let i = 0; i < MAX_REFERENCES && isObject(current); i++) {
      if (current['writeOnly'] === true) return true;
      if (typeof current['$ref'] !== 'string') return false;
      current = this.#lookUp(current['$ref']);
    }
    return false;
  }

  #lookUp(reference: string): unknown {
    const target = reference === '#' ? this.#document : lookUp(this.#document, reference);
    if (target === undefined) throw new RangeError(`the reference ${reference} leads nowhere`);
    return target;
  }
}

/** As deep as the value, whose depth the reader of JSON bounds. */
function project(node: Node, value: unknown, pointer: string): string | null {
  let first: string | null = null;
  if (Array.isArray(value)) {
    const { items } = node;
    for (let i = 0; i < value.length; i++) {
      const cut = project(items, value[i], `${pointer}/${i}`);
      first ??= cut;
    }
    return first;
  }
  if (!isObject(value)) return null;
  const target = value as Record<string, unknown>;
  for (const name of Object.keys(target)) {
    const child = node.member(name);
    if (child === null) {
      first ??= `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      delete target[name];
      continue;
    }
    const inner = target[name];
    if (typeof inner !== 'object' || inner === null) continue;
    const cut = project(child, inner, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    first ??= cut;
  }
  return first;
}
