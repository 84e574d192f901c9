// Limits of an operation, and the plans and tenants of callers.
import type { LimitAmount, LimitConfig, MembershipConfig } from '../guards/limit/contract.ts';
import type { ConfigDocument } from './document.ts';
import type { LimitDocument } from './document-limits.ts';
import { fail, type ResolveContext } from './resolve.ts';
import type { Path } from './yaml-source.ts';

/** A limit stands for all operations of what it was written under, unless it says otherwise. */
export function resolveLimits(
  limits: readonly LimitDocument[],
  scope: LimitConfig['scope'],
  path: Path,
  document: ConfigDocument,
  context: ResolveContext,
): LimitConfig[] {
  const used = new Map<string, number>();
  return limits.map((limit, index): LimitConfig => {
    const base = limit.name ?? limit.per.replace(/[^a-z0-9]+/gi, '-').toLowerCase();
    const count = (used.get(base) ?? 0) + 1;
    used.set(base, count);
    const { rate, quota, concurrent } = limit;
    checkLimit(limit, [...path, index], document, context);
    return {
      name: count === 1 ? base : `${base}-${count}`,
      per: (limit.per.startsWith('header:') ? limit.per.toLowerCase() : limit.per) as LimitConfig['per'],
      scope: limit.scope ?? (limit.per === 'operation' ? 'operation' : scope),
      kind: rate !== undefined ? 'rate' : quota !== undefined ? 'quota' : 'concurrent',
      unit: rate?.unit ?? quota?.unit ?? 'requests',
      amount: amountOf(rate ?? quota ?? concurrent ?? 1, limit.burst),
      plans: Object.entries(limit.plans).map(([plan, amount]) => ({ plan, amount: amountOf(amount) })),
      calendar:
        quota === undefined
          ? null
          : { period: quota.period, zone: limit.zone ?? 'UTC', carry: limit.carry ?? 0 },
      queueMs: limit.queue ?? 0,
      isShared: limit.over === 'nodes' && concurrent === undefined,
    };
  });
}

type Amount = number | NonNullable<LimitDocument['rate']> | NonNullable<LimitDocument['quota']>;

function amountOf(amount: Amount, burst?: number): LimitAmount {
  if (typeof amount === 'number') return { count: amount, periodMs: 1000, burst: amount };
  const { count } = amount;
  return 'periodMs' in amount
    ? { count, periodMs: amount.periodMs, burst: burst ?? count }
    : { count, periodMs: 1000, burst: count };
}

function checkLimit(
  limit: LimitDocument,
  path: Path,
  document: ConfigDocument,
  context: ResolveContext,
): void {
  const { rate, quota, concurrent, queue, zone, carry, burst } = limit;
  const wrong = (key: string, message: string, wayOut: string): void =>
    fail(context, 'config-value', [...path, key], message, wayOut);
  if (burst !== undefined && rate === undefined)
    wrong('burst', 'Only a rate has a burst.', 'Remove "burst".');
  if (queue !== undefined && (rate === undefined || rate.unit === 'bytes'))
    wrong('queue', 'Only requests beyond a rate of requests can wait for their turn.', 'Remove "queue".');
  if ((zone ?? carry) !== undefined && quota === undefined)
    wrong(zone === undefined ? 'carry' : 'zone', 'Only a quota has a calendar.', 'Remove it.');
  if (quota !== undefined && document.state === undefined && document.cluster === undefined)
    fail(
      context,
      'config-state-missing',
      [...path, 'quota'],
      'A quota must outlast the gate, and there is nothing to keep it in.',
      'Add "state: { sqlite: ./state.db }", or a cluster.',
    );
  if ((limit.per === 'asn' || limit.per === 'country') && document.geography === undefined)
    wrong('per', `Nothing says which ${limit.per} an address belongs to.`, 'Add "geography".');
  const kindOf = (amount: Amount | undefined): string =>
    amount === undefined
      ? ''
      : typeof amount === 'number'
        ? 'concurrent'
        : `${'periodMs' in amount ? 'rate' : `quota ${amount.period}`} ${amount.unit}`;
  const kind = kindOf(rate ?? quota ?? concurrent);
  for (const [plan, amount] of Object.entries(limit.plans))
    if (kindOf(amount) !== kind)
      fail(
        context,
        'config-value',
        [...path, 'plans', plan],
        `The amount of the plan "${plan}" is not written as the limit is.`,
        'Use the same unit and, for a quota, the same period.',
      );
}

export function resolveMembership({ identity }: ConfigDocument): MembershipConfig {
  const { plans, tenants, consumers } = identity;
  return {
    planClaim: plans.claim?.split('.') ?? [],
    defaultPlan: plans.default ?? '',
    tenantClaim: tenants.claim?.split('.') ?? [],
    members: Object.entries(consumers)
      .filter(([, { plan, tenant }]) => (plan ?? tenant) !== undefined)
      .map(([consumer, { plan = '', tenant = '' }]) => ({ consumer, plan, tenant })),
  };
}
