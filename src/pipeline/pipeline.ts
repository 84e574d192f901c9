// The guards of one operation, in the order they were compiled in, as flat arrays of hooks. A guard that throws
// denies. As long as all guards answer at once so does the pipeline; a promise appears only where one waits. HOT
import type { Decision, Exchange, Guard, GuardName, Refusal } from '../exchange/index.ts';
import type { FieldList } from '../http/fields/index.ts';
import { failed, report } from './failure.ts';
import { runTimed, runTimedAnswer } from './timed.ts';

type RequestHook = NonNullable<Guard['onRequest']>;
type BodyHook = NonNullable<Guard['onBody']>;
type AnswerHook = NonNullable<Guard['onAnswer']>;
type AnswerBodyHook = NonNullable<Guard['onAnswerBody']>;
type MessageHook = NonNullable<Guard['onMessage']>;
type ResponseHook = NonNullable<Guard['onResponse']>;
type EndHook = NonNullable<Guard['onEnd']>;

export interface CompiledPipeline {
  readonly onRequest: readonly RequestHook[];
  readonly requestNames: readonly GuardName[];
  readonly onBody: readonly BodyHook[];
  readonly bodyNames: readonly GuardName[];
  readonly onAnswer: readonly AnswerHook[];
  readonly answerNames: readonly GuardName[];
  readonly onAnswerBody: readonly AnswerBodyHook[];
  readonly answerBodyNames: readonly GuardName[];
  readonly onMessage: readonly MessageHook[];
  readonly messageNames: readonly GuardName[];
  readonly onResponse: readonly ResponseHook[];
  readonly onEnd: readonly EndHook[];
}

/** Guards that are null were not needed by the operation. */
export function compilePipeline(guards: readonly (Guard | null)[]): CompiledPipeline {
  const present = guards.filter((guard) => guard !== null);
  const request = present.filter((guard) => guard.onRequest !== null);
  const body = present.filter((guard) => guard.onBody !== null);
  const answer = present.filter((guard) => guard.onAnswer !== null);
  const answerBody = present.filter((guard) => guard.onAnswerBody !== null);
  const message = present.filter((guard) => guard.onMessage !== null);
  return {
    onRequest: request.map((guard) => guard.onRequest!),
    requestNames: request.map((guard) => guard.name),
    onBody: body.map((guard) => guard.onBody!),
    bodyNames: body.map((guard) => guard.name),
    onAnswer: answer.map((guard) => guard.onAnswer!),
    answerNames: answer.map((guard) => guard.name),
    onAnswerBody: answerBody.map((guard) => guard.onAnswerBody!),
    answerBodyNames: answerBody.map((guard) => guard.name),
    onMessage: message.map((guard) => guard.onMessage!),
    messageNames: message.map((guard) => guard.name),
    onResponse: present.filter((guard) => guard.onResponse !== null).map((guard) => guard.onResponse!),
    onEnd: present.filter((guard) => guard.onEnd !== null).map((guard) => guard.onEnd!),
  };
}

/** Judges the head; null when the request may go on. Never throws, never rejects. */
export function runOnRequest(pipeline: CompiledPipeline, exchange: Exchange): Decision | Promise<Decision> {
  if (exchange.timings !== null)
    return runTimed(exchange.timings, 'request', pipeline.requestNames, (i) =>
      pipeline.onRequest[i]!(exchange),
    );
  return requestFrom(pipeline, exchange, 0);
}

function requestFrom(
  pipeline: CompiledPipeline,
  exchange: Exchange,
  from: number,
): Decision | Promise<Decision> {
  const hooks = pipeline.onRequest;
  for (let i = from; i < hooks.length; i++) {
    let decision: Decision | Promise<Decision>;
    try {
      decision = hooks[i]!(exchange);
    } catch (cause) {
      return failed(pipeline.requestNames[i]!, cause);
    }
    if (decision === null) continue;
    if (decision instanceof Promise) return requestAfter(pipeline, exchange, i, decision);
    return decision;
  }
  return null;
}

async function requestAfter(
  pipeline: CompiledPipeline,
  exchange: Exchange,
  at: number,
  waiting: Promise<Decision>,
): Promise<Decision> {
  let decision: Decision;
  try {
    decision = await waiting;
  } catch (cause) {
    return failed(pipeline.requestNames[at]!, cause);
  }
  return decision ?? requestFrom(pipeline, exchange, at + 1);
}

