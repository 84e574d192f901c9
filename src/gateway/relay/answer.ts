// Answers that the gate gives itself: problem documents (RFC 9457) for refusals, and what guards answer directly.
// Both pass the operation's answer guards, so that they carry the same security fields as any other answer. HOT
import { errorTable } from '../../core/index.ts';
import type { Answer, Exchange, Refusal } from '../../exchange/index.ts';
import { FieldList } from '../../http/fields/index.ts';
import { encodeGrpcMessage, grpcStatusOf, isGrpcContentType } from '../../http/grpc/index.ts';
import { buildProblem } from '../../http/problem/index.ts';
import { type CompiledPipeline, runOnResponse } from '../../pipeline/index.ts';

/** One such answer; reused, valid until the next is prepared. */
export class OwnAnswer {
  status = 0;
  readonly fields = new FieldList();
  /** One latin1 character a byte. Not sent in answers to HEAD, nor with 204. */
  body = '';
  /** Whether the body is sent. */
  sendsBody = true;
  /** Whether Content-Length is. */
  hasLength = true;
}

export function prepareRefusal(
  out: OwnAnswer,
  exchange: Exchange,
  refusal: Refusal,
  pipeline: CompiledPipeline,
): void {
  const { status } = errorTable[refusal.code];
  out.fields.clear();
  if (exchange.httpMajor === 2 && isGrpcContentType(exchange.fields.get('content-type'))) {
    return prepareGrpcRefusal(out, exchange, refusal, pipeline);
  }
  out.fields.append('content-type', 'application/problem+json');
  out.fields.append('cache-control', 'no-store');
  const body = buildProblem(refusal.code, exchange.id, refusal.detail, refusal.members);
  prepare(out, exchange, status, refusal.fields, body, pipeline);
}

/**
 * What a gRPC client understands: "trailers only", one head with the status that is told. The random id stands in the
 * message, as nothing else of it would be shown.
 */
function prepareGrpcRefusal(
  out: OwnAnswer,
  exchange: Exchange,
  refusal: Refusal,
  pipeline: CompiledPipeline,
): void {
  const { fields } = out;
  exchange.grpcStatus = grpcStatusOf(refusal.code);
  fields.append('content-type', 'application/grpc');
  appendGrpcStatus(fields, exchange.id, refusal);
  prepare(out, exchange, 200, refusal.fields, '', pipeline);
  out.hasLength = false;
  out.sendsBody = false;
}

/** `grpc-status` and `grpc-message` of a refusal. */
export function appendGrpcStatus(fields: FieldList, id: string, refusal: Refusal): void {
  const detail = refusal.detail === '' ? '' : ` ${refusal.detail}`;
  const text = `${errorTable[refusal.code].title}${detail} (request ${id})`;
  fields.append('grpc-status', String(grpcStatusOf(refusal.code)));
  fields.append('grpc-message', encodeGrpcMessage(text));
}

export function prepareAnswer(
  out: OwnAnswer,
  exchange: Exchange,
  answer: Answer,
  pipeline: CompiledPipeline,
): void {
  out.fields.clear();
  prepare(out, exchange, answer.status, answer.fields, answer.body, pipeline);
}

function prepare(
  out: OwnAnswer,
  exchange: Exchange,
  status: number,
  extra: readonly string[],
  body: string,
  pipeline: CompiledPipeline,
): void {
  const { fields } = out;
  for (let i = 0; i < extra.length; i += 2) fields.append(extra[i]!, extra[i + 1]!);
  runOnResponse(pipeline, exchange, status, fields);
  const added = exchange.answerFields;
  for (let i = 0; i < added.length; i += 2) fields.append(added[i]!, added[i + 1]!);
  out.status = status;
  out.body = asLatin1(body);
  out.hasLength = status !== 204;
  out.sendsBody = out.hasLength && exchange.method !== 'HEAD';
  if (out.sendsBody) exchange.responseBytes += out.body.length;
}

/** UTF-8 bytes of `text` as one latin1 character a byte. */
function asLatin1(text: string): string {
  // ASCII is its own UTF-8.
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}
