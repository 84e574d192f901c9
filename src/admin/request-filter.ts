// Which requests somebody wants to see: exact on the members of a record, and a text that may stand in any of those that
// people know a request by.
import type { ExchangeRecord } from '../telemetry/index.ts';

export interface RequestFilter {
  readonly decision?: string | undefined;
  /** `404` or `4xx`. */
  readonly status?: string | undefined;
  readonly consumer?: string | undefined;
  readonly address?: string | undefined;
  readonly api?: string | undefined;
  readonly operation?: string | undefined;
  readonly guard?: string | undefined;
  readonly code?: string | undefined;
  readonly rule?: number | undefined;
  readonly text?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

const is = (wanted: string | undefined, value: string | undefined): boolean =>
  wanted === undefined || wanted === value;

export function matchesRequest(record: ExchangeRecord, filter: RequestFilter): boolean {
  if (
    !is(filter.decision, record.decision) ||
    !is(filter.consumer, record.consumer) ||
    !is(filter.address, record.client_address) ||
    !is(filter.api, record.api) ||
    !is(filter.operation, record.operation) ||
    !is(filter.guard, record.guard) ||
    !is(filter.code, record.code)
  )
    return false;
  const { status, rule, text, fromMs, untilMs } = filter;
  if (status !== undefined) {
    const own = String(record.status);
    if (status.endsWith('xx') ? status[0] !== own[0] : status !== own) return false;
  }
  if (rule !== undefined && record.rules?.includes(rule) !== true) return false;
  if (fromMs !== undefined || untilMs !== undefined) {
    const atMs = Date.parse(record.time);
    if (fromMs !== undefined && atMs < fromMs) return false;
    if (untilMs !== undefined && atMs > untilMs) return false;
  }
  return text === undefined || text === '' || holdsText(record, text.toLowerCase());
}

function holdsText(record: ExchangeRecord, text: string): boolean {
  const { id, path, query, user_agent, consumer, client_address, reason, code, operation, host } = record;
  for (const value of [id, path, query, user_agent, consumer, client_address, reason, code, operation, host])
    if (value?.toLowerCase().includes(text)) return true;
  return false;
}
