// A record as detectors want it: numbers parsed once, networks instead of addresses where that is meant, and the objects that the
// path names, by the operation's template.
import type { ExchangeRecord } from '../telemetry/index.ts';
import type { OperationFacts } from './contract.ts';

export interface KnownOperation {
  /** `api operation`. */
  readonly key: string;
  readonly facts: OperationFacts;
  /** Places of path segments that name objects. */
  readonly objectSegments: readonly number[];
  readonly isWrite: boolean;
}

export interface Observation {
  readonly record: ExchangeRecord;
  readonly atMs: number;
  /** The client; the /64 of an IPv6 address, which is one subscriber. */
  readonly address: string;
  /** Autonomous system where it is known, else /16 or /32. */
  readonly network: string;
  /** ISO country code, or empty. */
  readonly country: string;
  /** Empty for the anonymous. */
  readonly consumer: string;
  readonly operation: KnownOperation | null;
  /** What the path names, or empty. */
  readonly object: string;
  readonly isAuthFailure: boolean;
  /** A login that worked. */
  readonly isLogin: boolean;
  /** 403 by a guard or the service. */
  readonly isForbidden: boolean;
  /** Nothing there that could be asked for. */
  readonly isUnknown: boolean;
  /** An inspection rule matched. */
  readonly isSuspicious: boolean;
  /** The service failed. */
  readonly isError: boolean;
}

export function compileOperations(facts: readonly OperationFacts[]): Map<string, KnownOperation> {
  const operations = new Map<string, KnownOperation>();
  for (const fact of facts) {
    const key = `${fact.api} ${fact.operation}`;
    const objectSegments = fact.template
      .split('/')
      .flatMap((segment, index) => (segment.startsWith('{') && !segment.includes('*') ? [index] : []));
    const isWrite = !['GET', 'HEAD', 'OPTIONS', 'QUERY'].includes(fact.method);
    operations.set(key, { key, facts: fact, objectSegments, isWrite });
  }
  return operations;
}

/** Keys that were guessed or made up; what has expired is what honest clients come with. */
const guessed = 'credentials-invalid';
const retired = new Set([
  'api-key-revoked',
  'credential-revoked',
  'certificate-revoked',
  'session-revoked',
  'jwt-revoked',
]);

export const isRetired = (record: ExchangeRecord): boolean =>
  record.code === guessed && record.reason !== undefined && retired.has(record.reason);

export function observe(
  record: ExchangeRecord,
  operations: ReadonlyMap<string, KnownOperation>,
): Observation {
  const operation =
    record.operation === undefined ? null : (operations.get(`${record.api} ${record.operation}`) ?? null);
  const { status, code, decision } = record;
  const isLoginOperation = operation?.facts.isLogin === true;
  const isFailedLogin =
    isLoginOperation &&
    decision !== 'failed' &&
    (status === 400 || status === 401 || status === 403 || status === 422);
  const address = subscriberOf(record.client_address);
  return {
    record,
    atMs: Date.parse(record.time),
    address,
    network: record.asn === undefined ? networkOf(address) : `AS${record.asn}`,
    country: record.country ?? '',
    consumer: record.consumer ?? '',
    operation,
    object: operation === null ? '' : objectOf(record.path ?? '', operation.objectSegments),
    isAuthFailure: isFailedLogin || (status === 401 && code === guessed && !isRetired(record)),
    isLogin: isLoginOperation && status < 400,
    isForbidden: status === 403 && code !== 'address-denied' && code !== 'request-blocked',
    isUnknown:
      code === 'operation-unknown' || code === 'method-not-allowed' || (operation === null && status === 404),
    isSuspicious: (record.rules?.length ?? 0) > 0 || code === 'request-blocked',
    isError: decision === 'failed' || status >= 500,
  };
}

function objectOf(path: string, segments: readonly number[]): string {
  if (segments.length === 0) return '';
  const parts = path.split('/');
  let object = '';
  for (const index of segments) object += `/${parts[index] ?? ''}`;
  return object;
}

/** IPv6: the first four groups, as one subscriber has at least a /64. What this has made stays as it is. */
export function subscriberOf(address: string): string {
  if (!address.includes(':')) return address;
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7);
  return `${groupsOf(address).slice(0, 4).join(':')}::/64`;
}

function networkOf(address: string): string {
  if (address.includes(':')) return `${groupsOf(address).slice(0, 2).join(':')}::/32`;
  const second = address.indexOf('.', address.indexOf('.') + 1);
  return `${address.slice(0, second)}.0.0/16`;
}

function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const first = head === '' ? [] : head.split(':');
  if (tail === undefined) return first;
  const last = tail === '' ? [] : tail.split(':');
  return [...first, ...new Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last];
}
