// Requests against their contract: parameters, content type, JSON bodies. A body of a type that the contract does not
// name, and JSON that can not be read (encoded, another charset), is refused. HOT
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import {
  type BodyCheck,
  type ContractOperation,
  compileBody,
  compileParameters,
  isJsonType,
  type SchemaSet,
} from '../../openapi/index.ts';
import type { ValidateConfig } from './contract.ts';
import { charsetIsUtf8, type MediaRow, rowOf } from './media-rows.ts';

interface BodyRow extends MediaRow {
  /** Null for types that pass unread. */
  readonly check: BodyCheck | null;
}

/** Guard for one operation. Schemas are compiled when they are first used. */
export function compileValidate(operation: ContractOperation, set: SchemaSet, config: ValidateConfig): Guard {
  const checkParameters = compileParameters(operation, set, { undocumented: config.undocumentedFields });
  const options = { undocumentedFields: config.undocumentedFields, refuse: 'readOnly' } as const;
  const rows = (operation.body?.content ?? []).map((media): BodyRow => {
    const isForm = !isJsonType(media.mediaType);
    return {
      mediaType: media.mediaType,
      check: isForm && !config.forms ? null : compileBody(media, set, options),
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
    if (row.check === null) return null;
    const error = row.check(body, exchange.fields.get('content-type') ?? '');
    if (error === null) return null;
    const { reason, pointer, message } = error;
    return refuse('body-invalid', reason, { in: 'body', pointer, message });
  };
  return {
    ...noHooks,
    name: 'validate',
    onRequest,
    onBody: rows.some((row) => row.check !== null) ? onBody : null,
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

function checkType(exchange: Exchange, rows: readonly BodyRow[]): Decision {
  const type = exchange.fields.get('content-type');
  const coding = exchange.fields.get('content-encoding');
  if (type === null) return new Refusal('media-type-unsupported', 'validate', 'content-type-missing');
  const row = rowOf(type, rows);
  if (row === null) return new Refusal('media-type-unsupported', 'validate', 'content-type');
  if (row.check === null) return null;
  if (coding !== null && coding.toLowerCase() !== 'identity') {
    return new Refusal('content-coding-unsupported', 'validate', 'content-encoding');
  }
  // JSON is UTF-8 (RFC 8259 section 8.1); another charset would be decoded by somebody.
  if (!usualJson.test(type) && !charsetIsUtf8(type)) {
    return new Refusal('media-type-unsupported', 'validate', 'charset');
  }
  return null;
}
