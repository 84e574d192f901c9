// One request in words: which guards it met in which order, where it ended and why, what the caller was told, and what to do. All
// of it comes from the record and the configuration that is being served.
import { describeOperations } from '../config/describe.ts';
import type { GateConfig } from '../config/index.ts';
import { type ErrorCode, errorTable } from '../core/index.ts';
import type { ExchangeRecord } from '../telemetry/index.ts';
import { adviceFor } from './advice.ts';

type Outcome = 'passed' | 'refused' | 'not-reached' | 'not-configured' | 'answered' | 'failed';

export interface ExplainedStep {
  readonly guard: string;
  readonly outcome: Outcome;
  readonly text: string;
  readonly details: readonly string[];
}

/** In the order that they look at a request; see `compile.ts` of the gateway. */
const order = [
  'http',
  'route',
  'admit',
  'authenticate',
  'limit',
  'authorize',
  'validate',
  'inspect',
  'upstream',
] as const;
type Guard = (typeof order)[number];

const passed: Readonly<Record<Guard, string>> = {
  http: 'Well-formed HTTP, read in one way only',
  route: 'The contract has this operation',
  admit: 'The address is admitted',
  authenticate: 'The credentials are good',
  limit: 'Within its limits',
  authorize: 'Scopes, rules and policies allow it',
  validate: 'It matches the contract',
  inspect: 'No rule objected',
  upstream: 'The service answered',
};

export function explainRequest(
  record: ExchangeRecord,
  config: GateConfig,
  related: readonly ExchangeRecord[],
) {
  const view = describeOperations(config).find(
    ({ api, operation }) => api === record.api && operation === record.operation,
  );
  const endedAt = placeOf(record);
  const steps = order.map((guard, at): ExplainedStep => {
    const facts = factsOf(guard, record, view);
    if (at < endedAt)
      return {
        guard,
        outcome: facts.configured ? 'passed' : 'not-configured',
        text: facts.configured ? passed[guard] : 'Not asked for here',
        details: facts.details,
      };
    if (at > endedAt) return { guard, outcome: 'not-reached', text: 'Not reached', details: [] };
    const { outcome, text } = endOf(record);
    return { guard, outcome, text, details: [...reasonsOf(record), ...facts.details] };
  });
  return {
    request: record,
    summary: summaryOf(record),
    told: toldOf(record),
    advice: record.code === undefined ? '' : adviceFor(record.code),
    steps,
    related,
  };
}

function placeOf(record: ExchangeRecord): number {
  if (record.decision === 'allowed') return order.length - 1;
  const guard = record.guard ?? '';
  if (record.code === 'operation-unknown' || record.code === 'method-not-allowed')
    return order.indexOf('route');
  const at = order.indexOf(guard as Guard);
  // Framing is judged before there is anything to route.
  return at === -1 ? (record.operation === undefined ? 0 : order.length - 1) : at;
}

function endOf({ decision, code, status }: ExchangeRecord): {
  readonly outcome: Outcome;
  readonly text: string;
} {
  if (decision === 'allowed') return { outcome: 'passed', text: `The service answered ${status}` };
  if (decision === 'answered') return { outcome: 'answered', text: `The gate answered ${status} itself` };
  return { outcome: decision, text: titleOf(code) };
}

const titleOf = (code: string | undefined): string =>
  code !== undefined && Object.hasOwn(errorTable, code) ? errorTable[code as ErrorCode].title : 'Refused';

function reasonsOf(record: ExchangeRecord): string[] {
  const out: string[] = [];
  if (record.reason !== undefined) out.push(`Reason: ${record.reason}`);
  if (record.policy !== undefined) out.push(`Policy: ${record.policy}`);
  return out;
}

function factsOf(
  guard: Guard,
  record: ExchangeRecord,
  view: ReturnType<typeof describeOperations>[number] | undefined,
): { readonly configured: boolean; readonly details: readonly string[] } {
  const some = (list: readonly string[]) => ({ configured: list.length > 0, details: list });
  switch (guard) {
    case 'http':
      return some([
        [record.protocol, record.method, record.path].filter((part) => part !== undefined).join(' '),
      ]);
    case 'route':
      return some(
        record.operation === undefined
          ? []
          : [`${record.operation} of ${record.api} on listener ${record.listener}`],
      );
    case 'admit':
      return some([
        `From ${record.client_address}`,
        ...(record.risk === undefined ? [] : [`Risk ${record.risk} of 100`]),
      ]);
    case 'authenticate':
      if (record.consumer !== undefined)
        return some([
          `${record.consumer} by ${record.method_of_authentication}`,
          ...(record.credential === undefined ? [] : [`Credential ${record.credential}`]),
        ]);
      return {
        configured: view?.callers.some((caller) => !caller.startsWith('everybody')) ?? true,
        details: view?.callers ?? [],
      };
    case 'limit':
      return some(view?.limits ?? []);
    case 'authorize':
      return some([...(view?.scopes ?? []).map((scope) => `Scope ${scope}`), ...(view?.rules ?? [])]);
    case 'validate':
      return { configured: view?.validated ?? true, details: [] };
    case 'inspect': {
      const matches = (record.matches ?? []).map(({ rule, message, variables }) => {
        const where = variables
          .map(({ name, value }) => (value === undefined ? name : `${name} = ${value}`))
          .join(', ');
        return `Rule ${rule}${message === undefined ? '' : `: ${message}`}${where === '' ? '' : ` (${where})`}`;
      });
      const score = record.score === undefined ? [] : [`Score ${record.score}`];
      const would = record.would_refuse === undefined ? [] : ['Blocking would have refused it'];
      return {
        configured: view === undefined || view.inspected !== '',
        details: [...score, ...would, ...matches],
      };
    }
    case 'upstream':
      return {
        configured: true,
        details: [
          ...(record.upstream_address === undefined
            ? []
            : [
                `${record.upstream_address}${record.upstream_attempts === undefined ? '' : `, ${record.upstream_attempts} attempts`}`,
              ]),
          ...(record.upstream_first_byte_us === undefined
            ? []
            : [`First byte after ${(record.upstream_first_byte_us / 1000).toFixed(1)} ms`]),
        ],
      };
  }
}

function summaryOf(record: ExchangeRecord): string {
  const who = record.consumer ?? record.client_address;
  const what =
    record.operation === undefined
      ? record.method === undefined
        ? 'Something that is no request'
        : `${record.method} of an unknown operation`
      : record.operation;
  const took = `${(record.duration_us / 1000).toFixed(1)} ms`;
  switch (record.decision) {
    case 'allowed':
      return `${what} by ${who} was allowed and answered ${record.status} in ${took}.`;
    case 'answered':
      return `${what} by ${who} was answered ${record.status} by the gate itself.`;
    case 'failed':
      return `${what} by ${who} was allowed, and then failed: ${titleOf(record.code)}`;
    case 'refused':
      return `${what} by ${who} was refused with ${record.status}: ${titleOf(record.code)}`;
  }
}

const toldOf = ({ decision, code, status, id }: ExchangeRecord): string =>
  decision === 'allowed'
    ? "The service's own answer."
    : decision === 'answered'
      ? `${status}, from the gate.`
      : `${status} "${titleOf(code)}" with the id ${id}, and nothing of the reason.`;
