// One end of an HTTP/2 connection (RFC 9113): bytes in, events out; what is to be sent collects as text until the
// owner takes it. Pure: no socket, no timer. Both roles share it: towards clients the gate is the server, towards
// HTTP/2 upstreams the client. Reading frames, field blocks and writing stand in files of their own. HOT
import { FieldList } from '../fields/index.ts';
import { Cost } from './calm.ts';
import { ConnectionState } from './connection-state.ts';
import { defaultH2Settings, type H2Handler, type H2Settings } from './contract.ts';
import { ControlFrames } from './control-frames.ts';
import { FieldBlock } from './field-block.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import {
  CONNECTION_PREFACE,
  DEFAULT_WINDOW_BYTES,
  encodeGoaway,
  encodeSettings,
  encodeWindowUpdate,
  Flag,
  FrameType,
  frameHeader,
  H2Code,
  Setting,
  uint32,
} from './frames.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { FieldCollector } from './message.ts';
import type { H2Stream } from './stream.ts';

const noTrailers = new FieldList();

export class H2Session implements FrameSink {
  /** Frames other than DATA that came whole, CONTINUATION not counted. */
  frames = 0;
  readonly #state: ConnectionState;
  readonly #reader: FrameReader;
  readonly #control: ControlFrames;
  readonly #decoder = new HpackDecoder();
  readonly #collector: FieldCollector;
  readonly #block = new FieldBlock();
  #dataStream: H2Stream | null = null;

  constructor(role: 'server' | 'client', handler: H2Handler, settings: H2Settings = defaultH2Settings) {
    const isServer = role === 'server';
    this.#collector = new FieldCollector(settings);
    this.#reader = new FrameReader(this, isServer);
    this.#state = new ConnectionState(isServer, handler, settings, this.#reader);
    this.#control = new ControlFrames(this.#state);
    const pairs: [number, number][] = [
      [Setting.initialWindowSize, settings.streamWindowBytes],
      [Setting.maxHeaderListSize, settings.maxHeadBytes],
    ];
    if (isServer) {
      pairs.push(
        [Setting.maxConcurrentStreams, settings.maxConcurrentStreams],
        [Setting.noRfc7540Priorities, 1],
      );
    } else pairs.push([Setting.enablePush, 0]);
    const { writer } = this.#state;
    writer.add((isServer ? '' : CONNECTION_PREFACE) + encodeSettings(pairs));
    const more = settings.connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (more > 0) {
      writer.add(encodeWindowUpdate(0, more));
      this.#state.receiveWindow += more;
    }
  }

  /** Set when the connection can not go on; send what is left, then close. */
  get failed(): { readonly code: number; readonly reason: string } | null {
    return this.#state.failed;
  }

  /** Streams that are open, by id. */
  get streams(): ReadonlyMap<number, H2Stream> {
    return this.#state.table.open;
  }

  /** Latin1 text to send, which is then the caller's. */
  takeOutput(): string {
    return this.#state.writer.takeOutput();
  }

  get hasOutput(): boolean {
    return this.#state.writer.hasOutput;
  }

  /** The owner's socket has taken everything. */
  onFlushed(): void {
    this.#state.writer.onFlushed();
  }

  /** Whether a stream may be opened now. */
  get canOpen(): boolean {
    return (
      this.failed === null &&
      !this.#state.goingAway &&
      this.#state.table.open.size < this.#state.peerMaxStreams &&
      this.#state.table.hasIds
    );
  }

  /** Whether the peer has sent its settings. */
  get isReady(): boolean {
    return this.#control.settingsSeen;
  }

  get goingAway(): boolean {
    return this.#state.goingAway;
  }

  // Input.

  /**
   * Decodes `bytes[start, end)` and answers how far it has come. Less than `end`: the peer makes trouble, and the rest is to be
   * fed in a later turn, so that others are served meanwhile. After `failed` is set nothing more is read.
   */
  feed(bytes: Buffer, start: number, end: number, nowMs: number): number {
    this.#state.calm.tick(nowMs);
    return this.#reader.feed(bytes, start, end);
  }

  /** A frame other than DATA, or a field block, has come in part. */
  get isPartial(): boolean {
    return this.#reader.isPartial || this.#block.streamId !== 0;
  }

  /** The peer took too long over something. */
  abort(reason: string): void {
    this.#state.fail(H2Code.enhanceYourCalm, reason);
  }

  onBroken(code: number, reason: string): void {
    this.#state.fail(code, reason);
  }

  onFrameStart(type: number, flags: number, streamId: number): boolean {
    if (!this.#control.settingsSeen && (type !== FrameType.settings || (flags & Flag.ack) !== 0)) {
      this.#state.fail(H2Code.protocolError, 'the first frame must be SETTINGS');
      return false;
    }
    const expected = this.#block.streamId;
    if (expected !== 0 && (type !== FrameType.continuation || streamId !== expected)) {
      this.#state.fail(H2Code.protocolError, 'a field block was interrupted');
      return false;
    }
    return true;
  }

