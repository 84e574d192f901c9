// What all parts of a session share: open streams, accounts and windows, and the ways in which a stream or the whole
// connection ends. HOT
import { CalmAccount, Cost } from './calm.ts';
import type { H2Handler, H2Settings } from './contract.ts';
import type { FrameReader } from './frame-reader.ts';
import { DEFAULT_WINDOW_BYTES, encodeGoaway, encodeRstStream, encodeWindowUpdate, H2Code } from './frames.ts';
import { H2Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';
import { FrameWriter, type WriterOwner } from './writer.ts';

export class ConnectionState implements WriterOwner {
  readonly isServer: boolean;
  readonly handler: H2Handler;
  readonly settings: H2Settings;
  readonly table: StreamTable;
  readonly writer: FrameWriter;
  readonly calm = new CalmAccount();
  /** Set when the connection can not go on. */
  failed: { readonly code: number; readonly reason: string } | null = null;
  /** Either side takes no more streams. */
  goingAway = false;
  /** Streams that the peer lets us open. */
  peerMaxStreams = 100;
  /** Bytes of body that the peer may send on all streams together. */
  receiveWindow = DEFAULT_WINDOW_BYTES;
  readonly #reader: FrameReader;
  #consumed = 0;

  constructor(isServer: boolean, handler: H2Handler, settings: H2Settings, reader: FrameReader) {
    this.isServer = isServer;
    this.handler = handler;
    this.settings = settings;
    this.table = new StreamTable(isServer);
    this.writer = new FrameWriter(this);
    this.#reader = reader;
  }

  // Ends.

  /** The peer broke a rule of the connection: it is told which, and nothing more is read. */
  fail(code: number, reason: string): void {
    if (this.failed !== null) return;
    this.failed = { code, reason };
    this.#reader.stop();
    this.writer.add(encodeGoaway(this.table.lastPeerId, code));
  }

  /** The peer broke a rule of the stream. */
  resetByError(stream: H2Stream, code: number): void {
    this.table.rememberReset(stream.id);
    this.close(stream);
    this.addControl(encodeRstStream(stream.id, code));
    this.spend(Cost.reset);
    this.handler.onReset(stream, code, false);
  }

  /** Ends a stream before its time. */
  reset(stream: H2Stream, code: number): void {
    if (stream.closed) return;
    this.table.rememberReset(stream.id);
    this.close(stream);
    this.writer.add(encodeRstStream(stream.id, code));
  }

  /** Resets a stream that never came to be. */
  reject(id: number, code: number): void {
    this.table.rememberReset(id);
    this.addControl(encodeRstStream(id, code));
    this.spend(Cost.reset);
  }

  // Accounts.

  /** Answers the peer's frame, unless it leaves too many answers unread. */
  addControl(text: string): void {
    if (!this.writer.addControl(text)) this.fail(H2Code.enhanceYourCalm, 'unread control frames');
  }

  /** Takes the cost of a frame that brings nothing. */
  spend(cost: number): void {
    if (!this.calm.spend(cost)) this.fail(H2Code.enhanceYourCalm, 'too many frames without effect');
    else if (this.calm.isSpentOut) this.#reader.pause();
  }

  // Streams.

  open(id: number): H2Stream {
    const stream = new H2Stream(id, this.settings.streamWindowBytes, this.writer.peerWindow);
    this.table.open.set(id, stream);
    return stream;
  }

  closeIfDone(stream: H2Stream): void {
    if (!stream.remoteDone || !stream.localDone || stream.pendingBytes > 0 || stream.closed) return;
    this.calm.earn();
    this.close(stream);
  }

  close(stream: H2Stream): void {
    stream.closed = true;
    this.grantConnection(stream.held);
    stream.held = 0;
    this.writer.forget(stream);
    this.table.open.delete(stream.id);
  }

  onLocalEnd(stream: H2Stream): void {
    stream.localDone = true;
    if (stream.remoteDone || !this.isServer) this.closeIfDone(stream);
    else {
      // An answer that did not wait for the whole request: what is still coming is not wanted (RFC 9113 section 8.1).
      this.reset(stream, H2Code.noError);
    }
  }

  onDrained(stream: H2Stream): void {
    this.handler.onDrain(stream);
  }

  // Windows of what we receive.

  /** The owner has used so many bytes of the stream's body: the peer may send as many more. */
  consume(stream: H2Stream, bytes: number): void {
    if (stream.closed) return;
    stream.held -= bytes;
    this.grantConnection(bytes);
    if (stream.remoteDone) return;
    stream.consumed += bytes;
    if (stream.consumed >= this.settings.streamWindowBytes / 2) {
      stream.receiveWindow += stream.consumed;
      this.writer.add(encodeWindowUpdate(stream.id, stream.consumed));
      stream.consumed = 0;
    }
  }

  grantConnection(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed >= this.settings.connectionWindowBytes / 2) {
      this.receiveWindow += this.#consumed;
      this.writer.add(encodeWindowUpdate(0, this.#consumed));
      this.#consumed = 0;
    }
  }
}
