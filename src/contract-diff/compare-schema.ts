// Two schemas of the same place, by direction: a request's new schema must take what the old one took, an answer's must
// give only what the old one could. Keywords are compared one by one, parts of `allOf` as one object; what can not be
// ordered (two patterns, two formats) counts as changed both ways.
import type { ChangeRule } from './change.ts';

type Json = Readonly<Record<string, unknown>>;
export type Direction = 'request' | 'response';
export type Report = (rule: ChangeRule, pointer: string, message: string) => void;
export type Resolve = (reference: string) => unknown;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Levels of a schema that are compared: contracts have circles that no pair of references ends. */
const MAX_DEPTH = 32;
const MAX_REFERENCES = 32;
/** Names of members that must not appear in answers without somebody having thought about it. */
const sensitive =
  /pass(?:word|wd|phrase)|secret|token|api_?key|private_?key|credential|ssn|social_?security|tax_?id|iban|card_?number|cvv|cvc|pin$|birth|salary|hash$/i;

/** Bounds: the larger value is the looser one for `upper`, the smaller for `lower`. */
const upper = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
const lower = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];

export class SchemaComparison {
  readonly #old: Resolve;
  readonly #new: Resolve;
  /** Pairs that were compared, by direction: a shared schema is reported where it is met first. */
  readonly #seen = new Map<unknown, Map<unknown, Set<Direction>>>();

  constructor(old: Resolve, next: Resolve) {
    this.#old = old;
    this.#new = next;
  }

  run(old: unknown, next: unknown, direction: Direction, report: Report): void {
    this.#compare(old, next, direction, '', 0, report);
  }

