export { Diagnostics, formatDiagnostic } from '../core/index.ts';
export {
  type Clause,
  type EntityName,
  type Expression,
  type PolicySource,
  type PolicySyntax,
  type ScopeConstraint,
  type Span,
  textOf,
} from './ast.ts';
export { CompiledPolicy, type CompiledScope, Conjunct, matchesScope } from './compile-policy.ts';
export { CedarTime } from './extensions/datetime.ts';
export { Decimal } from './extensions/decimal.ts';
export { IpRange } from './extensions/ip.ts';
export {
  ancestorsOf,
  type EntityJson,
  type EntityUidJson,
  entityOf,
  parseEntities,
  parseEntityUid,
  parseRecord,
  parseValue,
  ValueProblem,
} from './json-values.ts';
export type { Long } from './numbers.ts';
export { parsePolicies } from './parse-policy.ts';
export {
  ActionPolicies,
  decide,
  type FullVerdict,
  type PolicyFailure,
  PolicySet,
  Verdict,
} from './policy-set.ts';
export { contextReads } from './reads.ts';
export { type EntityStore, PolicyRequest } from './request.ts';
export { type Residual, residualsOf } from './residuals.ts';
export {
  CedarRecord,
  CedarSet,
  type EntityData,
  EntityRef,
  EvaluationError,
  emptyRecord,
  entityKey,
  equals,
  FixedRecord,
  type Result,
  typeName,
  type Value,
} from './values.ts';
