export { createDecisionsHandler } from './authzen.ts';
export { CaseJudge, type CaseOutcome, CaseProblem, caseSchema, type PolicyCase } from './case.ts';
export { DecisionPoint } from './decision-point.ts';
