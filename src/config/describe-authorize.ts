// What an operation asks of a caller beyond scopes, in words, and operations that name objects and protect none.
import type { ApiConfig, OperationConfig } from './gate-config.ts';

/** Rules of the operation besides its scopes, one line each. */
export function describeRules(api: ApiConfig, operation: OperationConfig): string[] {
  const masked = describeMask(operation);
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

const maskTexts = {
  drop: 'left out',
  redact: 'redacted',
  last4: 'but for four characters redacted',
} as const;

function describeMask({ mask }: OperationConfig): string[] {
  return (mask?.rules ?? []).map(({ path, action, unlessRoles, unlessScopes }) => {
    const exempt = [
      ...unlessRoles.map((role) => `role ${role}`),
      ...unlessScopes.map((scope) => `scope ${scope}`),
    ];
    const unless = exempt.length === 0 ? '' : `, unless ${exempt.join(' or ')}`;
    return `/${path.join('/')} of answers ${maskTexts[action]}${unless}`;
  });
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
