export type { ValidateConfig } from './contract.ts';
export { compileGrpc } from './grpc.ts';
export { compileValidate } from './validate.ts';
