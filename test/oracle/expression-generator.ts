// Random expressions of a wanted type as Cedar text, and random attribute values as Cedar's JSON.
import type { Random } from '../fuzz/random.ts';
import { attributeNames, entityNames, entityText, stringText } from './policy-generator.ts';

export type Wanted =
  | 'boolean'
  | 'long'
  | 'string'
  | 'entity'
  | 'set'
  | 'record'
  | 'ip'
  | 'decimal'
  | 'datetime'
  | 'duration';

const all: readonly Wanted[] = [
  'boolean',
  'long',
  'string',
  'entity',
  'set',
  'record',
  'ip',
  'decimal',
  'datetime',
  'duration',
];

export const longs = [
  '0',
  '1',
  '2',
  '7',
  '-1',
  '-3',
  '1000',
  '9007199254740991',
  '9007199254740993',
  '4611686018427387904',
  '9223372036854775807',
  '-9223372036854775808',
];

export const strings = ['', 'a', 'ab', 'abc', 'a*b', 'User', 'é', '😀x', 'a"b', '10.0.0.1', 'read', 'x\ny'];
export const patterns = [
  '*',
  'a*',
  '*b',
  '*a*b*',
  'a\\*b',
  '',
  'abc',
  '**',
  'a*c*',
  '\\u{1F600}*',
  '*é*',
  'ab*ab',
];

const ips = [
  '10.0.0.1',
  '10.0.0.0/8',
  '10.1.2.3/16',
  '127.0.0.1',
  '127.0.0.1/7',
  '224.0.0.1',
  '0.0.0.0/0',
  '::1',
  '::',
  'ff00::/8',
  '2001:db8::/32',
  '2001:DB8:0:0::1/64',
  '1:2:3:4:5:6:7::',
  '::ffff:a00:1',
  '255.255.255.255',
];
const badIps = [
  '10.0.0.256',
  '01.2.3.4',
  '1.2.3.4/33',
  '::ffff:1.2.3.4',
  '1::2::3',
  '',
  '1.2.3.4/08',
  'x',
  '::/129',
];
const decimals = [
  '0.0',
  '1.5',
  '1.50',
  '-1.5',
  '3.1416',
  '-0.0',
  '922337203685477.5807',
  '-922337203685477.5808',
];
const badDecimals = ['1', '1.', '.5', '1.23456', '922337203685477.5808', 'x', '+1.0'];
const datetimes = [
  '1970-01-01',
  '2026-11-25T04:50:00Z',
  '2026-11-25T04:50:00.123Z',
  '2026-11-25T04:50:00+0530',
  '1969-12-31T23:59:59.999Z',
  '0000-02-29',
  '9999-12-31T23:59:59.999-2359',
  '2000-02-29',
];
const badDatetimes = [
  '2026-02-29',
  '2026-13-01',
  '2026-01-01T24:00:00Z',
  '2026-1-1',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00+2400',
];
const durations = [
  '0ms',
  '1ms',
  '1s',
  '1h30m',
  '-1d',
  '1d2h3m4s5ms',
  '9223372036854775807ms',
  '-9223372036854775808ms',
];
const badDurations = ['', '-', '1', '1h1d', '9223372036854775808ms', '1.5h', '106751991168d'];

/** A negative number is no operand of `.`. */
const numberText = (digits: string): string => (digits.startsWith('-') ? `(${digits})` : digits);

/** How often an expression is of another type than the one that is wanted there. */
const WRONG_TYPE = 0.05;
const BAD_TEXT = 0.08;

