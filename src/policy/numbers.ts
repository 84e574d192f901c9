// Cedar's Long: a signed 64-bit integer, every operation checked. What a double holds exactly is a number, and the rest
// a bigint, so that usual values cost nothing and the limits are exact all the same. HOT

/** INVARIANT: a bigint only where the value is not a safe integer, so that `===` compares values. */
export type Long = number | bigint;

export const MIN_LONG = -(2n ** 63n);
export const MAX_LONG = 2n ** 63n - 1n;

/** The canonical form, or null when the value does not fit in 64 bits. */
export function longOf(value: bigint): Long | null {
  if (value >= -9007199254740991n && value <= 9007199254740991n) return Number(value);
  return value < MIN_LONG || value > MAX_LONG ? null : value;
}

export function addLong(a: Long, b: Long): Long | null {
  // Fast path: a sum of safe integers that is safe is exact.
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return longOf(BigInt(a) + BigInt(b));
}

export function subtractLong(a: Long, b: Long): Long | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return longOf(BigInt(a) - BigInt(b));
}

export function multiplyLong(a: Long, b: Long): Long | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    // + 0 turns -0 into 0.
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return longOf(BigInt(a) * BigInt(b));
}

export function negateLong(a: Long): Long | null {
  return typeof a === 'number' ? 0 - a : longOf(-a);
}

/** Truncates towards zero; `by` is a positive safe integer. */
export function divideLong(a: Long, by: number): Long {
  return typeof a === 'number' ? Math.trunc(a / by) + 0 : longOf(a / BigInt(by))!;
}

/** The remainder in 0 … by - 1; `by` is a positive safe integer. */
export function moduloLong(a: Long, by: number): number {
  const rest = typeof a === 'number' ? a % by : Number(a % BigInt(by));
  return rest < 0 ? rest + by : rest + 0;
}
