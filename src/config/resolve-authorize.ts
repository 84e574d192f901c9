// Who may do what, from the document: roles and claims, policies read from their files, rules with their parameters.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type {
  ApiAuthorizeConfig,
  AuthorizeConfig,
  DecisionsConfig,
  IdentityConfig,
  OwnershipRule,
  RelationConfig,
} from '../guards/authorize/contract.ts';
import { limitProblem, parametersOf } from '../guards/authorize/schema.ts';
import type { ContractOperation, SchemaSet } from '../openapi/index.ts';
import { type PolicySyntax, parsePolicies } from '../policy/index.ts';
import type { ConfigDocument } from './document.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import { readNamedFile } from './resolve-certificates.ts';
import type { Path } from './yaml-source.ts';

type ApiDocument = ConfigDocument['apis'][string];
type OwnDocument = ApiDocument['authorize']['own'];

export function resolveIdentity(document: ConfigDocument, context: ResolveContext): IdentityConfig {
  const { roles, claims, issuers, consumers } = document.identity;
  const names = Object.keys(roles);
  for (const [name, role] of Object.entries(roles)) {
    const path = ['identity', 'roles', name];
    checkRoles(role.includes, [...path, 'includes'], names, context);
    role.members.forEach((member, index) => {
      // A workload that no consumer stands for is known by its SPIFFE id.
      if (member.startsWith('spiffe://')) return;
      const bar = member.indexOf('|');
      const place = [...path, 'members', index];
      // Consumers may live in the state, too, where the configuration does not see them.
      if (bar === -1 && document.state === undefined && !Object.hasOwn(consumers, member))
        failDangling(context, place, 'consumer', member, Object.keys(consumers));
      else if (bar !== -1 && !Object.hasOwn(issuers, member.slice(0, bar)))
        failDangling(context, place, 'issuer', member.slice(0, bar), Object.keys(issuers));
    });
    role.groups.forEach((group, index) => {
      const issuer = group.slice(0, group.indexOf('|'));
      const place = [...path, 'groups', index];
      if (!Object.hasOwn(issuers, issuer))
        failDangling(context, place, 'issuer', issuer, Object.keys(issuers));
      else if (issuers[issuer]!['groups-claim'] === undefined) {
        fail(
          context,
          'config-value',
          place,
          `Tokens of "${issuer}" say nothing about groups.`,
          `Name the claim: identity.issuers.${issuer}.groups-claim: groups.`,
        );
      }
    });
  }
  reportCircles(roles, context);
  return {
    roles: Object.entries(roles).map(([name, role]) => ({ name, ...role })),
    claims: Object.entries(claims).map(([name, claim]) =>
      typeof claim === 'string'
        ? { name, path: [name], type: claim }
        : { name, path: claim.claim.split('.'), type: claim.type },
    ),
    issuers: Object.entries(issuers).map(([issuer, entry]) => ({
      issuer,
      rolesClaim: entry['roles-claim']?.split('.') ?? [],
      groupsClaim: entry['groups-claim']?.split('.') ?? [],
    })),
  };
}

/** A role that includes itself, over others or not, is a mistake: nobody can say which of them is the larger. */
function reportCircles(roles: ConfigDocument['identity']['roles'], context: ResolveContext): void {
  for (const start of Object.keys(roles)) {
    const seen = new Set<string>();
    const open = [...roles[start]!.includes];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (name === start) {
        const path = ['identity', 'roles', start, 'includes'];
        fail(context, 'config-value', path, `The role "${start}" includes itself.`, 'Break the circle.');
        break;
      }
      if (seen.has(name) || !Object.hasOwn(roles, name)) continue;
      seen.add(name);
      open.push(...roles[name]!.includes);
    }
  }
}

function checkRoles(
  names: readonly string[],
  path: Path,
  known: readonly string[],
  context: ResolveContext,
): void {
  names.forEach((name, index) => {
    if (!known.includes(name)) failDangling(context, [...path, index], 'role', name, known);
  });
}

const MAX_TIMEOUT_MS = 10_000;

export const resolveRelations = (
  relations: ConfigDocument['relations'],
  context: ResolveContext,
): RelationConfig[] =>
  Object.entries(relations).map(([name, relation]) => ({
    name,
    url: relation.url,
    member: relation.member?.split('.') ?? [],
    cacheMs: relation.cache,
    timeoutMs: Math.min(relation.timeout, MAX_TIMEOUT_MS),
    bearerFile: relation['bearer-file'] === undefined ? '' : resolve(context.folder, relation['bearer-file']),
  }));

export function resolveApiAuthorize(
  api: string,
  entry: ApiDocument,
  operations: readonly ContractOperation[],
  context: ResolveContext,
): ApiAuthorizeConfig {
  const { policy, own, enumeration } = entry.authorize;
  own.forEach(({ parameter }, index) => {
    if (parameter === undefined) return;
    const known = new Set(
      operations.flatMap((operation) => operation.parameters.filter(isNamed).map(({ name }) => name)),
    );
    if (known.has(parameter)) return;
    const path = ['apis', api, 'authorize', 'own', index, 'parameter'];
    failDangling(context, path, 'path or query parameter', parameter, [...known]);
  });
  return {
    policies:
      policy === undefined
        ? null
        : readPolicies(['apis', api, 'authorize', 'policy'], [policy].flat(), context),
    enumeration,
  };
}