export class Expressions {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Attributes by name, some missing. */
  attributes(depth = 2): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const name of attributeNames) {
      if (this.#random.chance(0.65)) out[name] = this.#attribute(name, depth);
    }
    return out;
  }

  /** Names have a type that they usually hold, so that expressions find what they expect. */
  #attribute(name: string, depth: number): unknown {
    const usual: Readonly<Record<string, Wanted>> = {
      a: 'long',
      b: 'string',
      c: 'set',
      owner: 'entity',
      level: 'long',
      'x y': 'record',
      address: 'ip',
      when: 'datetime',
    };
    return this.value(this.#random.chance(0.85) ? usual[name]! : this.#random.pick(all), depth);
  }

  value(type: Wanted, depth: number): unknown {
    const random = this.#random;
    switch (type) {
      case 'boolean':
        return random.chance(0.5);
      case 'long':
        return random.pick([0, 1, 2, 7, -1, -3, 1000, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
      case 'string':
        return random.pick(strings);
      case 'entity':
        return { __entity: random.pick(entityNames) };
      case 'set':
        return depth === 0
          ? []
          : Array.from({ length: random.below(4) }, () =>
              this.value(random.pick(['long', 'string', 'entity', 'set'] as const), depth - 1),
            );
      case 'record':
        return depth === 0 ? {} : this.attributes(depth - 1);
      case 'ip':
        return { __extn: { fn: 'ip', arg: random.pick(ips) } };
      case 'decimal':
        return { __extn: { fn: 'decimal', arg: random.pick(decimals) } };
      case 'datetime':
        return { __extn: { fn: 'datetime', arg: random.pick(datetimes) } };
      case 'duration':
        return { __extn: { fn: 'duration', arg: random.pick(durations) } };
    }
  }

  /** Text of an expression that is usually of the type; always fit to be an operand. */
  expression(type: Wanted, depth: number): string {
    const random = this.#random;
    if (random.chance(WRONG_TYPE)) return this.expression(random.pick(all), depth);
    if (depth <= 0 || random.chance(0.15)) return this.#leaf(type);
    const inner = (wanted: Wanted): string => this.expression(wanted, depth - 1);
    if (random.chance(0.08)) return `(if ${inner('boolean')} then ${inner(type)} else ${inner(type)})`;
    if (random.chance(0.2)) return `${this.#holder(depth)}${this.#access(type)}`;
    switch (type) {
      case 'boolean':
        return `(${this.#boolean(depth)})`;
      case 'long':
        return random.chance(0.2)
          ? `${inner('duration')}.${random.pick(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'])}()`
          : random.chance(0.2)
            ? `(-${inner('long')})`
            : `(${inner('long')} ${random.pick(['+', '-', '*'])} ${inner('long')})`;
      case 'set':
        return `[${Array.from({ length: random.below(4) }, () => inner(random.pick(['long', 'string', 'entity'] as const))).join(', ')}]`;
      case 'record':
        return `{${attributeNames
          .filter(() => random.chance(0.4))
          .map((name) => `${stringText(name)}: ${inner(random.pick(all))}`)
          .join(', ')}}`;
      case 'datetime':
        return random.chance(0.5)
          ? `${inner('datetime')}.offset(${inner('duration')})`
          : `${inner('datetime')}.toDate()`;
      case 'duration':
        return random.chance(0.5)
          ? `${inner('datetime')}.durationSince(${inner('datetime')})`
          : `${inner('datetime')}.toTime()`;
      case 'ip':
      case 'decimal':
        return random.chance(0.1) ? `${type}(${inner('string')})` : this.#leaf(type);
      default:
        return this.#leaf(type);
    }
  }

  #boolean(depth: number): string {
    const random = this.#random;
    const inner = (wanted: Wanted): string => this.expression(wanted, depth - 1);
    const any = random.pick(all);
    switch (random.below(19)) {
      case 0:
        return `${inner('boolean')} && ${inner('boolean')}`;
      case 1:
        return `${inner('boolean')} || ${inner('boolean')}`;
      case 2:
        return `!${inner('boolean')}`;
      case 3:
        return `${inner(any)} ${random.pick(['==', '!='])} ${inner(any)}`;
      case 4:
        return `${inner(any)} ${random.pick(['==', '!='])} ${inner(random.pick(all))}`;
      case 5:
      case 6:
        return `${inner('long')} ${random.pick(['<', '<=', '>', '>='])} ${inner('long')}`;
      case 7:
        return `${inner('datetime')} ${random.pick(['<', '<=', '>', '>='])} ${inner('datetime')}`;
      case 8:
        return `${inner('duration')} ${random.pick(['<', '<=', '>', '>='])} ${inner('duration')}`;
      case 9:
      case 10:
        return `${inner('entity')} in ${random.chance(0.6) ? inner('entity') : `[${inner('entity')}, ${inner('entity')}]`}`;
      case 11:
        return `${inner('string')} like "${random.pick(patterns)}"`;
      case 12:
        return `${inner('entity')} is ${random.pick(['User', 'Role', 'Bank::Account'])}${random.chance(0.4) ? ` in ${inner('entity')}` : ''}`;
      case 13:
        return `${this.#holder(depth)} has ${this.#path()}`;
      case 14:
        return `${inner('set')}.${random.pick(['contains', 'contains', 'containsAll', 'containsAny'])}(${inner(random.pick(['set', 'long', 'string', 'entity'] as const))})`;
      case 15:
        return random.chance(0.5)
          ? `${inner('set')}.${random.pick(['containsAll', 'containsAny'])}(${inner('set')})`
          : `${inner('set')}.isEmpty()`;
      case 16:
        return random.chance(0.5)
          ? `${inner('ip')}.isInRange(${inner('ip')})`
          : `${inner('ip')}.${random.pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'])}()`;
      case 17:
        return `${inner('decimal')}.${random.pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'])}(${inner('decimal')})`;
      default:
        return `${inner('entity')}.hasTag(${inner('string')})${random.chance(0.5) ? '' : ` && ${inner('entity')}.getTag(${stringText(random.pick(attributeNames))}) == ${inner(any)}`}`;
    }
  }

  /** Something with attributes. */
  #holder(depth: number): string {
    const random = this.#random;
    if (random.chance(0.7))
      return random.pick(['context', 'principal', 'resource', 'context["x y"]', 'resource.owner']);
    return random.chance(0.5) ? this.expression('entity', depth - 1) : this.expression('record', depth - 1);
  }

  #access(type: Wanted): string {
    const names: Readonly<Partial<Record<Wanted, readonly string[]>>> = {
      long: ['a', 'level'],
      string: ['b'],
      set: ['c'],
      entity: ['owner'],
      record: ['x y'],
      ip: ['address'],
      datetime: ['when'],
    };
    return `[${stringText(this.#random.pick(names[type] ?? attributeNames))}]`;
  }

  #path(): string {
    const random = this.#random;
    if (random.chance(0.3)) return stringText(random.pick(attributeNames));
    const plain = attributeNames.filter((name) => !name.includes(' '));
    return Array.from({ length: random.pick([1, 1, 2, 3]) }, () => random.pick(plain)).join('.');
  }

  #leaf(type: Wanted): string {
    const random = this.#random;
    const text = (good: readonly string[], bad: readonly string[]): string =>
      stringText(random.pick(random.chance(BAD_TEXT) ? bad : good));
    switch (type) {
      case 'boolean':
        return random.pick(['true', 'false']);
      case 'long':
        return random.chance(0.7) ? numberText(random.pick(longs)) : `context.${random.pick(['a', 'level'])}`;
      case 'string':
        return random.chance(0.7) ? stringText(random.pick(strings)) : 'context.b';
      case 'entity':
        return random.chance(0.6)
          ? random.pick(['principal', 'resource', 'action', 'resource.owner'])
          : entityText(random.pick(entityNames));
      case 'set':
        return random.chance(0.5) ? random.pick(['context.c', 'principal.c']) : '[]';
      case 'record':
        return random.chance(0.7) ? random.pick(['context', 'context["x y"]']) : '{}';
      case 'ip':
        return `ip(${text(ips, badIps)})`;
      case 'decimal':
        return `decimal(${text(decimals, badDecimals)})`;
      case 'datetime':
        return `datetime(${text(datetimes, badDatetimes)})`;
      case 'duration':
        return `duration(${text(durations, badDurations)})`;
    }
  }
}
