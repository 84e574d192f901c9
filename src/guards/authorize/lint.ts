// What is wrong with policies and roles that are valid all the same: policies that decide nothing, operations that nobody
// may use, roles that nothing asks for or that open everything.
import type { Diagnostics, Place } from '../../core/index.ts';
import { CompiledPolicy, type CompiledScope, matchesScope, type PolicySyntax } from '../../policy/index.ts';
import type { AuthorizeConfig, IdentityConfig } from './contract.ts';
import { actionOf, resourceOf } from './policies.ts';
import { roleKey } from './principal.ts';
import { limitOf } from './throttles.ts';

export interface LintedApi {
  readonly name: string;
  /** Null when the API has none. */
  readonly policies: readonly PolicySyntax[] | null;
  /** Those that are not public. */
  readonly operations: readonly {
    readonly id: string;
    readonly method: string;
    readonly authorize: AuthorizeConfig;
  }[];
}

/** Operations that a role must open before it is taken for one that opens everything. */
const MANY_OPERATIONS = 4;

interface Row {
  readonly policy: CompiledPolicy;
  /** Ids of the operations that the head speaks of. */
  readonly operations: ReadonlySet<string>;
}

export function lintPolicies(api: LintedApi, identity: IdentityConfig, diagnostics: Diagnostics): void {
  if (api.policies === null) return;
  const resource = resourceOf(api.name);
  const actions = api.operations.map(actionOf);
  const rows = api.policies.map((syntax, order): Row => {
    const policy = new CompiledPolicy(syntax, order);
    const isHere = matchesScope(policy.resource, resource, null);
    const matching = isHere
      ? actions.filter((action) => matchesScope(policy.action, action, action.data!.ancestors))
      : [];
    return { policy, operations: new Set(matching.map(({ id }) => id)) };
  });
  for (const { policy, operations } of rows) {
    if (operations.size > 0) continue;
    const message = `The policy "${policy.id}" is for no operation of "${api.name}".`;
    diagnostics.warning('policy-unreachable', policy.syntax, message, 'Mend its action or resource.');
  }
  // What only lowers a limit neither forbids nor permits anything for good.
  const live = rows.filter(({ policy, operations }) => operations.size > 0 && limitOf(policy.syntax) === '');
  reportShadowed(live, diagnostics);
  reportClosed(api, live, diagnostics);
  reportPowerful(api, live, identity, diagnostics);
}

function reportShadowed(rows: readonly Row[], diagnostics: Diagnostics): void {
  for (const row of rows) {
    const { policy } = row;
    const other = rows.find((entry) => {
      if (entry === row || !covers(entry, row)) return false;
      if (entry.policy.effect !== policy.effect) return policy.effect === 'permit';
      // Two that say the same shadow each other: the later one is told of, unless it challenges where the other refuses.
      const isSame = covers(row, entry);
      return (
        (!isSame || entry.policy.order < policy.order) && challengeOf(entry.policy) === challengeOf(policy)
      );
    });
    if (other === undefined) continue;
    const what =
      other.policy.effect === policy.effect
        ? `Whatever the policy "${policy.id}" ${policy.effect}s, "${other.policy.id}" ${policy.effect}s already.`
        : `The policy "${policy.id}" never permits: "${other.policy.id}" forbids all of it.`;
    diagnostics.warning('policy-shadowed', policy.syntax, what, 'Remove one of the two.');
  }
}

const challengeOf = ({ syntax }: CompiledPolicy): string =>
  `${syntax.annotations.get('step_up')} ${syntax.annotations.get('max_age')}`;

/** Whether `a` holds wherever `b` does: a wider head and no clause that `b` has not. */
function covers(a: Row, b: Row): boolean {
  const texts = new Set(b.policy.conjuncts.map(({ text }) => text));
  return (
    b.operations.isSubsetOf(a.operations) &&
    scopeCovers(a.policy.principal, b.policy.principal) &&
    scopeCovers(a.policy.resource, b.policy.resource) &&
    a.policy.conjuncts.every(({ text }) => texts.has(text))
  );
}

function scopeCovers(a: CompiledScope, b: CompiledScope): boolean {
  switch (a.kind) {
    case 'any':
      return true;
    case 'equals':
      return b.kind === 'equals' && a.keys[0] === b.keys[0];
    case 'in':
      return b.keys.length > 0 && b.keys.every((key) => a.keys.includes(key));
    case 'is':
      if (b.kind === 'equals') return a.keys.length === 0 && b.keys[0]!.startsWith(`${a.type}::"`);
      return b.kind === 'is' && a.type === b.type && (a.keys.length === 0 || a.keys[0] === b.keys[0]);
  }
}

function reportClosed(api: LintedApi, rows: readonly Row[], diagnostics: Diagnostics): void {
  const permits = rows.filter(({ policy }) => policy.effect === 'permit');
  const closed = api.operations.filter(({ id }) => !permits.some(({ operations }) => operations.has(id)));
  if (closed.length === 0) return;
  const place: Place = api.policies![0] ?? { file: `policies of ${api.name}`, line: 0, column: 0 };
  const names = closed.map(({ id }) => id).join(', ');
  diagnostics.warning('policy-no-permit', place, `No policy permits, in "${api.name}": ${names}.`);
}

/** Roles that policies let do everything without a condition. */
function reportPowerful(
  api: LintedApi,
  rows: readonly Row[],
  identity: IdentityConfig,
  diagnostics: Diagnostics,
): void {
  if (api.operations.length < MANY_OPERATIONS) return;
  for (const { name } of identity.roles) {
    const key = roleKey(name);
    const opens = rows.filter(
      ({ policy }) =>
        policy.effect === 'permit' && policy.conjuncts.length === 0 && policy.principal.keys.includes(key),
    );
    const opened = new Set(opens.flatMap(({ operations }) => [...operations]));
    if (opened.size < api.operations.length) continue;
    diagnostics.warning(
      'policy-role',
      opens[0]!.policy.syntax,
      `Members of the role "${name}" may use every operation of "${api.name}", without a condition.`,
      'Permit what the role is for.',
    );
  }
}

/** Roles that nothing asks for. */
export function lintRoles(
  apis: readonly LintedApi[],
  identity: IdentityConfig,
  place: (role: string) => Place,
  diagnostics: Diagnostics,
): void {
  const used = new Set(identity.roles.flatMap(({ includes }) => includes));
  const texts: string[] = [];
  for (const { policies, operations } of apis) {
    for (const { authorize } of operations) {
      for (const role of authorize.roles) used.add(role);
      for (const { unlessRoles } of authorize.own) for (const role of unlessRoles) used.add(role);
      for (const { roles } of authorize.fields) for (const role of roles) used.add(role);
    }
    const source = policies?.[0]?.source;
    if (source !== undefined) texts.push(...new Set(policies!.map((policy) => policy.source.text)));
  }
  for (const { name } of identity.roles) {
    if (used.has(name) || texts.some((text) => text.includes(roleKey(name)))) continue;
    diagnostics.warning('policy-role', place(name), `Nothing asks for the role "${name}".`, 'Remove it.');
  }
}
