// Policies of one effect, grouped by what their heads ask of the resource: those for a resource that is not the
// request's cost nothing. HOT
import type { CompiledPolicy, CompiledScope } from './compile-policy.ts';
import { ConditionTree } from './condition-tree.ts';
import type { Verdict } from './policy-set.ts';
import type { PolicyRequest } from './request.ts';
import type { Residual } from './residuals.ts';

/** Policies for one place: those for resources of any type, and those for one type. */
interface Place {
  readonly any: ConditionTree;
  readonly byType: ReadonlyMap<string, ConditionTree>;
}

export class ResourceIndex {
  readonly #any: ConditionTree;
  readonly #byType: ReadonlyMap<string, ConditionTree>;
  readonly #byKey: ReadonlyMap<string, ConditionTree>;
  /** `in`, with or without `is`, by the key of the place. */
  readonly #byPlace: ReadonlyMap<string, Place>;

  /** `residuals` in the order of their policies. */
  constructor(residuals: readonly Residual[]) {
    const ofKind = (test: (scope: CompiledScope) => boolean): Residual[] =>
      residuals.filter(({ policy }) => test(policy.resource));
    this.#any = new ConditionTree(ofKind(({ kind }) => kind === 'any'));
    this.#byKey = treesBy(
      ofKind(({ kind }) => kind === 'equals'),
      ({ keys }) => keys,
    );
    this.#byType = treesBy(ofKind(isType), ({ type }) => [type]);
    const places = ofKind((scope) => scope.kind === 'in' || (scope.kind === 'is' && !isType(scope)));
    this.#byPlace = new Map(
      [...groupsBy(places, ({ keys }) => keys)].map(([key, group]) => [
        key,
        {
          any: new ConditionTree(group.filter(({ policy }) => policy.resource.kind === 'in')),
          byType: treesBy(
            group.filter(({ policy }) => policy.resource.kind === 'is'),
            ({ type }) => [type],
          ),
        },
      ]),
    );
  }

  /** The first policy that holds; failures on the way go to `verdict`. */
  first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    const { resource } = request;
    let found = this.#any.first(request, verdict);
    if (found !== null) return found;
    if (this.#byKey.size > 0) {
      found = this.#byKey.get(resource.key)?.first(request, verdict) ?? null;
      if (found !== null) return found;
    }
    if (this.#byType.size > 0) {
      found = this.#byType.get(resource.type)?.first(request, verdict) ?? null;
      if (found !== null) return found;
    }
    return this.#byPlace.size === 0 ? null : this.#firstInPlaces(request, verdict);
  }

  #firstInPlaces(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    const { resource } = request;
    const own = firstAt(this.#byPlace.get(resource.key), request, verdict);
    if (own !== null) return own;
    const ancestors = request.dataOf(resource)?.ancestors;
    if (ancestors === undefined || ancestors.size === 0) return null;
    // Whichever is shorter is walked.
    if (ancestors.size <= this.#byPlace.size) {
      for (const key of ancestors) {
        const found = firstAt(this.#byPlace.get(key), request, verdict);
        if (found !== null) return found;
      }
      return null;
    }
    for (const [key, place] of this.#byPlace) {
      const found = ancestors.has(key) ? firstAt(place, request, verdict) : null;
      if (found !== null) return found;
    }
    return null;
  }
}

/** `is T`, wherever it is. */
const isType = ({ kind, keys }: CompiledScope): boolean => kind === 'is' && keys.length === 0;

function groupsBy(
  residuals: readonly Residual[],
  keysOf: (scope: CompiledScope) => readonly string[],
): Map<string, Residual[]> {
  const groups = new Map<string, Residual[]>();
  for (const residual of residuals) {
    for (const key of keysOf(residual.policy.resource)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [residual]);
      else group.push(residual);
    }
  }
  return groups;
}

const treesBy = (
  residuals: readonly Residual[],
  keysOf: (scope: CompiledScope) => readonly string[],
): ReadonlyMap<string, ConditionTree> =>
  new Map([...groupsBy(residuals, keysOf)].map(([key, group]) => [key, new ConditionTree(group)]));

function firstAt(place: Place | undefined, request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
  if (place === undefined) return null;
  const found = place.any.first(request, verdict);
  if (found !== null || place.byType.size === 0) return found;
  return place.byType.get(request.resource.type)?.first(request, verdict) ?? null;
}
