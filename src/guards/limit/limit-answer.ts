// What answers say of limits: the fields of draft-ietf-httpapi-ratelimit-headers for the tightest, and refusals. HOT
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

export function refuseOver(
  exchange: Exchange,
  policy: string,
  name: string,
  resetMs: number,
  retryAfterMs: number,
): Refusal {
  setLimitFields(exchange, policy, name, 0, resetMs);
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return new Refusal('rate-limited', 'limit', name, `Try again in ${seconds} s.`, [
    'retry-after',
    String(seconds),
  ]);
}
