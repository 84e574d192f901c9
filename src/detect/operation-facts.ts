// What the configuration says of operations that detection wants to know: which answer to who one is, which are administration,
// what is at stake. Names tell most of it; the configuration tells the rest.
import type { OperationFacts } from './contract.ts';
import type { DetectConfig } from './settings.ts';

export interface ApiFacts {
  readonly name: string;
  readonly operations: readonly { readonly id: string; readonly method: string; readonly template: string }[];
}

const loginPath =
  /(?:^|[/_.-])(?:log-?in|sign-?in|token|authenticate|auth|session|sessions|password|otp|mfa|verify)(?:$|[/_.-])/i;
const adminPath =
  /(?:^|[/_.-])(?:admin|administration|roles?|permissions?|privileges?|impersonate|grants?|settings|config)(?:$|[/_.-])/i;

export function operationFacts(
  apis: readonly ApiFacts[],
  { loginOperations, privilegedOperations, assets }: DetectConfig,
): OperationFacts[] {
  const logins = new Set(loginOperations);
  const privileged = new Set(privilegedOperations);
  return apis.flatMap(({ name, operations }) =>
    operations.map(({ id, method, template }) => {
      const key = `${name} ${id}`;
      const isLogin = logins.has(key) || (method === 'POST' && loginPath.test(template));
      const isPrivileged =
        privileged.has(key) || (method !== 'GET' && adminPath.test(template)) || method === 'DELETE';
      return {
        api: name,
        operation: id,
        method,
        template,
        isLogin,
        isPrivileged,
        asset: assets[key] ?? assets[name] ?? (isLogin || isPrivileged ? 4 : 2),
      };
    }),
  );
}
