export { type AnnotatedField, annotatedFields, SENSITIVE_KEYWORD } from './annotated.ts';
export { type BodyCheck, type BodyError, compileBody, isJsonType } from './bodies/index.ts';
export { type RewriteOptions, rewriteSchema } from './closed-schema.ts';
export type {
  ContractBody,
  ContractOperation,
  ContractParameter,
  ContractResponse,
  ParameterPlace,
} from './contract.ts';
export { convertDraft7 } from './draft7.ts';
export { JsonBody, type JsonProblem, MAX_JSON_DEPTH, parseJsonBody } from './json-body.ts';
export {
  compileParameters,
  type ParameterCheck,
  type ParameterError,
  type ParameterOptions,
  type ParameterSource,
} from './parameters.ts';
export { lookUp } from './parse-pointer.ts';
export { compileProjection, type RunProjection } from './projection.ts';
export { compileSchema, createAjv, type SchemaError, SchemaSet, type SchemaValidator } from './schema-set.ts';
