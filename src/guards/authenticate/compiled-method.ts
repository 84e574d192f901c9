// One way to authenticate, compiled for one operation.
import type { Decision, Exchange } from '../../exchange/index.ts';

/** The request does not carry the method's credential: the next method is asked. */
export const NOT_THERE = 'not-there';

export type MethodResult = Decision | Promise<Decision> | typeof NOT_THERE;

export interface CompiledMethod {
  /** Scheme for WWW-Authenticate (RFC 9110 section 11.6.1); empty for none. */
  readonly challenge: string;
  /** Judges the credential, if it is there, and sets the exchange's consumer when it is good. */
  readonly run: (exchange: Exchange) => MethodResult;
  /** Judges the credential once the body is there; null where the head is enough. */
  readonly runBody: ((exchange: Exchange, body: Uint8Array) => Decision) | null;
  /** Shows a caller without credentials the way to some; answers null where it knows none. */
  readonly invite?: (exchange: Exchange) => Decision;
  /** Fields that the upstream must not get. */
  readonly strips: readonly string[];
}
