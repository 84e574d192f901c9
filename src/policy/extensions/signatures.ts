// Names of Cedar's extension functions and methods, and of the built-in methods with their number of arguments.

export const extensionFunctions: readonly string[] = ['ip', 'decimal', 'datetime', 'duration'];

export const extensionMethods: readonly string[] = [
  'isIpv4',
  'isIpv6',
  'isLoopback',
  'isMulticast',
  'isInRange',
  'lessThan',
  'lessThanOrEqual',
  'greaterThan',
  'greaterThanOrEqual',
  'offset',
  'durationSince',
  'toDate',
  'toTime',
  'toMilliseconds',
  'toSeconds',
  'toMinutes',
  'toHours',
  'toDays',
];

/** The parser checks these; a wrong number of arguments of an extension is an error of the evaluation. */
export const methodArity: Readonly<Record<string, number | undefined>> = Object.assign(
  Object.create(null) as Record<string, number | undefined>,
  {
    contains: 1,
    containsAll: 1,
    containsAny: 1,
    isEmpty: 0,
    getTag: 1,
    hasTag: 1,
  },
);
