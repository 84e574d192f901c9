// Rate limits of one operation. Every limit must allow a request; what an earlier one took is given back when a later
// one refuses, so that a refused request costs nothing. Answers carry the fields of
// draft-ietf-httpapi-ratelimit-headers, for the tightest limit. HOT
import { createHash } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import { type LimitParameters, LimitResult, type LimitTable } from '../../limits/index.ts';
import type { LimitConfig } from './contract.ts';

interface Row {
  readonly parameters: LimitParameters;
  readonly per: LimitConfig['per'];
  readonly name: string;
  readonly policy: string;
}

/**
 * Id of the limit with this full name: the same on every thread and after every reload, whatever else the
 * configuration holds, so that counters are shared and go on. Rate and burst are part of the name: a cell holds a
 * time that means nothing to a limit with another rate. 48 bits: of 100,000 limits no two are likely to meet.
 */
const limitId = (fullName: string): number => createHash('sha256').update(fullName).digest().readUIntBE(0, 6);

/** Guard for `limits`; null when there are none. */
export function compileLimit(
  limits: readonly LimitConfig[],
  names: { readonly api: string; readonly operation: string },
  table: LimitTable,
  clock: Clock,
): Guard | null {
  if (limits.length === 0) return null;
  const rows = limits.map((limit): Row => compileRow(limit, names));
  const policyField = rows.map((row) => row.policy).join(', ');
  const result = new LimitResult();
  const keys: string[] = rows.map(() => '');

  const onRequest = (exchange: Exchange): Decision => {
    const nowMs = clock.monotonicMs();
    let tightest = -1;
    let remaining = Number.POSITIVE_INFINITY;
    let resetMs = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const key = keyOf(row.per, exchange);
      keys[i] = key;
      table.take(row.parameters, key, nowMs, result);
      if (!result.allowed) {
        for (let j = 0; j < i; j++) table.giveBack(rows[j]!.parameters, keys[j]!, nowMs);
        return refuse(exchange, row, policyField, result);
      }
      if (result.remaining < remaining) {
        tightest = i;
        remaining = result.remaining;
        resetMs = result.resetMs;
      }
    }
    setFields(exchange, policyField, rows[tightest]!.name, remaining, resetMs);
    return null;
  };
  return { ...noHooks, name: 'limit', onRequest };
}

function compileRow(limit: LimitConfig, names: { readonly api: string; readonly operation: string }): Row {
  const intervalMs = limit.periodMs / limit.count;
  const where = limit.scope === 'api' ? names.api : `${names.api}\n${names.operation}`;
  return {
    parameters: {
      id: limitId(`${where}\n${limit.name}\n${limit.per}\n${intervalMs}\n${limit.burst}`),
      intervalMs,
      toleranceMs: (limit.burst - 1) * intervalMs,
      burst: limit.burst,
    },
    per: limit.per,
    name: limit.name,
    policy: `"${limit.name}";q=${limit.count};w=${Math.max(1, Math.round(limit.periodMs / 1000))}`,
  };
}

function keyOf(per: LimitConfig['per'], exchange: Exchange): string {
  if (per === 'operation') return '';
  if (per === 'consumer' && exchange.consumer !== null) return `c${exchange.consumer.id}`;
  return networkOf(exchange.clientAddress);
}

/** The address itself for IPv4, the /64 for IPv6: a site has at least that many addresses to change between. */
function networkOf(address: string): string {
  if (address.indexOf(':') === -1) return address;
  const gap = address.indexOf('::');
  if (gap === -1) return address.split(':', 4).join(':');
  const left = gap === 0 ? [] : address.slice(0, gap).split(':');
  const right = address.length === gap + 2 ? 0 : address.slice(gap + 2).split(':').length;
  const zeros = 8 - left.length - right;
  const groups = [...left, ...new Array<string>(zeros).fill('0'), ...address.slice(gap + 2).split(':')];
  return groups.slice(0, 4).join(':');
}

/** A consumer limit runs after an address limit: the tighter of the two is told. */
function setFields(
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

function refuse(exchange: Exchange, row: Row, policy: string, result: LimitResult): Refusal {
  setFields(exchange, policy, row.name, 0, result.resetMs);
  const seconds = Math.max(1, Math.ceil(result.retryAfterMs / 1000));
  return new Refusal('rate-limited', 'limit', row.name, `Try again in ${seconds} s.`, [
    'retry-after',
    String(seconds),
  ]);
}