  onDataStart(id: number, length: number, flags: number): void {
    if (id === 0) return this.#state.fail(H2Code.protocolError, 'DATA on stream 0');
    if (length > this.#state.receiveWindow)
      return this.#state.fail(H2Code.flowControlError, 'connection window');
    this.#state.receiveWindow -= length;
    const stream = this.#state.table.open.get(id) ?? null;
    this.#dataStream = stream;
    if (stream === null || stream.remoteDone || !stream.headReceived) {
      this.#dataStream = null;
      if (!this.#state.table.isKnown(id))
        return this.#state.fail(H2Code.protocolError, 'DATA on an idle stream');
      if (!this.#state.table.wasReset(id))
        return this.#state.fail(H2Code.streamClosed, 'DATA on a closed stream');
      this.#state.spend(Cost.idle);
    } else if (length > stream.receiveWindow) {
      this.#state.resetByError(stream, H2Code.flowControlError);
      this.#dataStream = null;
    } else {
      stream.receiveWindow -= length;
      if (length === 0 && (flags & Flag.endStream) === 0) this.#state.spend(Cost.idle);
    }
  }

  onDataPadding(bytes: number, isAll: boolean): void {
    const stream = this.#dataStream;
    if (isAll) this.#state.spend(Cost.idle);
    // Padding is given to nobody: it is granted again at once.
    this.#deliver(stream, bytes);
    if (stream !== null) this.consume(stream, bytes);
  }

  onDataBytes(bytes: Buffer, start: number, end: number): void {
    const stream = this.#dataStream;
    this.#deliver(stream, end - start);
    if (stream === null || stream.closed) return;
    stream.received += end - start;
    if (stream.announced !== -1 && stream.received > stream.announced) {
      this.#state.resetByError(stream, H2Code.protocolError);
    } else this.#state.handler.onData(stream, bytes, start, end);
  }

  /** Bytes of the connection's window are held by the stream until it uses them; those of a dead stream by nobody. */
  #deliver(stream: H2Stream | null, bytes: number): void {
    if (stream === null || stream.closed) this.#state.grantConnection(bytes);
    else stream.held += bytes;
  }

  onDataEnd(endStream: boolean): void {
    const stream = this.#dataStream;
    this.#dataStream = null;
    if (stream === null || stream.closed) return;
    if (endStream) this.#onRemoteEnd(stream, noTrailers);
  }

  // Frames that are read whole.

  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (type !== FrameType.continuation) this.frames++;
    if (type === FrameType.headers) this.#onHeaders(flags, id, bytes, start, end);
    else if (type === FrameType.continuation) this.#onContinuation(flags, bytes, start, end);
    else this.#control.onFrame(type, flags, id, bytes, start, end);
  }

  #onHeaders(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) return this.#state.fail(H2Code.protocolError, 'HEADERS on stream 0');
    const block = this.#block;
    if (!block.take(flags, bytes, start, end))
      return this.#state.fail(H2Code.protocolError, 'padding too long');
    if ((flags & Flag.endHeaders) !== 0) this.#onBlock(id, bytes, block.from, block.to);
    else block.begin(id, bytes);
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    const id = block.streamId;
    if (id === 0) return this.#state.fail(H2Code.protocolError, 'CONTINUATION without HEADERS');
    if (!block.add(bytes, start, end))
      return this.#state.fail(H2Code.enhanceYourCalm, 'field block too large');
    if ((flags & Flag.endHeaders) === 0) return;
    const whole = block.finish();
    this.#onBlock(id, whole, 0, whole.length);
  }