/** Judges the whole body; null when the request may go on. Never throws, never rejects. */
export function runOnBody(
  pipeline: CompiledPipeline,
  exchange: Exchange,
  body: Uint8Array,
): Decision | Promise<Decision> {
  if (exchange.timings !== null)
    return runTimed(exchange.timings, 'body', pipeline.bodyNames, (i) => pipeline.onBody[i]!(exchange, body));
  return bodyFrom(pipeline, exchange, body, 0);
}

function bodyFrom(
  pipeline: CompiledPipeline,
  exchange: Exchange,
  body: Uint8Array,
  from: number,
): Decision | Promise<Decision> {
  const hooks = pipeline.onBody;
  for (let i = from; i < hooks.length; i++) {
    let decision: Decision | Promise<Decision>;
    try {
      decision = hooks[i]!(exchange, body);
    } catch (cause) {
      return failed(pipeline.bodyNames[i]!, cause);
    }
    if (decision === null) continue;
    if (decision instanceof Promise) return bodyAfter(pipeline, exchange, body, i, decision);
    return decision;
  }
  return null;
}

async function bodyAfter(
  pipeline: CompiledPipeline,
  exchange: Exchange,
  body: Uint8Array,
  at: number,
  waiting: Promise<Decision>,
): Promise<Decision> {
  let decision: Decision;
  try {
    decision = await waiting;
  } catch (cause) {
    return failed(pipeline.bodyNames[at]!, cause);
  }
  return decision ?? bodyFrom(pipeline, exchange, body, at + 1);
}

/** Judges the head of the upstream's answer; null when it may pass. Never throws. */
export function runOnAnswer(
  pipeline: CompiledPipeline,
  exchange: Exchange,
  status: number,
  fields: FieldList,
): Decision {
  const hooks = pipeline.onAnswer;
  if (exchange.timings !== null)
    return runTimedAnswer(exchange.timings, 'answer', pipeline.answerNames, (i) =>
      hooks[i]!(exchange, status, fields),
    );
  for (let i = 0; i < hooks.length; i++) {
    let decision: Decision;
    try {
      decision = hooks[i]!(exchange, status, fields);
    } catch (cause) {
      return failed(pipeline.answerNames[i]!, cause);
    }
    if (decision !== null) return decision;
  }
  return null;
}

/** Judges the collected body of the upstream's answer, or its first bytes; null when it may pass. Never throws. */
export function runOnAnswerBody(
  pipeline: CompiledPipeline,
  exchange: Exchange,
  body: Uint8Array,
  whole: boolean,
): Decision {
  const hooks = pipeline.onAnswerBody;
  if (exchange.timings !== null)
    return runTimedAnswer(exchange.timings, 'answer-body', pipeline.answerBodyNames, (i) =>
      hooks[i]!(exchange, exchange.answerBody ?? body, whole),
    );
  for (let i = 0; i < hooks.length; i++) {
    let decision: Decision;
    try {
      decision = hooks[i]!(exchange, exchange.answerBody ?? body, whole);
    } catch (cause) {
      return failed(pipeline.answerBodyNames[i]!, cause);
    }
    if (decision !== null) return decision;
  }
  return null;
}

/** Judges one message of an open WebSocket; null when it may pass. Never throws. */
export function runOnMessage(
  pipeline: CompiledPipeline,
  exchange: Exchange,
  message: Uint8Array,
  isText: boolean,
  fromClient: boolean,
): Refusal | null {
  const hooks = pipeline.onMessage;
  for (let i = 0; i < hooks.length; i++) {
    let refusal: Refusal | null;
    try {
      refusal = hooks[i]!(exchange, message, isText, fromClient);
    } catch (cause) {
      return failed(pipeline.messageNames[i]!, cause);
    }
    if (refusal !== null) return refusal;
  }
  return null;
}

/** Tells guards that the exchange is over. Never throws. */
export function runOnEnd(pipeline: CompiledPipeline, exchange: Exchange): void {
  const hooks = pipeline.onEnd;
  for (let i = 0; i < hooks.length; i++) {
    try {
      hooks[i]!(exchange);
    } catch (cause) {
      report(cause);
    }
  }
}

/**
 * Lets guards edit the answer's head. Answers false when one threw: then the answer must not be sent, as it may
 * still hold what the guard was there to remove.
 */
export function runOnResponse(
  pipeline: CompiledPipeline,
  exchange: Exchange,
  status: number,
  fields: FieldList,
): boolean {
  const hooks = pipeline.onResponse;
  try {
    for (let i = 0; i < hooks.length; i++) hooks[i]!(exchange, status, fields);
    return true;
  } catch (cause) {
    report(cause);
    return false;
  }
}
