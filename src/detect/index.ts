export { catalogue } from './catalogue.ts';
export * from './contract.ts';
export { DetectEngine, type EngineOptions, type ModelState } from './engine.ts';
export {
  type DeskOptions,
  IncidentDesk,
  incidentText,
  withAction,
  withDecisions,
  withNote,
  withStatus,
  withVerdict,
} from './incidents.ts';
export { type Message, messageOf } from './notify/message.ts';
export { Notifier, type NotifierEnvironment } from './notify/notifier.ts';
export { type ApiFacts, operationFacts } from './operation-facts.ts';
export { Responder, type ResponderParts, type RevokePort, undoAction } from './responder.ts';
export type * from './settings.ts';
export { SigmaMatcher } from './sigma/matcher.ts';
export { parseSigma } from './sigma/rule.ts';
export { SigmaError } from './sigma/sigma-error.ts';
