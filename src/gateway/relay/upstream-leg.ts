// What an exchange needs of a connection to an upstream, whatever the protocol there: one leg carries one request and
// its answer. HTTP/1 gives a whole connection for it, HTTP/2 one stream of many.
import type { Exchange } from '../../exchange/index.ts';
import type { FieldList } from '../../http/fields/index.ts';
import type { BodySink, RequestHead, ResponseHead } from '../../http/h1/index.ts';
import type { Endpoint } from '../upstream/index.ts';
import type { RouteEntry } from './route.ts';

export type UpstreamFailure =
  /** No connection was made; nothing was sent. */
  | 'connect'
  /** The upstream says that it has not processed the request (HTTP/2: REFUSED_STREAM, GOAWAY). */
  | 'refused'
  /** Ended before the first byte of an answer. */
  | 'closed'
  /** Ended within an answer. */
  | 'cut'
  /** The answer is not valid HTTP. */
  | 'invalid';

/** Who waits for the answer. `nowMs`: monotonic time of the read, ms. */
export interface UpstreamUser extends BodySink {
  /** The leg that `ConnectionPool.take` could not give at once. */
  onUpstreamLeg(leg: UpstreamLeg): void;
  onUpstreamConnect(): void;
  /** `head` is valid during the call. Called for interim answers (1xx) too. */
  onUpstreamHead(head: ResponseHead, nowMs: number): void;
  /** One read has been handed on; time to write out. */
  onUpstreamRead(nowMs: number): void;
  /** `trailers` are valid during the call. */
  onUpstreamEnd(trailers: FieldList, nowMs: number): void;
  onUpstreamFailure(kind: UpstreamFailure): void;
  onUpstreamDrain(): void;
  /** Bytes of the protocol that a 101 answer switched to. */
  onUpstreamTunnel(bytes: Buffer, start: number, end: number): void;
}

/** What is sent. */
export interface UpstreamRequest {
  readonly exchange: Exchange;
  /** The client's head. */
  readonly head: RequestHead;
  readonly route: RouteEntry;
  /** The whole body when it is known (empty for none); null when it comes through `sendBody` and `endBody`. */
  readonly body: Buffer | null;
  /** Protocol that the client asks to switch to, or empty. */
  readonly upgrade: string;
}

export interface UpstreamLeg {
  readonly endpoint: Endpoint;
  readonly connected: boolean;
  /** The connection has served before: that it ends without an answer may be for idleness. */
  readonly reused: boolean;
  /** The upstream may refuse the request without having processed it (`refused`). */
  readonly mayRefuse: boolean;
  /** Sends the request, or what is known of it; call once. */
  start(user: UpstreamUser, request: UpstreamRequest): void;
  sendBody(bytes: Uint8Array, start: number, end: number): void;
  endBody(trailers: FieldList): void;
  /** Writes what was collected; tells whether more may come now. If not, `onUpstreamDrain` tells when. */
  flush(): boolean;
  /** Stops and goes on reading the answer. */
  pause(): void;
  resume(): void;
  /** The answer was read to its end. `requestComplete`: the request was sent whole. */
  release(requestComplete: boolean, nowMs: number): void;
  /** Gives the exchange up; nothing more is reported. */
  destroy(): void;
  /** From now on bytes pass unread, both ways. Only after a 101 answer. */
  openTunnel(): void;
  sendTunnel(bytes: Buffer): boolean;
  /** Ends the tunnel with `last`, or at once without it; nothing more is reported. */
  endTunnel(last: Buffer | null): void;
}