const isNamed = ({ place }: ContractOperation['parameters'][number]): boolean =>
  place === 'path' || place === 'query';

/** Policies about what is no operation of an API. */
export function resolveDecisions(
  entry: ConfigDocument['decisions'],
  context: ResolveContext,
): DecisionsConfig | null {
  if (entry === undefined) return null;
  const policies = readPolicies(['decisions', 'policy'], [entry.policy].flat(), context);
  const schema =
    entry.schema === undefined
      ? ''
      : (readNamedFile(entry.schema, 'schema', ['decisions', 'schema'], context) ?? '');
  return { policies, schema };
}

function readPolicies(path: Path, files: readonly string[], context: ResolveContext): PolicySyntax[] {
  const all: PolicySyntax[] = [];
  for (const name of files) {
    const file = resolve(context.folder, name);
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      fail(
        context,
        'config-file-unreadable',
        path,
        `The policies ${name} can not be read (${(error as NodeJS.ErrnoException).code}).`,
        'Paths are relative to the configuration file.',
      );
      continue;
    }
    context.files.push(file);
    const ids = new Map(all.map((policy) => [policy.id, policy]));
    for (const policy of parsePolicies(text, name, context.diagnostics, all.length)) {
      const problem = limitProblem(policy);
      if (problem !== '') context.diagnostics.error('policy-limit', policy, `In "${policy.id}", ${problem}.`);
      const before = ids.get(policy.id);
      if (before === undefined) {
        all.push(policy);
        continue;
      }
      context.diagnostics.error(
        'policy-duplicate-id',
        policy,
        `The id "${policy.id}" belongs to the policy in ${before.file}:${before.line} already.`,
        'Give each policy its own @id.',
      );
    }
  }
  return all;
}

export function resolveOperationAuthorize(
  api: string,
  entry: ApiDocument,
  operation: ContractOperation,
  schemas: SchemaSet,
  document: ConfigDocument,
  context: ResolveContext,
): AuthorizeConfig {
  const known = Object.keys(document.identity.roles);
  const settings = Object.hasOwn(entry.operations, operation.id) ? entry.operations[operation.id] : undefined;
  const path: Path = ['apis', api, 'operations', operation.id];
  checkRoles(settings?.roles ?? [], [...path, 'roles'], known, context);
  const fields = Object.entries(settings?.writable ?? {}).map(([field, roles]) => {
    checkRoles(roles, [...path, 'writable', field], known, context);
    return { pointer: pointerOf(field), roles };
  });
  const shared = settings?.own === undefined;
  const rules = settings?.own ?? entry.authorize.own;
  const place: Path = shared ? ['apis', api, 'authorize', 'own'] : [...path, 'own'];
  const names = { roles: known, relations: Object.keys(document.relations) };
  const own = resolveOwn(rules, operation, schemas, shared, place, names, context);
  if (fields.length > 0 && operation.body === null) {
    fail(context, 'config-value', [...path, 'writable'], `"${operation.id}" takes no body.`, 'Remove it.');
  }
  return { roles: settings?.roles ?? [], own, fields };
}

/** Rules of the API count where the operation has what they speak of; rules of the operation must find it. */
function resolveOwn(
  rules: OwnDocument,
  operation: ContractOperation,
  schemas: SchemaSet,
  shared: boolean,
  path: Path,
  names: { readonly roles: readonly string[]; readonly relations: readonly string[] },
  context: ResolveContext,
): OwnershipRule[] {
  const parameters = operation.parameters.filter(isNamed).map(({ name }) => name);
  return rules.flatMap((rule, index): OwnershipRule[] => {
    checkRoles(rule['unless-role'], [...path, index, 'unless-role'], names.roles, context);
    const relation = rule.relation ?? null;
    if (relation !== null && !names.relations.includes(relation))
      failDangling(context, [...path, index, 'relation'], 'relation', relation, names.relations);
    const claim = (rule.claim ?? 'sub').split('.');
    const common = { claim, relation, unlessRoles: rule['unless-role'] };
    if (rule.field !== undefined) {
      if (operation.body === null) return [];
      return [{ object: { kind: 'field', pointer: pointerOf(rule.field) }, ...common }];
    }
    const name = rule.parameter!;
    if (parameters.includes(name)) {
      if (!parametersOf(operation, schemas).some((parameter) => parameter.name === name)) {
        const message = `The parameter "${name}" of "${operation.id}" is an object: no rule can say which id is meant.`;
        fail(context, 'config-value', [...path, index, 'parameter'], message, 'Write a policy instead.');
      }
      return [{ object: { kind: 'parameter', name }, ...common }];
    }
    if (!shared)
      failDangling(context, [...path, index, 'parameter'], 'path or query parameter', name, parameters);
    return [];
  });
}

const pointerOf = (text: string): string[] =>
  text
    .slice(1)
    .split('/')
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
