// One rule of an operation's authorization. All rules must let a request pass; each can say in words what it asks for, so
// that an explanation shows the very rules that decide.
import type { Exchange, Refusal } from '../../exchange/index.ts';

/** No body has been read, or there is none. */
export const NO_BODY: unique symbol = Symbol('no body');

/** Synchronous unless somebody has to be asked. */
export type Judgement = Refusal | null | Promise<Refusal | null>;

export interface Rule {
  readonly kind: 'scopes' | 'roles' | 'own' | 'fields' | 'policies';
  /** What it asks for, one line. */
  readonly text: string;
  /** Judged when the whole body is there. */
  readonly needsBody: boolean;
  /** Null lets the request pass. `body` is the JSON value, or NO_BODY. */
  judge(exchange: Exchange, body: unknown): Judgement;
}
