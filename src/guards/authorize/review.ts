// Who can call what: for each operation the roles and kinds of callers that policies and roles let in, from the heads of
// the policies alone. What a condition decides is said to be conditional.
import {
  ancestorsOf,
  CompiledPolicy,
  EntityRef,
  emptyRecord,
  matchesScope,
  residualsOf,
} from '../../policy/index.ts';
import type { IdentityConfig, ScopeAlternative } from './contract.ts';
import type { LintedApi } from './lint.ts';
import { actionOf, resourceOf } from './policies.ts';
import { principalTypes, roleKey } from './principal.ts';
import { limitOf } from './throttles.ts';

export type Access = 'yes' | 'conditional' | 'no';

export interface ReviewRow {
  readonly api: string;
  readonly operation: string;
  /** A role, or a kind of caller without any role. */
  readonly who: string;
  readonly access: Access;
  /** Scopes that are needed besides; alternatives. */
  readonly scopes: readonly string[];
  /** Ids of the policies that can permit. */
  readonly permits: readonly string[];
  /** Ids of the policies that can forbid. */
  readonly forbids: readonly string[];
}

export interface ReviewedApi extends LintedApi {
  readonly operations: readonly (LintedApi['operations'][number] & {
    readonly scopes: readonly ScopeAlternative[];
    /** Ways to authenticate. */
    readonly kinds: readonly (keyof typeof principalTypes)[];
  })[];
}

/** Somebody whose access is looked at. */
export interface ReviewSubject {
  readonly who: string;
  readonly principal: EntityRef;
  /** Null where they are not known: then they are not asked for. */
  readonly scopes: ReadonlySet<string> | null;
}

/** A member of each role, callers without any, and `named` ones. */
export function reviewAccess(
  api: ReviewedApi,
  identity: IdentityConfig,
  named: readonly ReviewSubject[] = [],
): ReviewRow[] {
  const resource = resourceOf(api.name);
  const policies =
    api.policies
      ?.filter((syntax) => limitOf(syntax) === '')
      .map((syntax, order) => new CompiledPolicy(syntax, order)) ?? null;
  return api.operations.flatMap((operation) => {
    const action = actionOf(operation);
    const { own, fields, roles } = operation.authorize;
    const wanted = roles.map(roleKey);
    const types = [...new Set(operation.kinds.map((kind) => principalTypes[kind]))];
    const subjects = [
      ...subjectsOf(identity, types),
      ...named.filter(({ principal }) => (types as readonly string[]).includes(principal.type)),
    ];
    return subjects.map(({ who, principal, scopes }): ReviewRow => {
      const { ancestors } = principal.data!;
      const matching = (policies ?? []).filter(
        (policy) =>
          matchesScope(policy.action, action, action.data!.ancestors) &&
          matchesScope(policy.principal, principal, ancestors) &&
          matchesScope(policy.resource, resource, null),
      );
      // Conditions about the action and the roles have an answer already.
      const speaking = matching.flatMap((policy) => residualsOf([policy], principal, action));
      const permits = speaking.filter(({ policy }) => policy.effect === 'permit');
      const forbids = speaking.filter(({ policy }) => policy.effect === 'forbid');
      const isClosed =
        (wanted.length > 0 && !wanted.some((key) => ancestors.has(key))) ||
        (policies !== null && permits.length === 0) ||
        !hasScopes(operation, principal.type, scopes) ||
        forbids.some(({ conjuncts }) => conjuncts.length === 0);
      const isOpen =
        own.length + fields.length + forbids.length === 0 &&
        (policies === null || permits.some(({ conjuncts }) => conjuncts.length === 0));
      return {
        api: api.name,
        operation: operation.id,
        who,
        access: isClosed ? 'no' : isOpen ? 'yes' : 'conditional',
        scopes: operation.scopes.map(({ scopes }) => scopes.join(' ')).filter((text) => text !== ''),
        permits: permits.map(({ policy }) => policy.id),
        forbids: forbids.map(({ policy }) => policy.id),
      };
    });
  });
}

function hasScopes(
  { scopes: alternatives }: ReviewedApi['operations'][number],
  type: string,
  held: ReadonlySet<string> | null,
): boolean {
  if (held === null) return true;
  const possible = alternatives.filter(({ method }) => method === 'any' || principalTypes[method] === type);
  return possible.length === 0
    ? alternatives.length === 0
    : possible.some(({ scopes }) => scopes.every((scope) => held.has(scope)));
}

/** A member of each role, and callers without any, as they can authenticate. */
function subjectsOf(identity: IdentityConfig, types: readonly string[]): ReviewSubject[] {
  // Attributes are not known, so that whatever asks for one has no value yet.
  const member = (type: string, ancestors: ReadonlySet<string>): EntityRef =>
    new EntityRef(type, '*', { attributes: emptyRecord, ancestors, tags: emptyRecord });
  const parents = new Map(identity.roles.map(({ name, includes }) => [roleKey(name), includes.map(roleKey)]));
  return [
    ...types.map((type) => ({
      who: `any ${type.toLowerCase()}`,
      principal: member(type, new Set()),
      scopes: null,
    })),
    ...identity.roles.map(({ name }) => {
      const key = roleKey(name);
      const roles = new Set([key, ...ancestorsOf(key, parents)]);
      return { who: `role ${name}`, principal: member(types[0] ?? 'User', roles), scopes: null };
    }),
  ];
}
