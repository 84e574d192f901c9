// What a session sends: frames collect as latin1 text until the owner takes them; body goes as far as the peer's
// windows allow and waits for the rest (RFC 9113 section 5.2). HOT
import { FieldList } from '../fields/index.ts';
import {
  DEFAULT_WINDOW_BYTES,
  encodeHeaders,
  Flag,
  FrameType,
  frameHeader,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
} from './frames.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import type { H2Stream } from './stream.ts';

/** Answers to pings and settings that a peer may leave unread before it loses the connection, bytes. */
const MAX_UNREAD_CONTROL_BYTES = 65_536;
/** Frames of flow control that each write of body pays for, and the most that can be saved up. */
const UPDATES_PER_WRITE = 8;
const MAX_FREE_UPDATES = 4096;
/** A stream with more than this waiting asks its owner to stop, bytes. */
const PENDING_HIGH_BYTES = 65_536;

const noTrailers = new FieldList();

export interface WriterOwner {
  /** Our half of the stream has ended. */
  onLocalEnd(stream: H2Stream): void;
  /** What waited on the stream has been sent. */
  onDrained(stream: H2Stream): void;
}

export class FrameWriter {
  readonly encoder = new HpackEncoder();
  /** Window that the peer gives new streams, bytes. */
  peerWindow = DEFAULT_WINDOW_BYTES;
  readonly #owner: WriterOwner;
  #out = '';
  #sendWindow = DEFAULT_WINDOW_BYTES;
  #control = 0;
  #freeUpdates = 0;
  readonly #blocked = new Set<H2Stream>();

  constructor(owner: WriterOwner) {
    this.#owner = owner;
  }

  /** Latin1 text to send, which is then the caller's. */
  takeOutput(): string {
    const out = this.#out;
    this.#out = '';
    return out;
  }

  get hasOutput(): boolean {
    return this.#out !== '';
  }

  /** The socket has taken everything: unread answers to control frames are forgotten. */
  onFlushed(): void {
    this.#control = 0;
  }

  add(text: string): void {
    this.#out += text;
  }

  /** Adds an answer to the peer's control frames; false when it leaves too many of them unread. */
  addControl(text: string): boolean {
    this.#out += text;
    this.#control += text.length;
    return this.#control <= MAX_UNREAD_CONTROL_BYTES;
  }

  // Windows.

  /** Window updates and pings that answer data we sent are free, so many for each frame; true when this one was. */
  payAnswer(): boolean {
    if (this.#freeUpdates === 0) return false;
    this.#freeUpdates--;
    return true;
  }

  /** Widens the connection's window; false when it grows past what the protocol allows. */
  widen(increment: number): boolean {
    if (this.#sendWindow + increment > MAX_WINDOW_BYTES) return false;
    this.#sendWindow += increment;
    return true;
  }

  /** Sends what windows have opened for, a piece of each stream in turn. */
  sendPending(): void {
    if (this.#blocked.size === 0) return;
    for (const stream of [...this.#blocked]) {
      if (this.#sendWindow <= 0) return;
      this.#sendPendingOf(stream);
    }
  }

  #sendPendingOf(stream: H2Stream): void {
    while (stream.pendingBytes > 0) {
      const room = Math.min(stream.sendWindow, this.#sendWindow);
      if (room <= 0) return;
      const text = stream.pending[0]!;
      const now = Math.min(room, text.length);
      this.#writeData(stream, now === text.length ? text : text.slice(0, now), false);
      stream.pendingBytes -= now;
      if (now === text.length) stream.pending.shift();
      else stream.pending[0] = text.slice(now);
    }
    this.#blocked.delete(stream);
    const { trailers } = stream;
    if (trailers !== null) {
      this.#writeEnd(stream, trailers);
      this.#owner.onLocalEnd(stream);
    }
    this.#owner.onDrained(stream);
  }

  /** Whether the owner should hold back what it has for the stream. */
  isFull(stream: H2Stream): boolean {
    return stream.pendingBytes > PENDING_HIGH_BYTES;
  }

  /** The stream is over. */
  forget(stream: H2Stream): void {
    stream.pending = [];
    stream.pendingBytes = 0;
    this.#blocked.delete(stream);
  }

  // Messages.

  headers(stream: H2Stream, block: string, endStream: boolean): void {
    this.#out += encodeHeaders(stream.id, block, endStream);
  }

  /** Sends body, one latin1 character a byte, as far as the windows allow; the rest waits. */
  send(stream: H2Stream, text: string): void {
    if (stream.closed || text === '') return;
    if (stream.pendingBytes > 0) {
      stream.pending.push(text);
      stream.pendingBytes += text.length;
      return;
    }
    const room = Math.min(stream.sendWindow, this.#sendWindow);
    const now = room >= text.length ? text.length : Math.max(0, room);
    if (now > 0) this.#writeData(stream, now === text.length ? text : text.slice(0, now), false);
    if (now < text.length) {
      stream.pending.push(text.slice(now));
      stream.pendingBytes = text.length - now;
      this.#blocked.add(stream);
    }
  }

  /** Sends body and ends the stream with it. */
  sendLast(stream: H2Stream, text: string): void {
    const { length } = text;
    if (
      !stream.closed &&
      stream.pendingBytes === 0 &&
      length <= MAX_FRAME_BYTES &&
      length <= stream.sendWindow &&
      length <= this.#sendWindow
    ) {
      this.#writeData(stream, text, true);
      this.#owner.onLocalEnd(stream);
      return;
    }
    this.send(stream, text);
    this.end(stream, noTrailers);
  }

  /** Ends our half of the stream. */
  end(stream: H2Stream, trailers: FieldList): void {
    if (stream.closed || stream.localDone) return;
    if (stream.pendingBytes > 0) {
      stream.trailers = trailers;
      return;
    }
    this.#writeEnd(stream, trailers);
    this.#owner.onLocalEnd(stream);
  }

  #writeEnd(stream: H2Stream, trailers: FieldList): void {
    if (trailers.length === 0) {
      this.#out += frameHeader(0, FrameType.data, Flag.endStream, stream.id);
    } else {
      const block = this.encoder.begin() + this.encoder.encodeFields(trailers);
      this.#out += encodeHeaders(stream.id, block, true);
    }
  }

  #writeData(stream: H2Stream, text: string, endStream: boolean): void {
    const { length } = text;
    stream.sendWindow -= length;
    this.#sendWindow -= length;
    this.#freeUpdates = Math.min(MAX_FREE_UPDATES, this.#freeUpdates + UPDATES_PER_WRITE);
    if (length <= MAX_FRAME_BYTES) {
      this.#out += frameHeader(length, FrameType.data, endStream ? Flag.endStream : 0, stream.id) + text;
      return;
    }
    for (let at = 0; at < length; at += MAX_FRAME_BYTES) {
      const piece = text.slice(at, at + MAX_FRAME_BYTES);
      const last = endStream && at + MAX_FRAME_BYTES >= length;
      this.#out += frameHeader(piece.length, FrameType.data, last ? Flag.endStream : 0, stream.id) + piece;
    }
  }
}
