// The deadline of a gRPC call: `grpc-timeout`, at most eight digits and a unit.

const pattern = /^([0-9]{1,8})([HMSmun])$/;

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds, rounded up to at least one; null when the value is not valid. */
export function parseGrpcTimeout(value: string): number | null {
  const match = pattern.exec(value);
  if (match === null) return null;
  return Math.max(1, Math.ceil(Number(match[1]) * unitMs[match[2]!]!));
}
