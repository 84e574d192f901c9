// One end of an HTTP/2 connection (RFC 9113): bytes in, events out; what is to be sent collects as text until the
// owner takes it. Pure: no socket, no timer. Both roles share it: towards clients the gate is the server, towards
// HTTP/2 upstreams the client. HOT
import type { ErrorCode } from '../../core/index.ts';
import { FieldList } from '../fields/index.ts';
import type { RequestHead } from '../h1/index.ts';
import { CalmAccount, Cost } from './calm.ts';
import {
  CONNECTION_PREFACE,
  DEFAULT_WINDOW_BYTES,
  encodeGoaway,
  encodeHeaders,
  encodeRstStream,
  encodeSettings,
  encodeWindowUpdate,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  frameHeader,
  H2Code,
  MAX_FRAME_BYTES,
  MAX_STREAM_ID,
  MAX_WINDOW_BYTES,
  SETTINGS_ACK,
  Setting,
  uint32,
} from './frames.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { FieldCollector, type H2Limits } from './message.ts';
import { H2Stream } from './stream.ts';

/** Bytes of one field block over all its frames, and the frames it may be cut into (CVE-2024-27316 and its kin). */
const MAX_BLOCK_BYTES = 65_536;
const MAX_BLOCK_FRAMES = 16;
/** Answers to pings and settings that a peer may leave unread before it loses the connection, bytes. */
const MAX_UNREAD_CONTROL_BYTES = 65_536;
/** Streams that we have reset and whose late frames are let pass. */
const MAX_REMEMBERED_RESETS = 128;
/** Window updates that each write of body pays for, and the most that can be saved up. */
const UPDATES_PER_WRITE = 8;
const MAX_FREE_UPDATES = 4096;
/** A stream with more than this waiting asks its owner to stop, bytes. */
const PENDING_HIGH_BYTES = 65_536;

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
  readonly contentLength: number;
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

const Reading = { preface: 0, header: 1, payload: 2, data: 3, closed: 4 } as const;

const noTrailers = new FieldList();

export class H2Session {
  readonly streams = new Map<number, H2Stream>();
  /** Set when the connection can not go on; send what is left, then close. */
  failed: { readonly code: number; readonly reason: string } | null = null;
  readonly #isServer: boolean;
  readonly #settings: H2Settings;
  readonly #handler: H2Handler;
  readonly #decoder = new HpackDecoder();
  readonly #encoder = new HpackEncoder();
  readonly #collector: FieldCollector;
  readonly #calm = new CalmAccount();

  // Reading.
  #reading: number;
  /** Frame header, or preface, or payload that has come in part. */
  #partial = Buffer.allocUnsafe(256);
  #filled = 0;
  #length = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** What is left of a DATA frame; the padding's length is the first byte of a padded one. */
  #bodyLeft = 0;
  #paddingLeft = 0;
  #paddingUnknown = false;
  #dataStream: H2Stream | null = null;
  #settingsSeen = false;
  /** Field block under way: its stream, or 0. */
  #blockStream = 0;
  #block: Buffer[] = [];
  #blockBytes = 0;
  #blockFlags = 0;
  #lastPeerStream = 0;
  #goingAway = false;
  readonly #resets = new Set<number>();

  // Flow control and writing.
  #receiveWindow = DEFAULT_WINDOW_BYTES;
  #consumed = 0;
  #sendWindow = DEFAULT_WINDOW_BYTES;
  #peerWindow = DEFAULT_WINDOW_BYTES;
  #peerMaxStreams = 100;
  #nextStream = 1;
  #out: string;
  #control = 0;
  #freeUpdates = 0;
  readonly #blocked = new Set<H2Stream>();

