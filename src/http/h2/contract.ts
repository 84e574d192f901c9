// The words between an HTTP/2 session and its owner.
import type { ErrorCode } from '../../core/index.ts';
import type { FieldList } from '../fields/index.ts';
import type { RequestHead } from '../h1/index.ts';
import type { H2Limits } from './message.ts';
import type { H2Stream } from './stream.ts';

export interface H2Settings extends H2Limits {
  readonly maxConcurrentStreams: number;
  /** Bytes of body that a stream, and all together, may send ahead of what was used. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
}

export const defaultH2Settings: H2Settings = {
  maxHeadBytes: 32_768,
  maxFields: 100,
  maxTargetBytes: 8192,
  maxConcurrentStreams: 128,
  streamWindowBytes: 262_144,
  connectionWindowBytes: 1_048_576,
};

export interface ResponseStart {
  readonly status: number;
  readonly fields: FieldList;
  /** As announced, -1 for not at all. */
  readonly contentLength: number;
  /** Whether a body may follow. */
  readonly hasBody: boolean;
}

/** What happens on a connection. Handlers may call the session back. */
export interface H2Handler {
  /** A request began. `problem`: it is well formed but must be answered with this error. */
  onRequest(stream: H2Stream, head: RequestHead, scheme: string, problem: ErrorCode | null): void;
  /** A response began, or an interim one (1xx) came. */
  onResponse(stream: H2Stream, response: ResponseStart): void;
  onData(stream: H2Stream, bytes: Uint8Array, start: number, end: number): void;
  /** The peer has sent all of the message. */
  onEnd(stream: H2Stream, trailers: FieldList): void;
  /** The stream is over before its time: reset by the peer (`byPeer`), or by us because of what the peer sent. */
  onReset(stream: H2Stream, code: number, byPeer: boolean): void;
  /** What waited on the stream has been sent. */
  onDrain(stream: H2Stream): void;
  /** The peer takes no new streams; those above `lastStreamId` were not processed. */
  onGoaway(lastStreamId: number, code: number): void;
}
