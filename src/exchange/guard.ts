// The words that guards and pipeline share. A guard is compiled for one operation and answers with a decision:
// null lets the request go on; a Refusal or an Answer ends it. A guard that throws denies (`guard-failed`).
import type { ErrorCode } from '../core/index.ts';
import type { FieldList } from '../http/fields/index.ts';
import type { Exchange } from './exchange.ts';

export type GuardName =
  | 'codec'
  | 'router'
  | 'admit'
  | 'authenticate'
  | 'limit'
  | 'authorize'
  | 'validate'
  | 'inspect'
  | 'mask'
  | 'retire'
  | 'harden'
  | 'upstream'
  | 'gate';

/** Ends the request with the problem document of `code`. */
export class Refusal {
  readonly kind = 'refusal';
  readonly code: ErrorCode;
  readonly guard: GuardName;
  /** Shown to the client as `detail`; must hold no internals and nothing a client could not know. */
  readonly detail: string;
  /** For the access log only: a short stable word that tells why, for instance `jwt-expired`. */
  readonly reason: string;
  /** Extra answer fields as name, value, name, value, for instance `['retry-after', '3']`. */
  readonly fields: readonly string[];
  /** Extra members of the problem document, for instance `{ errors: […] }`. */
  readonly members: Readonly<Record<string, unknown>> | null;

  constructor(
    code: ErrorCode,
    guard: GuardName,
    reason: string,
    detail = '',
    fields: readonly string[] = noFields,
    members: Readonly<Record<string, unknown>> | null = null,
  ) {
    this.code = code;
    this.guard = guard;
    this.reason = reason;
    this.detail = detail;
    this.fields = fields;
    this.members = members;
  }
}

const noFields: readonly string[] = [];

/** Ends the request with an answer of the gate's own that is not an error, for instance to a CORS preflight. */
export class Answer {
  readonly kind = 'answer';
  readonly status: number;
  readonly guard: GuardName;
  /** Name, value, name, value. */
  readonly fields: readonly string[];
  readonly body: string;

  constructor(status: number, guard: GuardName, fields: readonly string[], body = '') {
    this.status = status;
    this.guard = guard;
    this.fields = fields;
    this.body = body;
  }
}

export type Decision = Refusal | Answer | null;

/** One guard, compiled for one operation. Hooks that a guard does not need are null; start from `noHooks`. */
export interface Guard {
  readonly name: GuardName;
  /** Judges the request head. Synchronous guards must return synchronously: a promise costs microseconds. */
  readonly onRequest: ((exchange: Exchange) => Decision | Promise<Decision>) | null;
  /** Judges the whole request body; asking for it makes the gate buffer the body before the upstream sees it. */
  readonly onBody: ((exchange: Exchange, body: Uint8Array) => Decision | Promise<Decision>) | null;
  /**
   * Judges the head of the upstream's answer as it came, before any guard edits it; the gate's own answers are not
   * judged. A guard that must see the body first raises `exchange.answerLimit`.
   */
  readonly onAnswer: ((exchange: Exchange, status: number, fields: FieldList) => Decision) | null;
  /**
   * Judges the body of the upstream's answer before the client gets any of it. `whole` is false when the body goes on
   * beyond `exchange.answerLimit`, whose first bytes these are. A whole body can be replaced by `exchange.answerBody`.
   */
  readonly onAnswerBody: ((exchange: Exchange, body: Uint8Array, whole: boolean) => Decision) | null;
  /**
   * Judges a whole message of an open WebSocket before the other side gets any of it: valid UTF-8 where `isText`, at
   * most `max-message` bytes, never compressed. Asking for it makes the gate hold messages back until they are whole. A
   * refusal ends the WebSocket with close code 1008, a failure with 1011. gRPC messages are not judged.
   */
  readonly onMessage:
    | ((exchange: Exchange, message: Uint8Array, isText: boolean, fromClient: boolean) => Refusal | null)
    | null;
  /** Edits the head of the upstream's answer, or of the gate's own, before the client gets it. */
  readonly onResponse: ((exchange: Exchange, status: number, fields: FieldList) => void) | null;
  /** The exchange is over, whatever its outcome, and is about to be recorded. */
  readonly onEnd: ((exchange: Exchange) => void) | null;
}

/** A guard that does nothing, for guards to build on. */
export const noHooks = {
  onRequest: null,
  onBody: null,
  onAnswer: null,
  onAnswerBody: null,
  onMessage: null,
  onResponse: null,
  onEnd: null,
} as const;
