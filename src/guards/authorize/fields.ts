// Fields of a body that only some roles may send (mass assignment): the contract says which fields there are, this says
// for whom. HOT
import { type Exchange, Refusal } from '../../exchange/index.ts';
import type { FieldRule } from './contract.ts';
import { valuesAt } from './json-pointer.ts';
import { type Principals, roleKey } from './principal.ts';
import { NO_BODY, type Rule } from './rule.ts';

export function compileField({ pointer, roles }: FieldRule, principals: Principals): Rule {
  const keys = roles.map(roleKey);
  const name = `/${pointer.join('/')}`;
  const refusal = new Refusal('field-denied', 'authorize', 'field', '', [], {
    errors: [{ in: 'body', pointer: name, message: 'may not be set by this caller' }],
  });
  const judge = (exchange: Exchange, body: unknown): Refusal | null => {
    if (body === NO_BODY || valuesAt(body, pointer).length === 0) return null;
    if (exchange.consumer === null) return refusal;
    const { ancestors } = principals.of(exchange.consumer).data!;
    for (let i = 0; i < keys.length; i++) if (ancestors.has(keys[i]!)) return null;
    return refusal;
  };
  return {
    kind: 'fields',
    text: `${name} is sent by role ${roles.join(' or ')} only`,
    needsBody: true,
    judge,
  };
}

/** The operation itself is for some roles only (BFLA). */
export function compileRoles(roles: readonly string[], principals: Principals): Rule | null {
  if (roles.length === 0) return null;
  const keys = roles.map(roleKey);
  const refusal = new Refusal('role-insufficient', 'authorize', 'role');
  const judge = (exchange: Exchange): Refusal | null => {
    if (exchange.consumer === null) return refusal;
    const { ancestors } = principals.of(exchange.consumer).data!;
    for (let i = 0; i < keys.length; i++) if (ancestors.has(keys[i]!)) return null;
    return refusal;
  };
  return { kind: 'roles', text: `role ${roles.join(' or ')}`, needsBody: false, judge };
}
