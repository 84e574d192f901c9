// What answers say of limits: the fields of draft-ietf-httpapi-ratelimit-headers for the tightest, and refusals. HOT
import type { ErrorCode } from '../../core/index.ts';
import { type Exchange, Refusal } from '../../exchange/index.ts';

/** A consumer limit runs after an address limit: the tighter of the two is told. */
export function setLimitFields(
  exchange: Exchange,
  policy: string,
  name: string,
  remaining: number,
  resetMs: number,
): void {
  const fields = exchange.answerFields;
  const value = `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`;
  const at = fields.indexOf('ratelimit');
  if (at === -1) {
    fields.push('ratelimit-policy', policy, 'ratelimit', value);
    return;
  }
  const before = /;r=(\d+)/.exec(fields[at + 1]!);
  fields[at - 1] += `, ${policy}`;
  if (before === null || Number(before[1]) > remaining) fields[at + 1] = value;
}

/** Clients that were refused together must not come back together: the wait is drawn out by up to this share. */
const JITTER = 0.25;
/** The longest that a wait is drawn out, s. */
const MAX_JITTER_SECONDS = 30;

export function refuseOver(
  exchange: Exchange,
  policy: string,
  name: string,
  resetMs: number,
  retryAfterMs: number,
  random: () => number,
  code: ErrorCode = 'rate-limited',
): Refusal {
  setLimitFields(exchange, policy, name, 0, resetMs);
  const least = Math.max(1, Math.ceil(retryAfterMs / 1000));
  const seconds = least + Math.floor(random() * Math.min(MAX_JITTER_SECONDS, least * JITTER + 1));
  return new Refusal(code, 'limit', name, `Try again in ${seconds} s.`, ['retry-after', String(seconds)]);
}
