export { decodeCall, encodeCall } from './call-fields.ts';
export type {
  ControlAddress,
  ServiceCall,
  ServiceCaller,
  ServiceCertificate,
  ServiceDescription,
  ServiceHandler,
  ShownCertificate,
} from './contract.ts';
export { compileForwardCall } from './forward-call.ts';
export { sendProblem } from './problem.ts';
export { ControlServer } from './server.ts';
