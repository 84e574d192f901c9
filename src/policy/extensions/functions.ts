// Extension functions and methods by name: how many values each takes, and what it makes of them. Null means that a
// value has the wrong type, a text that the value itself is wrong. HOT
import type { Value } from '../values.ts';
import { CedarTime, DAY_MS } from './datetime.ts';
import { Decimal } from './decimal.ts';
import { IpRange } from './ip.ts';

/** What an extension answers when its argument has the right type and no meaning. */
export class ExtensionFailure {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

export interface ExtensionFunction {
  /** With the target of a method. */
  readonly arity: 1 | 2;
  run(first: Value, second: Value): Value | ExtensionFailure | null;
}

type Failing<T> = T | ExtensionFailure | null;

const parser = (name: string, parse: (text: string) => Value | null): ExtensionFunction => {
  const failure = new ExtensionFailure(`${name}(…) does not take this text`);
  return { arity: 1, run: (text) => (typeof text === 'string' ? (parse(text) ?? failure) : null) };
};

const ofIp = (judge: (ip: IpRange) => boolean): ExtensionFunction => ({
  arity: 1,
  run: (ip) => (ip instanceof IpRange ? judge(ip) : null),
});

/** Sign of a - b. */
function compare(a: Decimal, b: Decimal): number {
  if (a.scaled === b.scaled) return 0;
  return a.scaled < b.scaled ? -1 : 1;
}

const ofDecimals = (judge: (sign: number) => boolean): ExtensionFunction => ({
  arity: 2,
  run: (a, b) => (a instanceof Decimal && b instanceof Decimal ? judge(compare(a, b)) : null),
});

const isTime = (value: Value, kind: CedarTime['kind']): value is CedarTime =>
  value instanceof CedarTime && value.kind === kind;

const overflow = new ExtensionFailure('the result does not fit in 64 bits');

const ofDatetime = (make: (time: CedarTime) => CedarTime | null): ExtensionFunction => ({
  arity: 1,
  run: (time): Failing<Value> => (isTime(time, 'datetime') ? (make(time) ?? overflow) : null),
});

const ofDuration = (unitMs: number): ExtensionFunction => ({
  arity: 1,
  run: (time) => (isTime(time, 'duration') ? time.in(unitMs) : null),
});

export const extensions: ReadonlyMap<string, ExtensionFunction> = new Map<string, ExtensionFunction>([
  ['ip', parser('ip', IpRange.parse)],
  ['decimal', parser('decimal', Decimal.parse)],
  ['datetime', parser('datetime', CedarTime.parseDatetime)],
  ['duration', parser('duration', CedarTime.parseDuration)],
  ['isIpv4', ofIp((ip) => ip.version === 4)],
  ['isIpv6', ofIp((ip) => ip.version === 6)],
  ['isLoopback', ofIp((ip) => ip.isLoopback())],
  ['isMulticast', ofIp((ip) => ip.isMulticast())],
  [
    'isInRange',
    {
      arity: 2,
      run: (ip, range) => (ip instanceof IpRange && range instanceof IpRange ? ip.isInRange(range) : null),
    },
  ],
  ['lessThan', ofDecimals((sign) => sign < 0)],
  ['lessThanOrEqual', ofDecimals((sign) => sign <= 0)],
  ['greaterThan', ofDecimals((sign) => sign > 0)],
  ['greaterThanOrEqual', ofDecimals((sign) => sign >= 0)],
  [
    'offset',
    {
      arity: 2,
      run: (time, by): Failing<Value> =>
        isTime(time, 'datetime') && isTime(by, 'duration') ? (time.offset(by) ?? overflow) : null,
    },
  ],
  [
    'durationSince',
    {
      arity: 2,
      run: (time, other): Failing<Value> =>
        isTime(time, 'datetime') && isTime(other, 'datetime') ? (time.since(other) ?? overflow) : null,
    },
  ],
  ['toDate', ofDatetime((time) => time.date())],
  ['toTime', ofDatetime((time) => time.time())],
  ['toMilliseconds', ofDuration(1)],
  ['toSeconds', ofDuration(1000)],
  ['toMinutes', ofDuration(60_000)],
  ['toHours', ofDuration(3_600_000)],
  ['toDays', ofDuration(DAY_MS)],
]);
