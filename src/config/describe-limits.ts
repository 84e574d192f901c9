// Limits in words, for `gatewright check`.
import type { LimitAmount, LimitConfig } from '../guards/limit/contract.ts';
import { periodText } from './period-text.ts';

/** `overGates`: there are other gates to count with. */
export function describeLimit(limit: LimitConfig, overGates: boolean): string {
  const parts = [amountText(limit, limit.amount, true)];
  const { calendar } = limit;
  if (calendar !== null && calendar.zone !== 'UTC') parts.push(calendar.zone);
  if (calendar !== null && calendar.carry > 0)
    parts.push(`${Math.round(calendar.carry * 100)} % carried over`);
  if (limit.queueMs > 0) parts.push(`waiting up to ${limit.queueMs / 1000} s`);
  if (overGates && limit.isShared) parts.push('over all gates');
  for (const { plan, amount } of limit.plans) parts.push(`plan ${plan} ${amountText(limit, amount, false)}`);
  return parts.join(', ');
}

function amountText(
  { kind, unit, per, calendar }: LimitConfig,
  amount: LimitAmount,
  isWhole: boolean,
): string {
  const { count, periodMs, burst } = amount;
  const many = unit === 'bytes' ? `${count} bytes` : String(count);
  const whose = isWhole ? ` and ${per}` : '';
  if (kind === 'concurrent') return `${count} at once${isWhole ? ` per ${per}` : ''}`;
  if (calendar !== null) return `${many} per ${calendar.period}${whose}`;
  return `${many} per ${periodText(periodMs)}${whose}${isWhole ? `, burst ${burst}` : ''}`;
}
