export { compileValidateAnswers } from './answers.ts';
export type { ValidateAnswersConfig, ValidateConfig } from './contract.ts';
export { compileGrpc } from './grpc.ts';
export { compileValidate } from './validate.ts';
