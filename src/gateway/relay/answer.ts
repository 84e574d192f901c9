// Answers that the gate gives itself: problem documents (RFC 9457) for refusals, and what guards answer directly.
// Both pass the operation's answer guards, so that they carry the same security fields as any other answer. HOT
import { type ErrorCode, errorTable } from '../../core/index.ts';
import type { Answer, Exchange, Refusal } from '../../exchange/index.ts';
import { FieldList } from '../../http/fields/index.ts';
import { encodeField, encodeFields, encodeStatusLine } from '../../http/h1/index.ts';
import { buildProblem } from '../../http/problem/index.ts';
import { type CompiledPipeline, runOnResponse } from '../../pipeline/index.ts';

const fields = new FieldList();

/** The whole answer for a refusal, latin1. */
export function encodeRefusal(
  exchange: Exchange,
  refusal: Refusal,
  pipeline: CompiledPipeline,
  connectionField: string,
): string {
  const body = buildProblem(refusal.code, exchange.id, refusal.detail, refusal.members);
  fields.clear();
  fields.append('content-type', 'application/problem+json');
  fields.append('cache-control', 'no-store');
  const status = errorTable[refusal.code as ErrorCode].status;
  return encode(exchange, status, refusal.fields, body, pipeline, connectionField);
}

/** The whole answer of a guard, latin1. */
export function encodeAnswer(
  exchange: Exchange,
  answer: Answer,
  pipeline: CompiledPipeline,
  connectionField: string,
): string {
  fields.clear();
  return encode(exchange, answer.status, answer.fields, answer.body, pipeline, connectionField);
}

function encode(
  exchange: Exchange,
  status: number,
  extra: readonly string[],
  body: string,
  pipeline: CompiledPipeline,
  connectionField: string,
): string {
  for (let i = 0; i < extra.length; i += 2) fields.append(extra[i]!, extra[i + 1]!);
  runOnResponse(pipeline, exchange, status, fields);
  const bytes = asLatin1(body);
  let out = encodeStatusLine(status) + encodeFields(fields);
  const added = exchange.answerFields;
  for (let i = 0; i < added.length; i += 2) out += encodeField(added[i]!, added[i + 1]!);
  if (status !== 204) out += 'content-length: ' + bytes.length + '\r\n';
  out += connectionField + '\r\n';
  if (exchange.method === 'HEAD' || status === 204) return out;
  exchange.responseBytes += bytes.length;
  return out + bytes;
}

/** UTF-8 bytes of `text` as one latin1 character a byte. */
function asLatin1(text: string): string {
  // ASCII is its own UTF-8.
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}
