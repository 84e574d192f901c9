export { catalogue } from './catalogue.ts';
export * from './contract.ts';
export { DetectEngine, type EngineOptions, type ModelState } from './engine.ts';
export {
  type DeskOptions,
  IncidentDesk,
  incidentText,
  withAction,
  withNote,
  withStatus,
  withVerdict,
} from './incidents.ts';
