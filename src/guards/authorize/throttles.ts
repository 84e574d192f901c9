// Policies that lower limits: a forbid with `@limit("10/m")` refuses only what a caller does beyond that rate while the
// policy holds for it. Counted over all threads of the gate. HOT
import { createHash } from 'node:crypto';
import { type Clock, parseRate } from '../../core/index.ts';
import { type Exchange, Refusal } from '../../exchange/index.ts';
import { type LimitParameters, LimitResult, type LimitTable } from '../../limits/index.ts';
import {
  type ActionPolicies,
  type CompiledPolicy,
  decide,
  type EntityRef,
  type PolicyRequest,
  PolicySet,
  type PolicySyntax,
  Verdict,
} from '../../policy/index.ts';

/** The rate as it was written; empty for a policy that lowers no limit. */
export const limitOf = ({ annotations, effect }: PolicySyntax): string =>
  effect === 'forbid' ? (annotations.get('limit') ?? '') : '';

/** What is wrong with the annotation `@limit`; empty for nothing. */
export function limitProblem({ annotations, effect }: PolicySyntax): string {
  const limit = annotations.get('limit');
  if (limit === undefined) return '';
  if (effect !== 'forbid')
    return 'only a forbid can have @limit: a permit lets everything pass that it is for';
  return parseRate(limit)?.unit !== 'requests' ? `"${limit}" is not a rate such as 10/m` : '';
}

interface Throttle {
  readonly set: PolicySet;
  readonly limit: LimitParameters;
}

/** The throttles of one API. */
export class Throttles {
  readonly #throttles: readonly Throttle[];
  readonly #table: LimitTable;
  readonly #clock: Clock;

  constructor(api: string, policies: readonly PolicySyntax[], table: LimitTable, clock: Clock) {
    this.#throttles = policies.map((syntax) => ({
      set: new PolicySet([syntax]),
      limit: parametersOf(api, syntax),
    }));
    this.#table = table;
    this.#clock = clock;
  }

  get size(): number {
    return this.#throttles.length;
  }

  forAction(action: EntityRef): ActionThrottles {
    const rows = this.#throttles
      .map(({ set, limit }) => ({ policies: set.forAction(action), limit }))
      .filter(({ policies }) => policies.policies.length > 0);
    return new ActionThrottles(rows, this.#table, this.#clock);
  }
}

function parametersOf(api: string, syntax: PolicySyntax): LimitParameters {
  const rate = parseRate(limitOf(syntax));
  if (rate === null) throw new RangeError(`the policy ${syntax.id} has no rate`);
  const intervalMs = rate.periodMs / rate.count;
  const name = `${api}\nthrottle\n${syntax.id}\n${intervalMs}\n${rate.count}`;
  return {
    id: createHash('sha256').update(name).digest().readUIntBE(0, 6),
    intervalMs,
    toleranceMs: (rate.count - 1) * intervalMs,
    burst: rate.count,
  };
}

const valueless = new Refusal('policy-denied', 'authorize', 'policy-error');

/** Those that speak of one action. */
export class ActionThrottles {
  readonly #rows: readonly { readonly policies: ActionPolicies; readonly limit: LimitParameters }[];
  readonly #table: LimitTable;
  readonly #clock: Clock;
  readonly #verdict = new Verdict();
  readonly #result = new LimitResult();

  constructor(
    rows: readonly { readonly policies: ActionPolicies; readonly limit: LimitParameters }[],
    table: LimitTable,
    clock: Clock,
  ) {
    this.#rows = rows;
    this.#table = table;
    this.#clock = clock;
  }

  get policies(): readonly CompiledPolicy[] {
    return this.#rows.flatMap(({ policies }) => policies.policies);
  }

  /** Takes from the limit of every throttle that holds; the refusal of the first that has nothing left. */
  judge(request: PolicyRequest, exchange: Exchange): Refusal | null {
    for (let i = 0; i < this.#rows.length; i++) {
      const { policies, limit } = this.#rows[i]!;
      decide(policies, request, this.#verdict);
      const { failures, policy } = this.#verdict;
      if (failures !== null) {
        exchange.policy = failures[0]!.policy.id;
        return valueless;
      }
      if (policy === null) continue;
      this.#table.take(limit, `c${exchange.consumer!.id}`, this.#clock.monotonicMs(), this.#result);
      if (this.#result.allowed) continue;
      exchange.policy = policy.id;
      const seconds = String(Math.max(1, Math.ceil(this.#result.retryAfterMs / 1000)));
      return new Refusal('rate-limited', 'authorize', 'policy-limit', '', ['retry-after', seconds]);
    }
    return null;
  }
}
