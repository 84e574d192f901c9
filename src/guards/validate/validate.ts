// Requests against their contract: parameters, content type, JSON bodies. A body of a type that the contract does not
// name, and JSON that can not be read (encoded, another charset), is refused. HOT
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import {
  type ContractOperation,
  compileParameters,
  JsonBody,
  type JsonProblem,
  parseJsonBody,
  type SchemaSet,
} from '../../openapi/index.ts';
import type { ValidateConfig } from './contract.ts';
import { charsetIsUtf8, isJsonType, type MediaRow, rowOf } from './media-rows.ts';

const json = new JsonBody();

const jsonMessages: Readonly<Record<JsonProblem, string>> = {
  encoding: 'is not UTF-8',
  syntax: 'is not JSON',
  'duplicate-member': 'has a member twice',
  'member-name': 'has a member called __proto__',
  'too-deep': 'is nested too deeply',
  'number-range': 'has a number that can not be represented exactly',
};

/** Guard for one operation. Schemas are compiled when they are first used. */
export function compileValidate(operation: ContractOperation, set: SchemaSet, config: ValidateConfig): Guard {
  const checkParameters = compileParameters(operation, set, { undocumented: config.undocumentedFields });
  const rows = (operation.body?.content ?? []).map(({ mediaType, schema }): MediaRow => {
    const isJson = isJsonType(mediaType);
    return {
      mediaType,
      isJson,
      validate:
        isJson && schema !== null
          ? set.lazy(schema, { undocumentedFields: config.undocumentedFields, refuse: 'readOnly' })
          : null,
    };
  });
  const takesBody = operation.body !== null;
  const bodyRequired = operation.body?.required === true;

  const onRequest = (exchange: Exchange): Decision => {
    const error = checkParameters(exchange);
    if (error !== null) return refuse('parameter-invalid', 'parameter', error);
    if (exchange.contentLength === 0) {
      return bodyRequired
        ? refuse('body-invalid', 'body-missing', { in: 'body', pointer: '', message: 'is required' })
        : null;
    }
    if (!takesBody) {
      return refuse('body-invalid', 'body-unexpected', {
        in: 'body',
        pointer: '',
        message: 'is not expected',
      });
    }
    return checkType(exchange, rows);
  };
  const onBody = (exchange: Exchange, body: Uint8Array): Decision => {
    if (body.length === 0) {
      return bodyRequired
        ? refuse('body-invalid', 'body-missing', { in: 'body', pointer: '', message: 'is required' })
        : null;
    }
    const row = rowOf(exchange.fields.get('content-type') ?? '', rows);
    if (row === null) return new Refusal('media-type-unsupported', 'validate', 'content-type');
    return row.isJson ? checkJson(body, row) : null;
  };
  return {
    ...noHooks,
    name: 'validate',
    onRequest,
    onBody: rows.some((row) => row.isJson) ? onBody : null,
  };
}

function refuse(
  code: 'parameter-invalid' | 'body-invalid',
  reason: string,
  error: { readonly in: string; readonly pointer?: string; readonly message: string },
): Refusal {
  return new Refusal(code, 'validate', reason, '', [], { errors: [error] });
}

const usualJson = /^application\/json(?:; ?charset=utf-8)?$/i;

function checkType(exchange: Exchange, rows: readonly MediaRow[]): Decision {
  const type = exchange.fields.get('content-type');
  const coding = exchange.fields.get('content-encoding');
  if (type === null) return new Refusal('media-type-unsupported', 'validate', 'content-type-missing');
  const row = rowOf(type, rows);
  if (row === null) return new Refusal('media-type-unsupported', 'validate', 'content-type');
  if (row.isJson && coding !== null && coding.toLowerCase() !== 'identity') {
    return new Refusal('content-coding-unsupported', 'validate', 'content-encoding');
  }
  // JSON is UTF-8 (RFC 8259 section 8.1); another charset would be decoded by somebody.
  if (row.isJson && !usualJson.test(type) && !charsetIsUtf8(type)) {
    return new Refusal('media-type-unsupported', 'validate', 'charset');
  }
  return null;
}

function checkJson(body: Uint8Array, row: MediaRow): Decision {
  parseJsonBody(body, json);
  if (json.problem !== null) {
    const error = { in: 'body', pointer: '', message: jsonMessages[json.problem] };
    return refuse('body-invalid', `json-${json.problem}`, error);
  }
  if (row.validate === null) return null;
  const error = row.validate(json.value);
  json.value = undefined;
  if (error === null) return null;
  return refuse('body-invalid', `schema-${error.keyword}`, { in: 'body', ...error });
}