  constructor(role: 'server' | 'client', handler: H2Handler, settings: H2Settings = defaultH2Settings) {
    this.#isServer = role === 'server';
    this.#handler = handler;
    this.#settings = settings;
    this.#collector = new FieldCollector(settings);
    this.#reading = this.#isServer ? Reading.preface : Reading.header;
    const pairs: [number, number][] = [
      [Setting.initialWindowSize, settings.streamWindowBytes],
      [Setting.maxHeaderListSize, settings.maxHeadBytes],
    ];
    if (this.#isServer) {
      pairs.push(
        [Setting.maxConcurrentStreams, settings.maxConcurrentStreams],
        [Setting.noRfc7540Priorities, 1],
      );
    } else pairs.push([Setting.enablePush, 0]);
    this.#out = (this.#isServer ? '' : CONNECTION_PREFACE) + encodeSettings(pairs);
    const more = settings.connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (more > 0) {
      this.#out += encodeWindowUpdate(0, more);
      this.#receiveWindow += more;
    }
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

  /** The owner's socket has taken everything: unread answers to control frames are forgotten. */
  onFlushed(): void {
    this.#control = 0;
  }

  /** New streams that we may open now. */
  get canOpen(): boolean {
    return (
      this.failed === null &&
      !this.#goingAway &&
      this.streams.size < this.#peerMaxStreams &&
      this.#nextStream < MAX_STREAM_ID
    );
  }

  get goingAway(): boolean {
    return this.#goingAway;
  }

  // Input.

  /** Decodes `bytes[start, end)`. After `failed` is set nothing more is read. */
  feed(bytes: Buffer, start: number, end: number, nowMs: number): void {
    this.#calm.tick(nowMs);
    let at = start;
    while (at < end && this.#reading !== Reading.closed) {
      switch (this.#reading) {
        case Reading.preface:
          at = this.#readPreface(bytes, at, end);
          break;
        case Reading.header:
          if (this.#filled === 0 && end - at >= FRAME_HEADER_BYTES) {
            this.#beginFrame(bytes, at);
            at += FRAME_HEADER_BYTES;
          } else {
            at = this.#fill(bytes, at, end, FRAME_HEADER_BYTES);
            if (this.#filled === FRAME_HEADER_BYTES) {
              this.#filled = 0;
              this.#beginFrame(this.#partial, 0);
            }
          }
          break;
        case Reading.payload:
          if (this.#filled === 0 && end - at >= this.#length) {
            const from = at;
            at += this.#length;
            this.#reading = Reading.header;
            this.#onFrame(bytes, from, at);
          } else {
            at = this.#fill(bytes, at, end, this.#length);
            if (this.#filled === this.#length) {
              this.#filled = 0;
              this.#reading = Reading.header;
              this.#onFrame(this.#partial, 0, this.#length);
            }
          }
          break;
        default:
          at = this.#readData(bytes, at, end);
      }
    }
  }

  /** Collects `size` bytes in `#partial`. */
  #fill(bytes: Buffer, at: number, end: number, size: number): number {
    if (this.#partial.length < size) {
      const larger = Buffer.allocUnsafe(MAX_FRAME_BYTES);
      this.#partial.copy(larger, 0, 0, this.#filled);
      this.#partial = larger;
    }
    const stop = Math.min(end, at + size - this.#filled);
    bytes.copy(this.#partial, this.#filled, at, stop);
    this.#filled += stop - at;
    return stop;
  }

  #readPreface(bytes: Buffer, at: number, end: number): number {
    const stop = this.#fill(bytes, at, end, CONNECTION_PREFACE.length);
    if (!CONNECTION_PREFACE.startsWith(this.#partial.toString('latin1', 0, this.#filled))) {
      this.#fail(H2Code.protocolError, 'no connection preface');
    } else if (this.#filled === CONNECTION_PREFACE.length) {
      this.#filled = 0;
      this.#reading = Reading.header;
    }
    return stop;
  }

  #beginFrame(bytes: Buffer, at: number): void {
    this.#length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    this.#type = bytes[at + 3]!;
    this.#flags = bytes[at + 4]!;
    this.#streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    if (this.#length > MAX_FRAME_BYTES) return this.#fail(H2Code.frameSizeError, 'frame too large');
    if (!this.#settingsSeen && (this.#type !== FrameType.settings || (this.#flags & Flag.ack) !== 0)) {
      return this.#fail(H2Code.protocolError, 'the first frame must be SETTINGS');
    }
    if (
      this.#blockStream !== 0 &&
      (this.#type !== FrameType.continuation || this.#streamId !== this.#blockStream)
    ) {
      return this.#fail(H2Code.protocolError, 'a field block was interrupted');
    }
    if (this.#type === FrameType.data) this.#beginData();
    else if (this.#length === 0) this.#onFrame(bytes, at, at);
    else this.#reading = Reading.payload;
  }

  // DATA is passed on as it comes, without waiting for the whole frame.

  #beginData(): void {
    const id = this.#streamId;
    if (id === 0) return this.#fail(H2Code.protocolError, 'DATA on stream 0');
    if (this.#length > this.#receiveWindow) return this.#fail(H2Code.flowControlError, 'connection window');
    this.#receiveWindow -= this.#length;
    const stream = this.streams.get(id) ?? null;
    this.#dataStream = stream;
    this.#paddingUnknown = (this.#flags & Flag.padded) !== 0;
    this.#paddingLeft = 0;
    this.#bodyLeft = this.#length;
    if (stream === null || stream.remoteDone || !stream.headReceived) {
      if (!this.#isClosed(id)) return this.#fail(H2Code.protocolError, 'DATA on an idle stream');
      if (!this.#resets.has(id)) {
        return this.#fail(H2Code.streamClosed, 'DATA on a closed stream');
      }
      this.#dataStream = null;
      this.#spend(Cost.idle);
    } else if (this.#length > stream.receiveWindow) {
      this.#resetByError(stream, H2Code.flowControlError);
      this.#dataStream = null;
    } else {
      stream.receiveWindow -= this.#length;
      if (this.#length === 0 && (this.#flags & Flag.endStream) === 0) this.#spend(Cost.idle);
    }
    if (this.#reading === Reading.closed) return;
    if (this.#length === 0) {
      if (this.#paddingUnknown) return this.#fail(H2Code.frameSizeError, 'no room for padding');
      this.#endData();
    } else this.#reading = Reading.data;
  }

  #readData(bytes: Buffer, start: number, end: number): number {
    let at = start;
    const stream = this.#dataStream;
    if (this.#paddingUnknown) {
      const padding = bytes[at++]!;
      this.#paddingUnknown = false;
      this.#paddingLeft = padding;
      this.#bodyLeft = this.#length - 1 - padding;
      if (this.#bodyLeft < 0) {
        this.#fail(H2Code.protocolError, 'padding too long');
        return at;
      }
      // Padding is given to nobody: it is granted again at once.
      this.#deliver(stream, padding + 1);
      if (stream !== null) this.consume(stream, padding + 1);
    }
    if (this.#bodyLeft > 0 && at < end) {
      const from = at;
      at = Math.min(end, at + this.#bodyLeft);
      this.#bodyLeft -= at - from;
      this.#deliver(stream, at - from);
      if (stream !== null && !stream.closed) {
        stream.received += at - from;
        if (stream.announced !== -1 && stream.received > stream.announced) {
          this.#resetByError(stream, H2Code.protocolError);
        } else this.#handler.onData(stream, bytes, from, at);
      }
    }
    if (this.#bodyLeft === 0 && this.#paddingLeft > 0) {
      const padding = Math.min(end - at, this.#paddingLeft);
      this.#paddingLeft -= padding;
      at += padding;
    }
    if (this.#bodyLeft === 0 && this.#paddingLeft === 0) this.#endData();
    return at;
  }

  /** Bytes of the connection's window are held by the stream until it uses them; those of a dead stream by nobody. */
  #deliver(stream: H2Stream | null, bytes: number): void {
    if (stream === null || stream.closed) this.#grantConnection(bytes);
    else stream.held += bytes;
  }

  #endData(): void {
    if (this.#reading !== Reading.closed) this.#reading = Reading.header;
    const stream = this.#dataStream;
    this.#dataStream = null;
    if (stream === null || stream.closed) return;
    if ((this.#flags & Flag.endStream) !== 0) this.#onRemoteEnd(stream, noTrailers);
  }

  // Frames that are read whole.

  #onFrame(bytes: Buffer, start: number, end: number): void {
    switch (this.#type) {
      case FrameType.headers:
        return this.#onHeaders(bytes, start, end);
      case FrameType.continuation:
        return this.#onContinuation(bytes, start, end);
      case FrameType.settings:
        return this.#onSettings(bytes, start, end);
      case FrameType.windowUpdate:
        return this.#onWindowUpdate(bytes, start, end);
      case FrameType.rstStream:
        return this.#onRstStream(bytes, start, end);
      case FrameType.ping:
        return this.#onPing(bytes, start, end);
      case FrameType.goaway:
        return this.#onGoaway(bytes, start, end);
      case FrameType.priority:
        if (this.#streamId === 0) return this.#fail(H2Code.protocolError, 'PRIORITY on stream 0');
        if (end - start !== 5) return this.#fail(H2Code.frameSizeError, 'PRIORITY');
        return this.#spend(Cost.idle);
      case FrameType.pushPromise:
        return this.#fail(H2Code.protocolError, 'PUSH_PROMISE');
      default:
        return this.#spend(Cost.idle);
    }
  }

  #onHeaders(bytes: Buffer, start: number, end: number): void {
    const id = this.#streamId;
    if (id === 0) return this.#fail(H2Code.protocolError, 'HEADERS on stream 0');
    let from = start;
    let to = end;
    if ((this.#flags & Flag.padded) !== 0) {
      if (from >= to) return this.#fail(H2Code.frameSizeError, 'no room for padding');
      to -= bytes[from++]!;
    }
    if ((this.#flags & Flag.priority) !== 0) from += 5;
    if (from > to) return this.#fail(H2Code.protocolError, 'padding too long');
    this.#blockFlags = this.#flags;
    if ((this.#flags & Flag.endHeaders) !== 0) return this.#onBlock(id, bytes, from, to);
    this.#blockStream = id;
    this.#block = [Buffer.from(bytes.subarray(from, to))];
    this.#blockBytes = to - from;
  }

  #onContinuation(bytes: Buffer, start: number, end: number): void {
    if (this.#blockStream === 0) return this.#fail(H2Code.protocolError, 'CONTINUATION without HEADERS');
    this.#block.push(Buffer.from(bytes.subarray(start, end)));
    this.#blockBytes += end - start;
    if (this.#blockBytes > MAX_BLOCK_BYTES || this.#block.length > MAX_BLOCK_FRAMES) {
      return this.#fail(H2Code.enhanceYourCalm, 'field block too large');
    }
    if ((this.#flags & Flag.endHeaders) === 0) return;
    const block = Buffer.concat(this.#block);
    const id = this.#blockStream;
    this.#blockStream = 0;
    this.#block = [];
    this.#onBlock(id, block, 0, block.length);
  }

  #onBlock(id: number, bytes: Buffer, start: number, end: number): void {
    const endStream = (this.#blockFlags & Flag.endStream) !== 0;
    const known = this.streams.get(id);
    const collector = this.#collector;
    const isTrailer = known?.headReceived === true;
    collector.begin(isTrailer, !this.#isServer && !isTrailer);
    if (!this.#decoder.run(bytes, start, end, collector)) {
      return this.#fail(H2Code.compressionError, 'field block');
    }
    if (isTrailer) return this.#onTrailers(known, endStream);
    if (this.#isServer) return this.#onRequest(id, endStream);
    if (known === undefined) {
      if (!this.#isClosed(id)) return this.#fail(H2Code.protocolError, 'HEADERS on an idle stream');
      return this.#spend(Cost.idle);
    }
    return this.#onResponse(known, endStream);
  }

  #onTrailers(stream: H2Stream, endStream: boolean): void {
    if (stream.remoteDone) {
      return this.#fail(H2Code.streamClosed, 'HEADERS after the end');
    }
    const { malformed, problem, head } = this.#collector;
    if (!endStream || malformed || problem !== null) {
      return this.#resetByError(stream, H2Code.protocolError);
    }
    this.#onRemoteEnd(stream, head.fields);
  }

  #onRequest(id: number, endStream: boolean): void {
    if (id % 2 === 0) return this.#fail(H2Code.protocolError, 'even stream id');
    if (id <= this.#lastPeerStream) {
      if (this.#resets.has(id)) return this.#spend(Cost.idle);
      return this.#fail(H2Code.streamClosed, 'HEADERS on a closed stream');
    }
    this.#lastPeerStream = id;
    if (this.#goingAway) return this.#reject(id, H2Code.refusedStream);
    if (this.streams.size >= this.#settings.maxConcurrentStreams) {
      return this.#reject(id, H2Code.refusedStream);
    }
    const collector = this.#collector;
    collector.finishRequest(endStream);
    if (collector.malformed) return this.#reject(id, H2Code.protocolError);
    const stream = this.#open(id);
    stream.headReceived = true;
    stream.announced = endStream ? 0 : collector.contentLength;
    if (endStream) stream.remoteDone = true;
    this.#handler.onRequest(stream, collector.head, collector.scheme, collector.problem);
    if (endStream && !stream.closed) this.#handler.onEnd(stream, noTrailers);
  }

  /** Resets a stream that never came to be. */
  #reject(id: number, code: number): void {
    this.#remember(id);
    this.#out += encodeRstStream(id, code);
    this.#control += 13;
    this.#spend(Cost.reset);
  }

  #onResponse(stream: H2Stream, endStream: boolean): void {
    const { head, malformed, problem, status: text, contentLength } = this.#collector;
    const status = Number(text);
    if (malformed || problem !== null || !/^[1-5][0-9]{2}$/.test(text) || (status < 200 && endStream)) {
      return this.#resetByError(stream, H2Code.protocolError);
    }
    if (status >= 200) {
      stream.headReceived = true;
      stream.announced = contentLength;
      if (endStream) stream.remoteDone = true;
    }
    this.#handler.onResponse(stream, { status, fields: head.fields, contentLength });
    if (endStream && !stream.closed) {
      this.#handler.onEnd(stream, noTrailers);
      this.#closeIfDone(stream);
    }
  }

  #onRemoteEnd(stream: H2Stream, trailers: FieldList): void {
    if (stream.announced !== -1 && stream.received !== stream.announced) {
      return this.#resetByError(stream, H2Code.protocolError);
    }
    stream.remoteDone = true;
    this.#handler.onEnd(stream, trailers);
    this.#closeIfDone(stream);
  }

  #onSettings(bytes: Buffer, start: number, end: number): void {
    if (this.#streamId !== 0) return this.#fail(H2Code.protocolError, 'SETTINGS on a stream');
    const size = end - start;
    if ((this.#flags & Flag.ack) !== 0) {
      if (size !== 0) return this.#fail(H2Code.frameSizeError, 'SETTINGS');
      return;
    }
    if (size % 6 !== 0) return this.#fail(H2Code.frameSizeError, 'SETTINGS');
    if (this.#settingsSeen) this.#spend(Cost.idle);
    this.#settingsSeen = true;
    for (let at = start; at < end; at += 6) {
      const problem = this.#takeSetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
      if (problem !== 0) return this.#fail(problem, 'SETTINGS');
    }
    this.#addControl(SETTINGS_ACK);
    this.#sendPending();
  }

  /** Takes one setting; 0, or the error it makes. */
  #takeSetting(id: number, value: number): number {
    switch (id) {
      case Setting.headerTableSize:
        this.#encoder.setMaxSize(value);
        return 0;
      case Setting.enablePush:
        return value > 1 || (!this.#isServer && value === 1) ? H2Code.protocolError : 0;
      case Setting.maxConcurrentStreams:
        this.#peerMaxStreams = value;
        return 0;
      case Setting.initialWindowSize: {
        if (value > MAX_WINDOW_BYTES) return H2Code.flowControlError;
        const change = value - this.#peerWindow;
        this.#peerWindow = value;
        for (const stream of this.streams.values()) {
          stream.sendWindow += change;
          if (stream.sendWindow > MAX_WINDOW_BYTES) return H2Code.flowControlError;
        }
        return 0;
      }
      case Setting.maxFrameSize:
        return value < MAX_FRAME_BYTES || value > 16_777_215 ? H2Code.protocolError : 0;
      default:
        return 0;
    }
  }

  #onWindowUpdate(bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) return this.#fail(H2Code.frameSizeError, 'WINDOW_UPDATE');
    const increment = bytes.readUInt32BE(start) & 0x7fffffff;
    const id = this.#streamId;
    if (id === 0) {
      if (increment === 0) return this.#fail(H2Code.protocolError, 'WINDOW_UPDATE of 0');
      if (this.#sendWindow + increment > MAX_WINDOW_BYTES) {
        return this.#fail(H2Code.flowControlError, 'connection window');
      }
      this.#payUpdate();
      this.#sendWindow += increment;
      return this.#sendPending();
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (!this.#isClosed(id)) return this.#fail(H2Code.protocolError, 'WINDOW_UPDATE on an idle stream');
      return this.#spend(Cost.idle);
    }
    if (increment === 0) return this.#resetByError(stream, H2Code.protocolError);
    if (stream.sendWindow + increment > MAX_WINDOW_BYTES) {
      return this.#resetByError(stream, H2Code.flowControlError);
    }
    this.#payUpdate();
    stream.sendWindow += increment;
    this.#sendPending();
  }

  /** Updates that answer data we sent are free, so many for each frame. */
  #payUpdate(): void {
    if (this.#freeUpdates > 0) this.#freeUpdates--;
    else this.#spend(Cost.idle);
  }

  #onRstStream(bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) return this.#fail(H2Code.frameSizeError, 'RST_STREAM');
    const id = this.#streamId;
    if (id === 0 || !this.#isClosed(id)) return this.#fail(H2Code.protocolError, 'RST_STREAM');
    const stream = this.streams.get(id);
    if (stream === undefined) return this.#spend(Cost.idle);
    this.#spend(Cost.reset);
    this.#close(stream);
    this.#handler.onReset(stream, bytes.readUInt32BE(start), true);
  }

  #onPing(bytes: Buffer, start: number, end: number): void {
    if (this.#streamId !== 0) return this.#fail(H2Code.protocolError, 'PING on a stream');
    if (end - start !== 8) return this.#fail(H2Code.frameSizeError, 'PING');
    if ((this.#flags & Flag.ack) !== 0) return;
    this.#spend(Cost.idle);
    this.#addControl(frameHeader(8, FrameType.ping, Flag.ack, 0) + bytes.toString('latin1', start, end));
  }

  #onGoaway(bytes: Buffer, start: number, end: number): void {
    if (this.#streamId !== 0) return this.#fail(H2Code.protocolError, 'GOAWAY on a stream');
    if (end - start < 8) return this.#fail(H2Code.frameSizeError, 'GOAWAY');
    this.#goingAway = true;
    const last = bytes.readUInt32BE(start) & 0x7fffffff;
    this.#handler.onGoaway(last, bytes.readUInt32BE(start + 4));
  }

  // Streams.

  #open(id: number): H2Stream {
    const stream = new H2Stream(id, this.#settings.streamWindowBytes, this.#peerWindow);
    this.streams.set(id, stream);
    return stream;
  }

  /** Whether a stream with this id has existed. */
  #isClosed(id: number): boolean {
    const isPeers = (id % 2 === 1) === this.#isServer;
    return isPeers ? id <= this.#lastPeerStream : id < this.#nextStream;
  }

  #remember(id: number): void {
    this.#resets.add(id);
    if (this.#resets.size > MAX_REMEMBERED_RESETS) {
      for (const oldest of this.#resets) {
        this.#resets.delete(oldest);
        break;
      }
    }
  }

  #closeIfDone(stream: H2Stream): void {
    if (!stream.remoteDone || !stream.localDone || stream.pendingBytes > 0 || stream.closed) return;
    this.#calm.earn();
    this.#close(stream);
  }

  #close(stream: H2Stream): void {
    stream.closed = true;
    this.#grantConnection(stream.held);
    stream.held = 0;
    stream.pending = [];
    stream.pendingBytes = 0;
    this.#blocked.delete(stream);
    this.streams.delete(stream.id);
  }

  /** The peer broke a rule of the stream. */
  #resetByError(stream: H2Stream, code: number): void {
    this.#remember(stream.id);
    this.#close(stream);
    this.#addControl(encodeRstStream(stream.id, code));
    this.#spend(Cost.reset);
    this.#handler.onReset(stream, code, false);
  }

  /** Ends a stream before its time. */
  reset(stream: H2Stream, code: number): void {
    if (stream.closed) return;
    this.#remember(stream.id);
    this.#close(stream);
    this.#out += encodeRstStream(stream.id, code);
  }

  // Output.

  /** Opens a stream with a request. `canOpen` must be true. */
  request(
    pseudo: {
      readonly method: string;
      readonly scheme: string;
      readonly authority: string;
      readonly path: string;
    },
    fields: FieldList,
    endStream: boolean,
  ): H2Stream {
    const stream = this.#open(this.#nextStream);
    this.#nextStream += 2;
    const encoder = this.#encoder;
    const block =
      encoder.begin() +
      encoder.encodeField(':method', pseudo.method) +
      encoder.encodeField(':scheme', pseudo.scheme) +
      encoder.encodeField(':authority', pseudo.authority) +
      encoder.encodeField(':path', pseudo.path) +
      encoder.encodeFields(fields);
    this.#out += encodeHeaders(stream.id, block, endStream);
    stream.localDone = endStream;
    return stream;
  }

  /** Starts an answer; for a status below 200 an interim one. `extra`: more fields, name, value, name, value. */
  respond(
    stream: H2Stream,
    status: number,
    fields: FieldList,
    extra: readonly string[],
    endStream: boolean,
  ): void {
    if (stream.closed) return;
    const encoder = this.#encoder;
    let block = encoder.begin() + encoder.encodeStatus(status) + encoder.encodeFields(fields);
    for (let i = 0; i < extra.length; i += 2) block += encoder.encodeField(extra[i]!, extra[i + 1]!);
    this.#out += encodeHeaders(stream.id, block, endStream);
    if (endStream) this.#onLocalEnd(stream);
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
      this.#onLocalEnd(stream);
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
    this.#onLocalEnd(stream);
  }

  #writeEnd(stream: H2Stream, trailers: FieldList): void {
    if (trailers.length === 0) {
      this.#out += frameHeader(0, FrameType.data, Flag.endStream, stream.id);
    } else {
      this.#out += encodeHeaders(
        stream.id,
        this.#encoder.begin() + this.#encoder.encodeFields(trailers),
        true,
      );
    }
  }

  #onLocalEnd(stream: H2Stream): void {
    stream.localDone = true;
    if (stream.remoteDone || !this.#isServer) this.#closeIfDone(stream);
    else {
      // An answer that did not wait for the whole request: what is still coming is not wanted (RFC 9113 section 8.1).
      this.reset(stream, H2Code.noError);
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

  /** Whether the owner should hold back what it has for the stream. */
  isFull(stream: H2Stream): boolean {
    return stream.pendingBytes > PENDING_HIGH_BYTES;
  }

  /** Sends what windows have opened for, a piece of each stream in turn. */
  #sendPending(): void {
    if (this.#blocked.size === 0 || this.failed !== null) return;
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
      this.#onLocalEnd(stream);
    }
    this.#handler.onDrain(stream);
  }

  /** The owner has used so many bytes of the stream's body: the peer may send as many more. */
  consume(stream: H2Stream, bytes: number): void {
    if (stream.closed) return;
    stream.held -= bytes;
    this.#grantConnection(bytes);
    if (stream.remoteDone) return;
    stream.consumed += bytes;
    if (stream.consumed >= this.#settings.streamWindowBytes / 2) {
      stream.receiveWindow += stream.consumed;
      this.#out += encodeWindowUpdate(stream.id, stream.consumed);
      stream.consumed = 0;
    }
  }

  #grantConnection(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed >= this.#settings.connectionWindowBytes / 2) {
      this.#receiveWindow += this.#consumed;
      this.#out += encodeWindowUpdate(0, this.#consumed);
      this.#consumed = 0;
    }
  }

  // The connection as a whole.

  /** Tells the peer that no new streams are taken; those that are open go on. */
  goAway(): void {
    if (this.#goingAway || this.failed !== null) return;
    this.#goingAway = true;
    this.#out += encodeGoaway(this.#lastPeerStream, H2Code.noError);
  }

  /** A sign of life; the answer is not reported. */
  ping(): void {
    this.#out += frameHeader(8, FrameType.ping, 0, 0) + uint32(0) + uint32(0);
  }

  #addControl(text: string): void {
    this.#out += text;
    this.#control += text.length;
    if (this.#control > MAX_UNREAD_CONTROL_BYTES) this.#fail(H2Code.enhanceYourCalm, 'unread control frames');
  }

  #spend(cost: number): void {
    if (!this.#calm.spend(cost)) this.#fail(H2Code.enhanceYourCalm, 'too many frames without effect');
  }

  #fail(code: number, reason: string): void {
    if (this.failed !== null) return;
    this.failed = { code, reason };
    this.#reading = Reading.closed;
    this.#out += encodeGoaway(this.#lastPeerStream, code);
  }
}
