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
  RelationConfig,
  RiskConfig,
  RoleConfig,
  ScopeAlternative,
} from './contract.ts';
export { type ClauseOutcome, explainRules, type PolicyOutcome, type RuleOutcome } from './explain.ts';
export { type LintedApi, lintPolicies, lintRoles } from './lint.ts';
export { parametersOf } from './operation-parameters.ts';
export { EnumerationWatch } from './ownership.ts';
export { type ApiPolicies, compileApiPolicies, type PoliciesRule } from './policies.ts';
export { claimAt, Principals, roleKey } from './principal.ts';
export { closedDesk, type Owners, Relation, RelationDesk } from './relations.ts';
export { type Access, type ReviewRow, type ReviewSubject, reviewAccess } from './review.ts';
export { MAX_RISK, Risk, type RiskMemory } from './risk.ts';
export { NO_BODY, type Rule } from './rule.ts';
