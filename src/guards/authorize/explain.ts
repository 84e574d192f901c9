// Why a request is allowed or refused: every rule of its operation, and every policy that speaks of it, with what each
// clause came to. For whoever asks beside the request path; nothing of this ever reaches a caller.
import type { Exchange } from '../../exchange/index.ts';
import {
  type CompiledPolicy,
  EvaluationError,
  matchesScope,
  type PolicyRequest,
  type Result,
  textOf,
} from '../../policy/index.ts';
import type { PoliciesRule } from './policies.ts';
import type { Rule } from './rule.ts';
import { limitOf } from './throttles.ts';

export interface RuleOutcome {
  readonly kind: Rule['kind'];
  readonly text: string;
  readonly passes: boolean;
  /** Code and reason of the refusal; empty when the rule lets the request pass. */
  readonly code: string;
  readonly reason: string;
  /** Of the rule of policies: those that speak of the operation. */
  readonly policies: readonly PolicyOutcome[];
}

export interface PolicyOutcome {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** Rate of a forbid that only lowers a limit; empty for others. */
  readonly limit: string;
  readonly file: string;
  readonly line: number;
  /** `no-value` when an expression fails to evaluate. */
  readonly outcome:
    | 'holds'
    | 'does-not-hold'
    | 'no-value'
    | 'not-for-this-principal'
    | 'not-for-this-resource';
  /** Up to the one that ended it. */
  readonly clauses: readonly ClauseOutcome[];
}

export interface ClauseOutcome {
  readonly kind: 'when' | 'unless';
  readonly text: string;
  readonly value: boolean | null;
  /** Why there is no value; empty otherwise. */
  readonly error: string;
}

/** Judges all rules, also after one that refuses. Counts as a request does: give it an enumeration watch of its own. */
export async function explainRules(
  rules: readonly Rule[],
  exchange: Exchange,
  body: unknown,
): Promise<RuleOutcome[]> {
  const outcomes: RuleOutcome[] = [];
  for (const rule of rules) {
    const refusal = await rule.judge(exchange, body);
    outcomes.push({
      kind: rule.kind,
      text: rule.text,
      passes: refusal === null,
      code: refusal?.code ?? '',
      reason: refusal?.reason ?? '',
      policies: rule.kind === 'policies' ? explainPolicies(rule as PoliciesRule, exchange, body) : [],
    });
  }
  return outcomes;
}

function explainPolicies(rule: PoliciesRule, exchange: Exchange, body: unknown): PolicyOutcome[] {
  const request = rule.requestOf(exchange, body);
  return request === null ? [] : rule.policies.map((policy) => explainPolicy(policy, request));
}

function explainPolicy(policy: CompiledPolicy, request: PolicyRequest): PolicyOutcome {
  const { id, effect, syntax } = policy;
  const base = { id, effect, limit: limitOf(syntax), file: syntax.file, line: syntax.line, clauses: [] };
  const { principal, resource } = request;
  if (!matchesScope(policy.principal, principal, principal.data?.ancestors ?? null))
    return { ...base, outcome: 'not-for-this-principal' };
  if (!matchesScope(policy.resource, resource, resource.data?.ancestors ?? null))
    return { ...base, outcome: 'not-for-this-resource' };
  const clauses: ClauseOutcome[] = [];
  for (const { node, wanted, evaluate } of policy.conjuncts) {
    const value = evaluate(request);
    const clause = {
      kind: wanted ? 'when' : 'unless',
      text: textOf(syntax.source, node).replace(/\s+/g, ' '),
    } as const;
    if (value !== wanted) {
      const known = typeof value === 'boolean';
      clauses.push({ ...clause, value: known ? value : null, error: known ? '' : errorText(value) });
      return { ...base, outcome: known ? 'does-not-hold' : 'no-value', clauses };
    }
    clauses.push({ ...clause, value: wanted, error: '' });
  }
  return { ...base, outcome: 'holds', clauses };
}

const errorText = (value: Result): string =>
  value instanceof EvaluationError ? value.message : 'it is no boolean';
