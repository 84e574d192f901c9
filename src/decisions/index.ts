export { createDecisionsHandler } from './authzen.ts';
export {
  CaseJudge,
  type CaseOutcome,
  CaseProblem,
  type CaseVerdict,
  caseSchema,
  type PolicyCase,
} from './case.ts';
export { DecisionPoint } from './decision-point.ts';
