export type * from './ast.ts';
export { parseRuleFiles } from './parse.ts';
export { parseActions } from './parse-actions.ts';
export { parseTargets } from './parse-targets.ts';
