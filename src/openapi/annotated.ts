// Fields of answers that the contract marks with `x-sensitive`: true, or words for what they are.
import type { ContractResponse } from './contract.ts';
import { lookUp } from './parse-pointer.ts';

type Json = Readonly<Record<string, unknown>>;

export const SENSITIVE_KEYWORD = 'x-sensitive';

export interface AnnotatedField {
  /** Names of members from the root; `*` for every item or member. */
  readonly path: readonly string[];
  /** What the contract calls it; empty for `x-sensitive: true`. */
  readonly labels: readonly string[];
}

/** Places that are looked at; schemas that contain themselves have no end of them. */
const MAX_PLACES = 20_000;
/** Documents are no deeper: see MAX_JSON_DEPTH. */
const MAX_DEPTH = 64;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const asList = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

const membersOf = (value: unknown): [string, unknown][] => (isObject(value) ? Object.entries(value) : []);

/**
 * Fields of JSON answers with the annotation, each path once. A field within an annotated one is part of it. Throws
 * RangeError where a schema contains itself in so many ways that its fields can't be listed.
 */
export function annotatedFields(responses: readonly ContractResponse[], document: unknown): AnnotatedField[] {
  const found = new Map<string, { path: readonly string[]; labels: Set<string> }>();
  let places = 0;

  const visit = (schema: unknown, path: readonly string[], following: readonly unknown[]): void => {
    if (!isObject(schema) || following.includes(schema)) return;
    if (++places > MAX_PLACES)
      throw new RangeError('its schemas contain themselves in too many ways to list their fields');
    const mark = schema[SENSITIVE_KEYWORD];
    if (mark !== undefined && mark !== false) {
      const key = JSON.stringify(path);
      const field = found.get(key) ?? { path, labels: new Set<string>() };
      for (const label of asList(mark)) if (typeof label === 'string') field.labels.add(label);
      found.set(key, field);
      return;
    }
    const here = [...following, schema];
    const { $ref: reference } = schema;
    if (typeof reference === 'string' && reference.startsWith('#'))
      visit(lookUp(document, reference), path, here);
    for (const key of ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else'])
      for (const part of asList(schema[key])) visit(part, path, here);
    for (const [, part] of membersOf(schema['dependentSchemas'])) visit(part, path, here);
    if (path.length >= MAX_DEPTH) return;
    for (const [name, part] of membersOf(schema['properties'])) visit(part, [...path, name], []);
    for (const [, part] of membersOf(schema['patternProperties'])) visit(part, [...path, '*'], []);
    for (const key of [
      'additionalProperties',
      'unevaluatedProperties',
      'items',
      'unevaluatedItems',
      'contains',
    ])
      visit(schema[key], [...path, '*'], []);
    asList(schema['prefixItems']).forEach((part, i) => void visit(part, [...path, String(i)], []));
  };

  for (const { content } of responses) for (const { schema } of content) visit(schema, [], []);
  return [...found.values()].map(({ path, labels }) => ({ path, labels: [...labels] }));
}
