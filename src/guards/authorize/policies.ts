// Cedar policies of an API, asked about one operation. A permit must hold and no forbid may; a forbid that has no value
// refuses as well: Cedar would skip it, and nobody knows what it would have said. HOT
import type { Clock } from '../../core/index.ts';
import { type Exchange, Refusal } from '../../exchange/index.ts';
import type { LimitTable } from '../../limits/index.ts';
import {
  type CompiledPolicy,
  contextReads,
  decide,
  EntityRef,
  emptyRecord,
  entityKey,
  type FullVerdict,
  PolicyRequest,
  PolicySet,
  type PolicySyntax,
  Verdict,
} from '../../policy/index.ts';
import { RequestContext, type RequestShape } from './context.ts';
import type { Principals } from './principal.ts';
import type { Rule } from './rule.ts';
import { limitOf, Throttles } from './throttles.ts';

export interface PoliciesRule extends Rule {
  readonly kind: 'policies';
  /** Those that speak of the operation. */
  readonly policies: readonly CompiledPolicy[];
  /** The request as policies see it. */
  requestOf(exchange: Exchange, body: unknown): PolicyRequest | null;
}

/** The policies of one API: those that decide, and those that lower limits. */
export interface ApiPolicies {
  readonly set: PolicySet;
  readonly throttles: Throttles;
}

export function compileApiPolicies(
  api: string,
  policies: readonly PolicySyntax[],
  table: LimitTable,
  clock: Clock,
): ApiPolicies {
  return {
    set: new PolicySet(policies.filter((policy) => limitOf(policy) === '')),
    throttles: new Throttles(
      api,
      policies.filter((policy) => limitOf(policy) !== ''),
      table,
      clock,
    ),
  };
}

/** Groups of operations that policies can name: `action in Action::"reads"`. */
export const actionGroups = { reads: ['GET', 'HEAD', 'OPTIONS', 'QUERY'], writes: [] as string[] } as const;

export const groupOf = (method: string): 'reads' | 'writes' =>
  (actionGroups.reads as readonly string[]).includes(method) ? 'reads' : 'writes';

const noData = { attributes: emptyRecord, tags: emptyRecord };

export function actionOf(operation: { readonly id: string; readonly method: string }): EntityRef {
  const ancestors = new Set([entityKey('Action', groupOf(operation.method))]);
  return new EntityRef('Action', operation.id, { ...noData, ancestors });
}

export const resourceOf = (api: string): EntityRef =>
  new EntityRef('Api', api, { ...noData, ancestors: new Set() });

const noPermit = new Refusal('policy-denied', 'authorize', 'no-permit');
const forbidden = new Refusal('policy-denied', 'authorize', 'forbid');
const valueless = new Refusal('policy-denied', 'authorize', 'policy-error');

export function compilePolicies(
  { set, throttles }: ApiPolicies,
  operation: {
    readonly id: string;
    readonly method: string;
    readonly api: string;
    /** The contract takes a body; without one nothing is waited for. */
    readonly takesBody: boolean;
  },
  describe: () => RequestShape,
  principals: Principals,
): PoliciesRule {
  const action = actionOf(operation);
  const resource = resourceOf(operation.api);
  const policies = set.forAction(action);
  const lowered = throttles.forAction(action);
  const all = [...policies.policies, ...lowered.policies];
  const verdict = new Verdict();
  // Most of ten thousand operations are not asked for soon: what the contract says is read at the first request.
  let shape: RequestShape | null = null;
  const challenges = new Map<CompiledPolicy, Refusal>();
  for (const policy of policies.policies) {
    const challenge = stepUp(policy);
    if (challenge !== null) challenges.set(policy, challenge);
  }

  const requestOf = (exchange: Exchange, body: unknown): PolicyRequest | null => {
    if (exchange.consumer === null) return null;
    shape ??= describe();
    return new PolicyRequest(
      principals.of(exchange.consumer),
      action,
      resource,
      new RequestContext(exchange, body, shape),
    );
  };

  const judge = (exchange: Exchange, body: unknown): Refusal | null => {
    const request = requestOf(exchange, body);
    if (request === null) return noPermit;
    decide(policies, request, verdict);
    const { policy, failures } = verdict;
    if (failures !== null) {
      const failed = failures.find((failure) => failure.policy.effect === 'forbid');
      if (failed !== undefined) {
        exchange.policy = failed.policy.id;
        return valueless;
      }
    }
    if (policy === null) {
      exchange.policy = failures?.[0]?.policy.id ?? '';
      return noPermit;
    }
    exchange.policy = policy.id;
    if (verdict.allowed) return lowered.judge(request, exchange);
    return challenges.has(policy) ? challengeFor(set.evaluate(request), challenges) : forbidden;
  };
  return {
    kind: 'policies',
    text: `${all.length} of ${set.policies.length + throttles.size} policies`,
    needsBody: operation.takesBody && all.some(({ syntax }) => contextReads(syntax)?.has('body') !== false),
    judge,
    requestOf,
    policies: all,
  };
}

/** The challenge only when a better login would do: every forbid that holds asks for one. */
function challengeFor(full: FullVerdict, challenges: ReadonlyMap<CompiledPolicy, Refusal>): Refusal {
  if (full.failures.some(({ policy }) => policy.effect === 'forbid')) return valueless;
  return full.reasons.every((policy) => challenges.has(policy))
    ? challenges.get(full.reasons[0]!)!
    : forbidden;
}

const unquotable = /[^\x21\x23-\x5b\x5d-\x7e ]/g;

/** The challenge, in its parts too, so that a person can be sent to a login that meets it. */
export class StepUp extends Refusal {
  /** Empty for no wish. */
  readonly acrValues: string;
  /** Seconds; empty for no wish. */
  readonly maxAge: string;

  constructor(acrValues: string, maxAge: string) {
    const parts = ['Bearer error="insufficient_user_authentication"'];
    if (acrValues !== '') parts.push(`acr_values="${acrValues}"`);
    if (maxAge !== '') parts.push(`max_age="${maxAge}"`);
    super('authentication-insufficient', 'authorize', 'step-up', '', ['www-authenticate', parts.join(', ')]);
    this.acrValues = acrValues;
    this.maxAge = maxAge;
  }
}

/** `@step_up("acr values")` and `@max_age("seconds")` of a forbid become the challenge of RFC 9470 section 3. */
function stepUp({ effect, syntax }: CompiledPolicy): Refusal | null {
  const acr = syntax.annotations.get('step_up');
  const maxAge = syntax.annotations.get('max_age');
  if (effect !== 'forbid' || (acr === undefined && maxAge === undefined)) return null;
  return new StepUp((acr ?? '').replace(unquotable, ''), (maxAge ?? '').replace(/[^0-9]/g, ''));
}
