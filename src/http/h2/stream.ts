// One stream of an HTTP/2 connection: its two ends, its windows, and what waits to be sent.
import type { FieldList } from '../fields/index.ts';

export class H2Stream {
  readonly id: number;
  /** The peer has sent all it will. */
  remoteDone = false;
  /** We have sent, or queued, all we will. */
  localDone = false;
  closed = false;
  /** Of a client's stream: the answer has no body whatever it announces (HEAD). */
  bodiless = false;
  headReceived = false;
  /** Bytes of body that the peer announced, -1 for none announced, and those that came. */
  announced = -1;
  received = 0;
  /** Bytes that the peer may still send before we grant more. */
  receiveWindow: number;
  /** Bytes given to the owner that were not used yet. */
  held = 0;
  /** Bytes that were used and not granted again yet. */
  consumed = 0;
  /** Bytes that we may send; below zero after the peer made the window smaller. */
  sendWindow: number;
  /** Latin1 pieces of body that no window was open for. */
  pending: string[] = [];
  pendingBytes = 0;
  /** Trailers to send after `pending`; null for none. */
  trailers: FieldList | null = null;
  /** Whatever the connection's owner ties to the stream. */
  owner: unknown = null;

  constructor(id: number, receiveWindow: number, sendWindow: number) {
    this.id = id;
    this.receiveWindow = receiveWindow;
    this.sendWindow = sendWindow;
  }
}
