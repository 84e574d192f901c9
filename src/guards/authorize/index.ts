export {
  type AuthorizeContext,
  type AuthorizeOperation,
  compileAuthorize,
  compileAuthorizeBody,
  compileMethodOverride,
  compileRules,
  createWatch,
} from './authorize.ts';
export type {
  ApiAuthorizeConfig,
  AuthorizeConfig,
  ClaimConfig,
  ClaimType,
  FieldRule,
  IdentityConfig,
  IssuerClaims,
  OwnershipRule,
  RiskConfig,
  RoleConfig,
  ScopeAlternative,
} from './contract.ts';
export { parametersOf } from './operation-parameters.ts';
export { EnumerationWatch } from './ownership.ts';
export type { PoliciesRule } from './policies.ts';
export { Principals, roleKey } from './principal.ts';
export { type Assess, compileRisk, MAX_RISK } from './risk.ts';
export { NO_BODY, type Rule } from './rule.ts';
