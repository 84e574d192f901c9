// From what rules matched to the narrowest exclusions: one rule, one target, one operation. It proposes; whether the callers behind
// it are good ones is for a person to say, so it tells how many and when.
import { stringify } from 'yaml';

export interface LoggedMatch {
  readonly rule: number;
  readonly message: string;
  readonly variables: readonly { readonly name: string; readonly value: string }[];
}

/** An exchange in which a rule matched. */
export interface LoggedExchange {
  readonly time: string;
  readonly api: string;
  readonly operation: string;
  /** Consumer where there is one, else the address. */
  readonly client: string;
  /** Code of a refusal by inspection, done or, in detection mode, not done; empty for none. */
  readonly refusal: string;
  readonly matches: readonly LoggedMatch[];
}

export interface Proposal {
  readonly api: string;
  readonly operation: string;
  readonly rule: number;
  readonly target: string;
  readonly message: string;
  matches: number;
  readonly clients: Set<string>;
  first: string;
  last: string;
  example: string;
}

/** Clients remembered for a proposal; more make no difference. */
const MAX_CLIENTS = 1000;
/** Proposals kept: names of parameters come from clients. */
const MAX_PROPOSALS = 10_000;

/** Rules that only add up what others found match on scores. */
export const isEvaluation = (match: LoggedMatch): boolean =>
  match.variables.length === 0 || match.variables.every(({ name }) => /^TX(?::|$)/i.test(name));

export class TuningTable {
  readonly #found = new Map<string, Proposal>();

  /** What would pass anyway needs no exclusion: exchanges without a refusal are passed over. */
  take(exchange: LoggedExchange): void {
    if (exchange.refusal === '') return;
    for (const match of exchange.matches) {
      if (isEvaluation(match)) continue;
      for (const { name, value } of match.variables) {
        if (/^TX(?::|$)/i.test(name)) continue;
        const target = targetOf(name);
        const key = JSON.stringify([exchange.api, exchange.operation, match.rule, target]);
        let proposal = this.#found.get(key);
        if (proposal === undefined) {
          if (this.#found.size >= MAX_PROPOSALS) continue;
          proposal = {
            api: exchange.api,
            operation: exchange.operation,
            rule: match.rule,
            target,
            message: match.message,
            matches: 0,
            clients: new Set(),
            first: exchange.time,
            last: exchange.time,
            example: value,
          };
          this.#found.set(key, proposal);
        }
        proposal.matches++;
        if (exchange.time < proposal.first) proposal.first = exchange.time;
        if (exchange.time > proposal.last) proposal.last = exchange.time;
        if (proposal.clients.size < MAX_CLIENTS) proposal.clients.add(exchange.client);
      }
    }
  }

  /** All, those that matched most first. */
  all(): Proposal[] {
    return [...this.#found.values()].sort((a, b) => b.matches - a.matches);
  }
}

/** The target that stands for a matched variable: positions of an array differ from request to request. */
export function targetOf(name: string): string {
  const colon = name.indexOf(':');
  if (colon === -1) return name;
  const key = name.slice(colon + 1);
  if (!/(?:^|\.)array_\d+(?:\.|$)/.test(key)) return name;
  const pattern = key.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace(/array_\d+(?=\\\.|$)/g, 'array_\\d+');
  return `${name.slice(0, colon)}:/^${pattern}$/`;
}

/** Why the exclusion is there, for the configuration. */
export function reasonOf({ message, matches, clients, first, last }: Proposal): string {
  const from = clients.size === 1 ? '1 client' : `${clients.size} clients`;
  const when =
    first.slice(0, 10) === last.slice(0, 10)
      ? first.slice(0, 10)
      : `${first.slice(0, 10)} to ${last.slice(0, 10)}`;
  return `${message || 'false alarm'}: ${matches} from ${from}, ${when}`;
}

/** The part of a configuration that says it. */
export function exclusionsYaml(proposals: readonly Proposal[]): string {
  const apis: Record<string, { operations: Record<string, { inspect: { exclude: object[] } }> }> = {};
  for (const proposal of proposals) {
    const api = (apis[proposal.api] ??= { operations: {} });
    const operation = (api.operations[proposal.operation] ??= { inspect: { exclude: [] } });
    operation.inspect.exclude.push({
      rule: proposal.rule,
      target: proposal.target,
      reason: reasonOf(proposal),
    });
  }
  return stringify({ apis }, { lineWidth: 0 }).trimEnd();
}
