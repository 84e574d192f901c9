// Cedar's values at evaluation, and equality over them. Booleans, numbers and strings are JavaScript's own; the rest are
// small classes that are built before the request or once for it. Evaluation never throws: what went wrong is a value,
// too, and each operation hands it on. HOT
import { CedarTime } from './extensions/datetime.ts';
import { Decimal } from './extensions/decimal.ts';
import { IpRange } from './extensions/ip.ts';
import type { Long } from './numbers.ts';

export type Value =
  | boolean
  | Long
  | string
  | EntityRef
  | CedarSet
  | CedarRecord
  | Decimal
  | IpRange
  | CedarTime;

export type EvaluationErrorKind =
  | 'type'
  | 'attribute-missing'
  | 'entity-missing'
  | 'tag-missing'
  | 'overflow'
  | 'extension'
  | 'arity';

/** Why an expression has no value. Made when the policy is compiled, not when it is met. */
export class EvaluationError {
  readonly kind: EvaluationErrorKind;
  readonly message: string;
  /** Offset into the policy's file. */
  readonly offset: number;

  constructor(kind: EvaluationErrorKind, message: string, offset: number) {
    this.kind = kind;
    this.message = message;
    this.offset = offset;
  }
}

export type Result = Value | EvaluationError;

/** Attributes by name; tables made from untrusted names have no prototype to fall through to. */
export abstract class CedarRecord {
  abstract get(name: string): Value | undefined;
  abstract names(): Iterable<string>;
}

export class FixedRecord extends CedarRecord {
  readonly #members: ReadonlyMap<string, Value>;

  constructor(members: ReadonlyMap<string, Value>) {
    super();
    this.#members = members;
  }

  override get(name: string): Value | undefined {
    return this.#members.get(name);
  }

  override names(): Iterable<string> {
    return this.#members.keys();
  }
}

export const emptyRecord: CedarRecord = new FixedRecord(new Map());

/** What is known of an entity besides its name. */
export interface EntityData {
  readonly attributes: CedarRecord;
  /** Keys of all entities that it is in, over any number of steps; not its own. */
  readonly ancestors: ReadonlySet<string>;
  readonly tags: CedarRecord;
}

export const entityKey = (type: string, id: string): string => `${type}::${JSON.stringify(id)}`;

export class EntityRef {
  readonly type: string;
  readonly id: string;
  /** `Type::"id"`; equal keys are equal entities. */
  readonly key: string;
  /** Null when only the name is known here; the request's store may know more. */
  readonly data: EntityData | null;

  constructor(type: string, id: string, data: EntityData | null = null) {
    this.type = type;
    this.id = id;
    this.key = entityKey(type, id);
    this.data = data;
  }
}

export class CedarSet {
  readonly #plain = new Set<boolean | Long | string>();
  readonly #entities = new Map<string, EntityRef>();
  readonly #others: Value[] = [];

  constructor(items: Iterable<Value>) {
    for (const item of items) {
      if (typeof item !== 'object') this.#plain.add(item);
      else if (item instanceof EntityRef) this.#entities.set(item.key, item);
      else if (!this.#others.some((other) => equals(other, item))) this.#others.push(item);
    }
  }

  get size(): number {
    return this.#plain.size + this.#entities.size + this.#others.length;
  }

  has(value: Value): boolean {
    if (typeof value !== 'object') return this.#plain.has(value);
    if (value instanceof EntityRef) return this.#entities.has(value.key);
    for (let i = 0; i < this.#others.length; i++) if (equals(this.#others[i]!, value)) return true;
    return false;
  }

  hasAll(other: CedarSet): boolean {
    for (const value of other) if (!this.has(value)) return false;
    return true;
  }

  hasAny(other: CedarSet): boolean {
    for (const value of other) if (this.has(value)) return true;
    return false;
  }

  /** The members when all are entities, else null. */
  get entities(): ReadonlyMap<string, EntityRef> | null {
    return this.#plain.size === 0 && this.#others.length === 0 ? this.#entities : null;
  }

  *[Symbol.iterator](): Iterator<Value> {
    yield* this.#plain;
    yield* this.#entities.values();
    yield* this.#others;
  }
}

/** Cedar's `==`: values of different types differ, and that is no error. */
export function equals(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof EntityRef) return b instanceof EntityRef && a.key === b.key;
  if (a instanceof CedarSet) return b instanceof CedarSet && a.size === b.size && a.hasAll(b);
  if (a instanceof CedarRecord) return b instanceof CedarRecord && recordsEqual(a, b);
  if (a instanceof Decimal) return b instanceof Decimal && a.scaled === b.scaled;
  if (a instanceof IpRange) return b instanceof IpRange && a.isSame(b);
  return b instanceof CedarTime && a.kind === b.kind && a.ms === b.ms;
}

function recordsEqual(a: CedarRecord, b: CedarRecord): boolean {
  let count = 0;
  for (const name of a.names()) {
    const left = a.get(name);
    const right = b.get(name);
    if (left === undefined || right === undefined || !equals(left, right)) return false;
    count++;
  }
  for (const _ of b.names()) count--;
  return count === 0;
}

/** The type in words, for messages. */
export function typeName(value: Result): string {
  switch (typeof value) {
    case 'boolean':
      return 'a boolean';
    case 'number':
    case 'bigint':
      return 'a number';
    case 'string':
      return 'a string';
    default:
      break;
  }
  if (value instanceof EntityRef) return 'an entity';
  if (value instanceof CedarSet) return 'a set';
  if (value instanceof CedarRecord) return 'a record';
  if (value instanceof Decimal) return 'a decimal';
  if (value instanceof IpRange) return 'an IP address';
  return value instanceof CedarTime ? `a ${value.kind}` : 'an error';
}
