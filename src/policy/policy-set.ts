// All policies together. A request is allowed when a permit holds and no forbid does; a policy whose condition has no
// value counts as not there, and is told (https://docs.cedarpolicy.com/auth/authorization.html). Which policies can
// apply at all is found once for an action and a principal, so that a thousand policies cost what the few cost. HOT
import type { PolicySyntax } from './ast.ts';
import { CompiledPolicy, compileCondition, matchesScope } from './compile-policy.ts';
import type { PolicyRequest } from './request.ts';
import { type Residual, residualsOf } from './residuals.ts';
import { ResourceIndex } from './resource-index.ts';
import type { EntityRef, EvaluationError } from './values.ts';

export interface PolicyFailure {
  readonly policy: CompiledPolicy;
  readonly error: EvaluationError;
}

/** Outcome of `decide`; reused by its owner. */
export class Verdict {
  allowed = false;
  /** The policy that decided; null when no permit held. */
  policy: CompiledPolicy | null = null;
  /** Policies that were reached and had no value; null for none, the usual case. */
  failures: PolicyFailure[] | null = null;

  clear(): void {
    this.allowed = false;
    this.policy = null;
    this.failures = null;
  }

  fail(policy: CompiledPolicy, error: EvaluationError): void {
    this.failures ??= [];
    this.failures.push({ policy, error });
  }
}

/** Everything that there is to say of a request. */
export interface FullVerdict {
  readonly allowed: boolean;
  /** All forbids that hold when it is denied by any, else all permits that hold. */
  readonly reasons: readonly CompiledPolicy[];
  readonly failures: readonly PolicyFailure[];
}

/** Actions and groups of principals that an index is kept for; more are served without, only slower. */
const MAX_ACTIONS = 20_000;
const MAX_GROUPS = 128;

/** What can apply to one principal's use of one action. */
class Candidates {
  readonly forbids: ResourceIndex;
  readonly permits: ResourceIndex;

  constructor(residuals: readonly Residual[]) {
    this.forbids = new ResourceIndex(residuals.filter(({ policy }) => policy.effect === 'forbid'));
    this.permits = new ResourceIndex(residuals.filter(({ policy }) => policy.effect === 'permit'));
  }
}

/** The policies of one action. */
export class ActionPolicies {
  readonly action: EntityRef;
  readonly policies: readonly CompiledPolicy[];
  /** By the principal's own object: a caller that keeps it pays for the search once. */
  readonly #ofPrincipal = new WeakMap<EntityRef, Candidates>();
  /** Principals for whom the same is left share. */
  readonly #shared = new Map<string, Candidates>();

  constructor(action: EntityRef, policies: readonly CompiledPolicy[]) {
    this.action = action;
    this.policies = policies;
  }

  candidates(request: PolicyRequest): Candidates {
    const { principal } = request;
    // INVARIANT: what is known of a principal with data of its own never changes.
    let found = this.#ofPrincipal.get(principal);
    if (found === undefined) {
      found = this.#find(request);
      if (principal.data !== null) this.#ofPrincipal.set(principal, found);
    }
    return found;
  }

  #find(request: PolicyRequest): Candidates {
    const { principal } = request;
    const ancestors = request.dataOf(principal)?.ancestors ?? null;
    const matching = this.policies.filter((policy) => matchesScope(policy.principal, principal, ancestors));
    const residuals = residualsOf(matching, principal, this.action);
    // Principals with so many different policies are rare: what they are left with is not worth a text.
    if (residuals.length > MAX_SHARED) return new Candidates(residuals);
    const signature = residuals
      .map((residual) => `${residual.policy.order} ${residual.signature}`)
      .join('\0');
    const shared = this.#shared.get(signature);
    if (shared !== undefined) return shared;
    const found = new Candidates(residuals);
    if (this.#shared.size < MAX_GROUPS && signature.length <= MAX_SIGNATURE)
      this.#shared.set(signature, found);
    return found;
  }
}

/** Policies that principals may be left with to share what was found, and characters of what tells them apart. */
const MAX_SHARED = 64;
const MAX_SIGNATURE = 4000;

export class PolicySet {
  readonly policies: readonly CompiledPolicy[];
  readonly #ofAnyAction: readonly CompiledPolicy[];
  /** By the keys that heads name. */
  readonly #byAction = new Map<string, CompiledPolicy[]>();
  readonly #actions = new Map<string, ActionPolicies>();

  constructor(policies: readonly PolicySyntax[]) {
    this.policies = policies.map((syntax, order) => new CompiledPolicy(syntax, order));
    this.#ofAnyAction = this.policies.filter(({ action }) => action.kind === 'any');
    for (const policy of this.policies) {
      for (const key of policy.action.keys) {
        const list = this.#byAction.get(key);
        if (list === undefined) this.#byAction.set(key, [policy]);
        else list.push(policy);
      }
    }
  }

  /** The policies that speak of the action; an entity with the same key must always have the same ancestors. */
  forAction(action: EntityRef): ActionPolicies {
    const known = this.#actions.get(action.key);
    if (known !== undefined) return known;
    const ancestors = action.data?.ancestors ?? null;
    const keys = [action.key, ...(ancestors ?? [])];
    const matching = new Set(this.#ofAnyAction);
    for (const key of keys) for (const policy of this.#byAction.get(key) ?? []) matching.add(policy);
    const found = new ActionPolicies(
      action,
      [...matching]
        .filter((policy) => matchesScope(policy.action, action, ancestors))
        .sort((left, right) => left.order - right.order),
    );
    if (action.data !== null && this.#actions.size < MAX_ACTIONS) this.#actions.set(action.key, found);
    return found;
  }

  /** All reasons and failures; for explanations, not for the request path. */
  evaluate(request: PolicyRequest): FullVerdict {
    const ancestorsOf = (entity: EntityRef) => request.dataOf(entity)?.ancestors ?? null;
    const held = { permit: [] as CompiledPolicy[], forbid: [] as CompiledPolicy[] };
    const failures: PolicyFailure[] = [];
    for (const policy of this.policies) {
      if (
        !matchesScope(policy.principal, request.principal, ancestorsOf(request.principal)) ||
        !matchesScope(policy.action, request.action, ancestorsOf(request.action)) ||
        !matchesScope(policy.resource, request.resource, ancestorsOf(request.resource))
      ) {
        continue;
      }
      const condition = compileCondition(policy.conjuncts);
      const value = condition === null ? true : condition(request);
      if (value === true) held[policy.effect].push(policy);
      else if (value !== false) failures.push({ policy, error: value });
    }
    const denied = held.forbid.length > 0;
    return {
      allowed: !denied && held.permit.length > 0,
      reasons: denied ? held.forbid : held.permit,
      failures,
    };
  }
}

/**
 * Decides about a request for the action that `policies` belongs to. Ends at the first forbid that holds, else at the
 * first permit; `verdict.failures` has policies without a value that were met on the way. When the request is allowed
 * and a forbid that could apply has no value, at least one such forbid is among them.
 */
export function decide(policies: ActionPolicies, request: PolicyRequest, verdict: Verdict): void {
  verdict.clear();
  const candidates = policies.candidates(request);
  const forbid = candidates.forbids.first(request, verdict);
  if (forbid !== null) {
    verdict.policy = forbid;
    return;
  }
  const permit = candidates.permits.first(request, verdict);
  verdict.allowed = permit !== null;
  verdict.policy = permit;
}