  #onBlock(id: number, bytes: Buffer, start: number, end: number): void {
    const endStream = (this.#block.flags & Flag.endStream) !== 0;
    const known = this.#state.table.open.get(id);
    const collector = this.#collector;
    const isTrailer = known?.headReceived === true;
    collector.begin(isTrailer, !this.#state.isServer);
    if (!this.#decoder.run(bytes, start, end, collector)) {
      return this.#state.fail(H2Code.compressionError, 'field block');
    }
    if (isTrailer) return this.#onTrailers(known, endStream);
    if (this.#state.isServer) return this.#onRequest(id, endStream);
    if (known === undefined) {
      if (!this.#state.table.isKnown(id))
        return this.#state.fail(H2Code.protocolError, 'HEADERS on an idle stream');
      return this.#state.spend(Cost.idle);
    }
    return this.#onResponse(known, endStream);
  }

  #onTrailers(stream: H2Stream, endStream: boolean): void {
    if (stream.remoteDone) {
      return this.#state.fail(H2Code.streamClosed, 'HEADERS after the end');
    }
    const { malformed, problem, head } = this.#collector;
    if (!endStream || malformed || problem !== null) {
      return this.#state.resetByError(stream, H2Code.protocolError);
    }
    this.#onRemoteEnd(stream, head.fields);
  }

  #onRequest(id: number, endStream: boolean): void {
    if (id % 2 === 0) return this.#state.fail(H2Code.protocolError, 'even stream id');
    if (id <= this.#state.table.lastPeerId) {
      if (this.#state.table.wasReset(id)) return this.#state.spend(Cost.idle);
      return this.#state.fail(H2Code.streamClosed, 'HEADERS on a closed stream');
    }
    this.#state.table.lastPeerId = id;
    if (this.#state.goingAway) return this.#state.reject(id, H2Code.refusedStream);
    if (this.#state.table.open.size >= this.#state.settings.maxConcurrentStreams) {
      return this.#state.reject(id, H2Code.refusedStream);
    }
    const collector = this.#collector;
    collector.finishRequest(endStream);
    if (collector.malformed) return this.#state.reject(id, H2Code.protocolError);
    const stream = this.#state.open(id);
    stream.headReceived = true;
    stream.announced = endStream ? 0 : collector.contentLength;
    if (endStream) stream.remoteDone = true;
    this.#state.handler.onRequest(stream, collector.head, collector.scheme, collector.problem);
    if (endStream && !stream.closed) this.#state.handler.onEnd(stream, noTrailers);
  }

  #onResponse(stream: H2Stream, endStream: boolean): void {
    const { head, malformed, problem, status: text, contentLength } = this.#collector;
    const status = Number(text);
    // There is no switching of protocols in HTTP/2 (RFC 9113 section 8.6).
    const isLegal = /^[1-5][0-9]{2}$/.test(text) && status !== 101 && (status >= 200 || !endStream);
    if (malformed || problem !== null || !isLegal) {
      return this.#state.resetByError(stream, H2Code.protocolError);
    }
    const isEmpty = stream.bodiless || status < 200 || status === 204 || status === 304;
    if (endStream && !isEmpty && contentLength > 0) {
      return this.#state.resetByError(stream, H2Code.protocolError);
    }
    if (status >= 200) {
      stream.headReceived = true;
      stream.announced = isEmpty ? 0 : contentLength;
      if (endStream) stream.remoteDone = true;
    } else this.#state.spend(Cost.idle);
    const hasBody = !isEmpty && !endStream;
    this.#state.handler.onResponse(stream, { status, fields: head.fields, contentLength, hasBody });
    if (endStream && !stream.closed) {
      this.#state.closeIfDone(stream);
      this.#state.handler.onEnd(stream, noTrailers);
    }
  }

  #onRemoteEnd(stream: H2Stream, trailers: FieldList): void {
    if (stream.announced !== -1 && stream.received !== stream.announced) {
      return this.#state.resetByError(stream, H2Code.protocolError);
    }
    stream.remoteDone = true;
    // The owner of an answer gives the stream up at its end: by then it must be known to be over.
    if (!this.#state.isServer) this.#state.closeIfDone(stream);
    this.#state.handler.onEnd(stream, trailers);
    this.#state.closeIfDone(stream);
  }

  /** Ends a stream before its time. */
  reset(stream: H2Stream, code: number): void {
    this.#state.reset(stream, code);
  }

  // Output.

  /** Opens a stream with a request. `canOpen` must be true. */
  request(
    method: string,
    scheme: string,
    authority: string,
    path: string,
    fields: FieldList,
    endStream: boolean,
  ): H2Stream {
    const stream = this.#state.open(this.#state.table.takeId());
    stream.bodiless = method === 'HEAD';
    const { encoder } = this.#state.writer;
    const block =
      encoder.begin() +
      encoder.encodeField(':method', method) +
      encoder.encodeField(':scheme', scheme) +
      encoder.encodeField(':authority', authority) +
      encoder.encodeField(':path', path) +
      encoder.encodeFields(fields);
    this.#state.writer.headers(stream, block, endStream);
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
    const { encoder } = this.#state.writer;
    let block = encoder.begin() + encoder.encodeStatus(status) + encoder.encodeFields(fields);
    for (let i = 0; i < extra.length; i += 2) block += encoder.encodeField(extra[i]!, extra[i + 1]!);
    this.#state.writer.headers(stream, block, endStream);
    if (endStream) this.#state.onLocalEnd(stream);
  }

  /** Sends body, one latin1 character a byte, as far as the windows allow; the rest waits. */
  send(stream: H2Stream, text: string): void {
    this.#state.writer.send(stream, text);
  }

  /** Sends body and ends the stream with it. */
  sendLast(stream: H2Stream, text: string): void {
    this.#state.writer.sendLast(stream, text);
  }

  /** Ends our half of the stream. */
  end(stream: H2Stream, trailers: FieldList): void {
    this.#state.writer.end(stream, trailers);
  }

  /** Whether the owner should hold back what it has for the stream. */
  isFull(stream: H2Stream): boolean {
    return this.#state.writer.isFull(stream);
  }

  /** The owner has used so many bytes of the stream's body: the peer may send as many more. */
  consume(stream: H2Stream, bytes: number): void {
    this.#state.consume(stream, bytes);
  }

  // The connection as a whole.

  /** Tells the peer that no new streams are taken; those that are open go on. */
  goAway(): void {
    if (this.#state.goingAway || this.failed !== null) return;
    this.#state.goingAway = true;
    this.#state.writer.add(encodeGoaway(this.#state.table.lastPeerId, H2Code.noError));
  }

  /** A sign of life; the answer is not reported. */
  ping(): void {
    this.#state.writer.add(frameHeader(8, FrameType.ping, 0, 0) + uint32(0) + uint32(0));
  }
}