  #isSeen(old: unknown, next: unknown, direction: Direction): boolean {
    let inner = this.#seen.get(old);
    if (inner === undefined) {
      inner = new Map();
      this.#seen.set(old, inner);
    }
    let directions = inner.get(next);
    if (directions === undefined) {
      directions = new Set();
      inner.set(next, directions);
    }
    if (directions.has(direction)) return true;
    directions.add(direction);
    return false;
  }

  #compare(o: unknown, n: unknown, direction: Direction, at: string, depth: number, report: Report): void {
    if (depth > MAX_DEPTH) return;
    const before = follow(o, this.#old);
    const after = follow(n, this.#new);
    if (isObject(before) && isObject(after) && this.#isSeen(before, after, direction)) return;
    const old = flatten(before, this.#old);
    const next = flatten(after, this.#new);
    const isRequest = direction === 'request';
    const narrowed = (message: string): void =>
      report(isRequest ? 'request-narrowed' : 'response-narrowed', at, message);
    const widened = (message: string): void =>
      report(isRequest ? 'request-widened' : 'response-widened', at, message);
    const looser = (message: string): void =>
      report(isRequest ? 'request-bound-removed' : 'response-widened', at, message);

    compareSets('type', typesOf(old), typesOf(next), narrowed, widened);
    compareSets('enum', valuesOf(old), valuesOf(next), narrowed, widened);
    for (const key of upper) compareBound(key, old[key], next[key], 1, narrowed, looser);
    for (const key of lower) compareBound(key, old[key], next[key], -1, narrowed, looser);
    for (const key of ['pattern', 'format', 'multipleOf', 'uniqueItems', 'not']) {
      const [a, b] = [old[key], next[key]];
      if (JSON.stringify(a) === JSON.stringify(b)) continue;
      if (a === undefined || a === false) narrowed(`"${key}" is new: ${show(b)}`);
      else if (b === undefined || b === false) looser(`"${key}" is gone: ${show(a)}`);
      else {
        narrowed(`"${key}" was ${show(a)} and is ${show(b)}`);
        looser(`"${key}" was ${show(a)} and is ${show(b)}`);
      }
    }
    this.#members(old, next, direction, at, depth, report);
    if (old['items'] !== undefined || next['items'] !== undefined) {
      this.#compare(old['items'] ?? {}, next['items'] ?? {}, direction, `${at}/*`, depth + 1, report);
    }
    for (const key of ['oneOf', 'anyOf']) {
      const [a, b] = [listOf(old[key]), listOf(next[key])];
      if (a.length > b.length && b.length > 0)
        narrowed(`${key} has ${b.length} alternatives, and had ${a.length}`);
      if (a.length === 0 && b.length > 0) narrowed(`"${key}" is new`);
      if (a.length < b.length && a.length > 0)
        widened(`${key} has ${b.length} alternatives, and had ${a.length}`);
      if (a.length > 0 && b.length === 0) looser(`"${key}" is gone`);
      for (const [from, to] of pairUp(a, b)) this.#compare(from, to, direction, at, depth + 1, report);
    }
  }

  #members(old: Json, next: Json, direction: Direction, at: string, depth: number, report: Report): void {
    const [a, b] = [membersOf(old), membersOf(next)];
    const [oldRequired, newRequired] = [requiredOf(old), requiredOf(next)];
    const isRequest = direction === 'request';
    const hides = isRequest ? 'readOnly' : 'writeOnly';
    const shown = (member: unknown, resolve: Resolve): boolean => {
      const target = flatten(follow(member, resolve), resolve);
      return target[hides] !== true && !(isObject(member) && member[hides] === true);
    };
    for (const [name, schema] of a) {
      const here = `${at}/${name}`;
      const now = b.get(name);
      const wasShown = shown(schema, this.#old);
      if (now === undefined) {
        // What takes any member still takes this one, unread.
        if (!wasShown || (isRequest && isOpen(next))) continue;
        report(isRequest ? 'request-member-removed' : 'response-member-removed', here, `"${name}" is gone`);
        continue;
      }
      const isShown = shown(now, this.#new);
      if (!wasShown && isShown)
        report(
          isRequest ? 'request-member-writable' : 'response-member-readable',
          here,
          `"${name}" is not ${hides} any more`,
        );
      else if (wasShown && !isShown)
        report(
          isRequest ? 'request-member-removed' : 'response-member-removed',
          here,
          `"${name}" is ${hides} now`,
        );
      if (!isShown) continue;
      this.#compare(schema, now, direction, here, depth + 1, report);
      if (isRequest && newRequired.has(name) && !oldRequired.has(name))
        report('request-member-required', here, `"${name}" is required`);
      if (!isRequest && oldRequired.has(name) && !newRequired.has(name))
        report('response-member-optional', here, `"${name}" is not required any more`);
    }
    for (const [name, schema] of b) {
      if (a.has(name) || !shown(schema, this.#new)) continue;
      const here = `${at}/${name}`;
      if (isRequest)
        report(
          newRequired.has(name) ? 'request-member-required' : 'request-member-added',
          here,
          newRequired.has(name) ? `"${name}" is new and required` : `"${name}" is new`,
        );
      else
        report(
          sensitive.test(name) ? 'response-member-sensitive' : 'response-member-added',
          here,
          `"${name}" is new`,
        );
    }
    if (a.size === 0 || b.size === 0) return;
    if (isOpen(next) && !isOpen(old))
      report(
        isRequest ? 'request-members-open' : 'response-members-open',
        at,
        'members without names may come',
      );
    else if (isRequest && isOpen(old) && !isOpen(next))
      report('request-members-closed', at, 'members without names are refused');
  }
}

function follow(schema: unknown, resolve: Resolve): unknown {
  let current = schema;
  for (let i = 0; i < MAX_REFERENCES; i++) {
    if (!isObject(current) || typeof current['$ref'] !== 'string' || Object.keys(current).length > 1)
      return current;
    current = resolve(current['$ref']);
  }
  return {};
}

/** The schema with its reference and the parts of `allOf` in it; of two bounds the later stands. */
function flatten(schema: unknown, resolve: Resolve, seen: ReadonlySet<unknown> = new Set()): Json {
  if (schema === false) return { not: {} };
  if (!isObject(schema) || seen.has(schema)) return {};
  const within = new Set(seen).add(schema);
  const parts = [
    ...(typeof schema['$ref'] === 'string' ? [resolve(schema['$ref'])] : []),
    ...listOf(schema['allOf']),
  ].map((part) => flatten(part, resolve, within));
  if (parts.length === 0) return schema;
  const out: Record<string, unknown> = Object.create(null);
  const members: Record<string, unknown> = Object.create(null);
  const required: unknown[] = [];
  for (const part of [...parts, schema]) {
    for (const [key, value] of Object.entries(part)) {
      if (key === 'properties' && isObject(value)) {
        for (const [name, member] of Object.entries(value)) members[name] = member;
      } else if (key === 'required') required.push(...listOf(value));
      else if (key !== '$ref' && key !== 'allOf') out[key] = value;
    }
  }
  out['properties'] = members;
  out['required'] = required;
  return out;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const show = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80);
const membersOf = (schema: Json): ReadonlyMap<string, unknown> =>
  new Map(isObject(schema['properties']) ? Object.entries(schema['properties']) : []);
const requiredOf = (schema: Json): ReadonlySet<unknown> => new Set(listOf(schema['required']));
const isOpen = (schema: Json): boolean =>
  (schema['additionalProperties'] !== undefined && schema['additionalProperties'] !== false) ||
  schema['patternProperties'] !== undefined;

function typesOf(schema: Json): readonly string[] | null {
  const { type } = schema as { type?: unknown };
  if (type === undefined) return null;
  const types = (Array.isArray(type) ? type : [type]).map(String);
  return types.includes('number') ? [...types, 'integer'] : types;
}

function valuesOf(schema: Json): readonly string[] | null {
  if (schema['const'] !== undefined) return [JSON.stringify(schema['const'])];
  return Array.isArray(schema['enum']) ? schema['enum'].map((value) => JSON.stringify(value)) : null;
}

/** Null is every value there is. */
function compareSets(
  what: string,
  old: readonly string[] | null,
  next: readonly string[] | null,
  narrowed: (message: string) => void,
  widened: (message: string) => void,
): void {
  if (old === null && next !== null) return narrowed(`"${what}" is new: ${next.join(', ').slice(0, 80)}`);
  if (old !== null && next === null) return widened(`"${what}" is gone: ${old.join(', ').slice(0, 80)}`);
  if (old === null || next === null) return;
  const gone = old.filter((value) => !next.includes(value));
  const added = next.filter((value) => !old.includes(value));
  if (gone.length > 0) narrowed(`"${what}" has no ${gone.join(', ').slice(0, 80)} any more`);
  if (added.length > 0) widened(`"${what}" has ${added.join(', ').slice(0, 80)} too`);
}

function compareBound(
  key: string,
  old: unknown,
  next: unknown,
  sign: 1 | -1,
  narrowed: (message: string) => void,
  looser: (message: string) => void,
): void {
  if (old === next) return;
  if (typeof next !== 'number')
    return old === undefined ? undefined : looser(`"${key}" is gone: ${show(old)}`);
  if (typeof old !== 'number') return narrowed(`"${key}" is new: ${next}`);
  const message = `"${key}" was ${old} and is ${next}`;
  if ((next - old) * sign > 0) looser(message);
  else narrowed(message);
}

/** Alternatives that belong together: by the name of their reference, else by position. */
function pairUp(old: readonly unknown[], next: readonly unknown[]): (readonly [unknown, unknown])[] {
  const nameOf = (schema: unknown): string | null =>
    isObject(schema) && typeof schema['$ref'] === 'string' ? schema['$ref'] : null;
  return old.flatMap((schema, index) => {
    const name = nameOf(schema);
    const twin = name === null ? next[index] : next.find((other) => nameOf(other) === name);
    return twin === undefined ? [] : [[schema, twin] as const];
  });
}
