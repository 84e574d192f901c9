// What an operation asks of a caller beyond scopes, in words, and operations that name objects and protect none.
import { contextReads } from '../policy/index.ts';
import type { ApiConfig, GateConfig, OperationConfig } from './gate-config.ts';

/** Rules of the operation besides its scopes, one line each. */
export function describeRules(api: ApiConfig, operation: OperationConfig): string[] {
  const masked = [...describeMask(operation), ...describeRetire(operation)];
  if (operation.publicReason !== null) return masked;
  const { roles, own, fields } = operation.authorize;
  const pointer = (parts: readonly string[]): string => `/${parts.join('/')}`;
  const lines = own.map(({ object, claim, relation, unlessRoles }) => {
    const what = object.kind === 'field' ? pointer(object.pointer) : object.name;
    const unless = unlessRoles.length === 0 ? '' : `, or role ${unlessRoles.join(' or ')}`;
    return relation === null
      ? `${what} in the claim ${claim.join('.')}${unless}`
      : `${what} belongs to ${claim.join('.')} by ${relation}${unless}`;
  });
  if (roles.length > 0) lines.unshift(`role ${roles.join(' or ')}`);
  if (api.authorize.policies !== null) lines.push('a policy that permits it');
  lines.push(...fields.map((field) => `${pointer(field.pointer)} by role ${field.roles.join(' or ')} only`));
  return [...lines, ...masked];
}

/** From where an API may be called, one line each. */
export function describeAdmission({
  admit: { allow, deny, allowLists, denyLists, places },
}: ApiConfig): string[] {
  const lines: string[] = [];
  const list = (what: string, allowed: readonly unknown[], denied: readonly unknown[]): void => {
    if (allowed.length > 0)
      lines.push(`${what} ${allowed.slice(0, MAX_SHOWN).join(', ')}${more(allowed)} only`);
    if (denied.length > 0) lines.push(`not ${what} ${denied.slice(0, MAX_SHOWN).join(', ')}${more(denied)}`);
  };
  list('addresses', allow, deny);
  list('addresses of the lists', allowLists, denyLists);
  if (places === null) return lines;
  const before = lines.length;
  list('countries', places.countries.allow, places.countries.deny);
  const names = (numbers: readonly number[]): string[] => numbers.map((asn) => `AS${asn}`);
  list('networks', names(places.networks.allow), names(places.networks.deny));
  if (lines.length > before)
    lines.push(
      places.anywhere.length === 0
        ? 'nobody whose place is unknown'
        : `nobody whose place is unknown but ${places.anywhere.slice(0, MAX_SHOWN).join(', ')}${more(places.anywhere)}`,
    );
  return lines;
}

const MAX_SHOWN = 6;
const more = (list: readonly unknown[]): string =>
  list.length > MAX_SHOWN ? ` and ${list.length - MAX_SHOWN} more` : '';

const maskTexts = {
  drop: 'left out',
  redact: 'redacted',
  last4: 'but for four characters redacted',
} as const;

function describeMask({ mask }: OperationConfig): string[] {
  return (mask?.rules ?? []).map((rule) => {
    const { action, unlessRoles, unlessScopes } = rule;
    const exempt = [
      ...unlessRoles.map((role) => `role ${role}`),
      ...unlessScopes.map((scope) => `scope ${scope}`),
    ];
    const unless = exempt.length === 0 ? '' : `, unless ${exempt.join(' or ')}`;
    const what =
      rule.kind === 'classes'
        ? `${rule.classes.join(', ')} anywhere in`
        : `${rule.paths
            .slice(0, MAX_SHOWN)
            .map((path) => `/${path.join('/')}`)
            .join(', ')}${more(rule.paths)} of`;
    return `${what} answers ${maskTexts[action]}${unless}`;
  });
}

function describeRetire({ retire }: OperationConfig): string[] {
  if (retire === null) return [];
  const day = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);
  const { deprecatedAt, sunsetAt, successor } = retire;
  const parts = [
    ...(deprecatedAt === null ? [] : [`deprecated since ${day(deprecatedAt)}`]),
    ...(sunsetAt === null ? [] : [`not served from ${day(sunsetAt)}`]),
    ...(successor === null ? [] : [`then ${successor}`]),
  ];
  return [parts.join(', ')];
}

/** Every authenticated caller may use it. */
export const isForEverybody = (api: ApiConfig, operation: OperationConfig): boolean =>
  operation.publicReason === null &&
  operation.scopes.length === 0 &&
  operation.authorize.roles.length === 0 &&
  api.authorize.policies === null;

/** It takes an id in its path, and nothing says whose the object must be. */
export const isForAnyObject = (api: ApiConfig, operation: OperationConfig): boolean =>
  operation.publicReason === null &&
  operation.template.includes('{') &&
  operation.authorize.own.length === 0 &&
  api.authorize.policies === null;

/** Signs that are weighed for nobody, and policies that read what nobody weighs. */
export function reviewRisk({ apis, risk }: GateConfig): { readonly id: string; readonly message: string }[] {
  const readers = apis.filter(({ authorize }) =>
    (authorize.policies ?? []).some((policy) => contextReads(policy)?.has('risk') !== false),
  );
  if (risk !== null && readers.length === 0)
    return [{ id: 'posture-risk-unread', message: 'Risk is weighed, and no policy reads "context.risk".' }];
  if (risk !== null || readers.length === 0) return [];
  const names = readers.map(({ name }) => name).join(', ');
  return [
    {
      id: 'posture-risk-unweighed',
      message: `Policies of ${names} read "context.risk", which is always 0: there is no "risk".`,
    },
  ];
}
