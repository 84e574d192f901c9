export {
  builtinRules,
  type InspectConfig,
  type InspectExclusion,
  type ResponseInspection,
  type RuleSetConfig,
} from './contract.ts';
export { compileInspect } from './inspect.ts';
export { Inspection } from './inspection.ts';
export { InspectionRules } from './rules.ts';
