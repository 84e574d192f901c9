// Policies of one effect, grouped by what their heads ask of the resource: those for a resource that is not the
// request's cost nothing. HOT
import type { CompiledPolicy, CompiledScope } from './compile-policy.ts';
import type { Verdict } from './policy-set.ts';
import type { PolicyRequest } from './request.ts';
import type { Residual } from './residuals.ts';
import type { EvaluationError } from './values.ts';

type Group = readonly Residual[];

export class ResourceIndex {
  readonly #any: Group;
  readonly #byType: ReadonlyMap<string, Group>;
  readonly #byKey: ReadonlyMap<string, Group>;
  /** `in`, with or without `is`, by the key of the place. */
  readonly #byPlace: ReadonlyMap<string, Group>;

  constructor(residuals: readonly Residual[]) {
    // What needs no condition comes first: it may spare the rest.
    const sorted = [...residuals].sort(
      (a, b) =>
        Number(a.condition !== null) - Number(b.condition !== null) || a.policy.order - b.policy.order,
    );
    const grouped = (keysOf: (scope: CompiledScope) => readonly string[]): Map<string, Group> => {
      const groups = new Map<string, Residual[]>();
      for (const residual of sorted) {
        for (const key of keysOf(residual.policy.resource)) {
          const group = groups.get(key);
          if (group === undefined) groups.set(key, [residual]);
          else group.push(residual);
        }
      }
      return groups;
    };
    this.#any = sorted.filter(({ policy }) => policy.resource.kind === 'any');
    this.#byKey = grouped(({ kind, keys }) => (kind === 'equals' ? keys : []));
    this.#byType = grouped(({ kind, keys, type }) => (kind === 'is' && keys.length === 0 ? [type] : []));
    this.#byPlace = grouped(({ kind, keys }) => (kind === 'equals' ? [] : keys));
  }

  /** The first policy that holds; failures on the way go to `verdict`. */
  first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    const { resource } = request;
    let found = this.#any.length === 0 ? null : firstOf(this.#any, request, verdict);
    if (found !== null) return found;
    if (this.#byKey.size > 0) {
      const group = this.#byKey.get(resource.key);
      if (group !== undefined) found = firstOf(group, request, verdict);
      if (found !== null) return found;
    }
    if (this.#byType.size > 0) {
      const group = this.#byType.get(resource.type);
      if (group !== undefined) found = firstOf(group, request, verdict);
      if (found !== null) return found;
    }
    return this.#byPlace.size === 0 ? null : this.#firstInPlaces(request, verdict);
  }

  #firstInPlaces(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    const { resource } = request;
    const own = this.#byPlace.get(resource.key);
    if (own !== undefined) {
      const found = firstOf(own, request, verdict);
      if (found !== null) return found;
    }
    const ancestors = request.dataOf(resource)?.ancestors;
    if (ancestors === undefined || ancestors.size === 0) return null;
    // Whichever is shorter is walked.
    if (ancestors.size <= this.#byPlace.size) {
      for (const key of ancestors) {
        const group = this.#byPlace.get(key);
        const found = group === undefined ? null : firstOf(group, request, verdict);
        if (found !== null) return found;
      }
      return null;
    }
    for (const [key, group] of this.#byPlace) {
      if (!ancestors.has(key)) continue;
      const found = firstOf(group, request, verdict);
      if (found !== null) return found;
    }
    return null;
  }
}

function firstOf(group: Group, request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
  for (let i = 0; i < group.length; i++) {
    const { policy, condition } = group[i]!;
    const { resource } = policy;
    if (resource.kind === 'is' && resource.type !== request.resource.type) continue;
    const value: boolean | EvaluationError = condition === null ? true : condition(request);
    if (value === true) return policy;
    if (value !== false) verdict.fail(policy, value);
  }
  return null;
}
