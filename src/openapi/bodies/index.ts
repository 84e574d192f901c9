// Readers of bodies by their media type: each holds a body to its schema.

import type { RewriteOptions } from '../closed-schema.ts';
import type { ContractMedia } from '../contract.ts';
import { JsonBody, type JsonProblem, parseJsonBody } from '../json-body.ts';
import type { SchemaSet, SchemaValidator } from '../schema-set.ts';
import type { BodyError } from './members.ts';
import { compileMultipart } from './multipart.ts';
import { compileText } from './text.ts';
import { compileUrlEncoded } from './url-encoded.ts';

export type { BodyError } from './members.ts';

/** Null when the body keeps to its contract. `contentType`: the whole field. */
export type BodyCheck = (body: Uint8Array, contentType: string) => BodyError | null;

export const isJsonType = (type: string): boolean =>
  type === 'application/json' || /^[^/]+\/[^/]+\+json$/.test(type);

const json = new JsonBody();

const jsonMessages: Readonly<Record<JsonProblem, string>> = {
  encoding: 'is not UTF-8',
  syntax: 'is not JSON',
  'duplicate-member': 'has a member twice',
  'member-name': 'has a member called __proto__',
  'too-deep': 'is nested too deeply',
  'number-range': 'has a number that can not be represented exactly',
};

/** How bodies of a documented type are read; null for those that pass unread. */
export function compileBody(media: ContractMedia, set: SchemaSet, options: RewriteOptions): BodyCheck | null {
  const { mediaType, schema } = media;
  const validate = schema === null ? null : set.lazy(schema, options);
  if (isJsonType(mediaType)) return (body) => checkJson(body, validate);
  if (validate === null) return null;
  if (mediaType === 'application/x-www-form-urlencoded') return compileUrlEncoded(media, set, validate);
  if (mediaType === 'multipart/form-data') return compileMultipart(media, set, validate);
  if (/^text\/(?!event-stream)[^*]/.test(mediaType)) return compileText(media, set, validate);
  return null;
}

function checkJson(body: Uint8Array, validate: SchemaValidator | null): BodyError | null {
  parseJsonBody(body, json);
  if (json.problem !== null)
    return { reason: `json-${json.problem}`, pointer: '', message: jsonMessages[json.problem] };
  if (validate === null) return null;
  const error = validate(json.value);
  json.value = undefined;
  return error === null
    ? null
    : { reason: `schema-${error.keyword}`, pointer: error.pointer, message: error.message };
}
