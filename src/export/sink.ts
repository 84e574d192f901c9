// What a receiver is to the exporter: something that takes a batch whole, in part, or says why not.
import type { ExportEvent } from './event.ts';

export interface SendResult {
  /** Position in the batch and reason: these will never be taken. */
  readonly rejected: ReadonlyMap<number, string>;
  /** Positions that are to be sent again. */
  readonly again: ReadonlySet<number>;
}

export const allTaken: SendResult = { rejected: new Map(), again: new Set() };

/**
 * `retry`: later, the same. `refused`: the receiver does not want this sender (credentials, rights); retried slowly,
 * nothing is given up. `permanent`: this batch as it is will never be taken; the exporter finds out which record it is.
 */
export class SendError extends Error {
  override readonly name = 'SendError';
  readonly kind: 'retry' | 'refused' | 'permanent';
  /** What the receiver asked for; 0 for nothing. */
  readonly retryAfterMs: number;

  constructor(kind: SendError['kind'], message: string, retryAfterMs = 0) {
    super(message);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface Sink {
  /** Settles when the receiver has acknowledged. Rejects with SendError; any other error counts as `retry`. */
  send(events: readonly ExportEvent[]): Promise<SendResult>;
  close(): Promise<void>;
}

/** Who we are, in every format. */
export interface Origin {
  readonly hostname: string;
  readonly version: string;
}
