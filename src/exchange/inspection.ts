// What rules found in an exchange, for the record: the guard that inspects fills it, the access log and metrics read it.
import type { ErrorCode } from '../core/index.ts';

export interface InspectionMatch {
  readonly ruleId: number;
  /** Short text of the rule, may be empty. */
  readonly message: string;
  /** 0 (emergency) to 7 (debug), or null. */
  readonly severity: number | null;
  /** What matched: name such as `ARGS:q`, and value after the rule's transformations, one latin1 character a byte. */
  readonly variables: readonly { readonly name: string; readonly value: string }[];
}

export interface InspectionRecord {
  /** In the order they matched; a rule may stand there twice. */
  readonly matches: readonly InspectionMatch[];
  /** Anomaly scores of request and answer. */
  readonly requestScore: number;
  readonly responseScore: number;
  /** In detection mode the code that blocking would have refused with, else empty. */
  readonly wouldRefuse: ErrorCode | '';
}
