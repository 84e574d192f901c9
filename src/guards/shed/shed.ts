// Refuses what matters least while a thread is pressed, before anything is spent on it: a 503 now is cheaper for everybody than an
// answer that comes too late. HOT
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import { type Priority, priorities } from './contract.ts';
import type { Pressure } from './pressure.ts';

/** Seconds until a refused client should come back, and how far that is spread. */
const RETRY_SECONDS = 1;
const SPREAD_SECONDS = 4;

/** Index of a priority; larger matters less. */
export const rankOf = (priority: Priority): number => priorities.indexOf(priority);

/** Seconds for Retry-After: clients that were refused together do not come back together. */
export const retryAfter = (random: () => number): string =>
  String(RETRY_SECONDS + Math.floor(random() * SPREAD_SECONDS));

/** Guard in front of all that costs something. */
export function compileShed(priority: Priority, pressure: Pressure, random: () => number): Guard {
  const rank = rankOf(priority);
  const onRequest = (exchange: Exchange): Decision => {
    exchange.priority = rank;
    // Level 1 refuses rank 3, level 2 rank 2, level 3 rank 1; rank 0 is served as long as anything is.
    if (rank + pressure.level < priorities.length || rank === 0) return null;
    return new Refusal('overloaded', 'gate', 'pressure', '', ['retry-after', retryAfter(random)]);
  };
  return { ...noHooks, name: 'gate', onRequest };
}

/** Guard after authentication: a caller's plan can make its requests matter more. Null where plans do not. */
export function compilePlanPriority(
  plans: Readonly<Record<string, Priority>>,
  planOf: (exchange: Exchange) => string,
): Guard | null {
  const ranks = new Map(Object.entries(plans).map(([plan, priority]) => [plan, rankOf(priority)]));
  if (ranks.size === 0) return null;
  const onRequest = (exchange: Exchange): Decision => {
    const rank = ranks.get(planOf(exchange));
    if (rank !== undefined && rank < exchange.priority) exchange.priority = rank;
    return null;
  };
  return { ...noHooks, name: 'gate', onRequest };
}
