// Bytes to frames (RFC 9113 section 4): DATA is handed on as it comes, every other frame whole. What frames mean is
// the session's business. HOT
import {
  CONNECTION_PREFACE,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  H2Code,
  MAX_FRAME_BYTES,
} from './frames.ts';

export interface FrameSink {
  /** A frame header came; false when the frame may not stand here, then the sink has stopped the reader. */
  onFrameStart(type: number, flags: number, streamId: number): boolean;
  /** Any frame but DATA, whole: its payload is `bytes[start, end)`. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /** A DATA frame of `length` bytes, padding included, begins. */
  onDataStart(streamId: number, length: number, flags: number): void;
  onDataBytes(bytes: Buffer, start: number, end: number): void;
  /** So many bytes of the frame are padding, its length field among them; `isAll`: there is nothing else in it. */
  onDataPadding(bytes: number, isAll: boolean): void;
  onDataEnd(endStream: boolean): void;
  /** The bytes are no frames. */
  onBroken(code: number, reason: string): void;
}

const Reading = { preface: 0, header: 1, payload: 2, data: 3, stopped: 4 } as const;

export class FrameReader {
  readonly #sink: FrameSink;
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
  #paused = false;

  constructor(sink: FrameSink, expectsPreface: boolean) {
    this.#sink = sink;
    this.#reading = expectsPreface ? Reading.preface : Reading.header;
  }

  /** A frame other than DATA has come in part. */
  get isPartial(): boolean {
    return this.#reading !== Reading.data && this.#filled > 0;
  }

  /** What comes after the frame at hand is left for a later call. */
  pause(): void {
    this.#paused = true;
  }

  /** Nothing more is read. */
  stop(): void {
    this.#reading = Reading.stopped;
  }

  /** Answers how far it has come: to `end`, unless it was paused. */
  feed(bytes: Buffer, start: number, end: number): number {
    let at = start;
    this.#paused = false;
    while (at < end && this.#reading !== Reading.stopped && !this.#paused) {
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
          at = this.#readPayload(bytes, at, end);
          break;
        default:
          at = this.#readData(bytes, at, end);
      }
    }
    return this.#reading === Reading.stopped ? end : at;
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
      this.#sink.onBroken(H2Code.protocolError, 'no connection preface');
    } else if (this.#filled === CONNECTION_PREFACE.length) {
      this.#filled = 0;
      this.#reading = Reading.header;
    }
    return stop;
  }

  #beginFrame(bytes: Buffer, at: number): void {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    this.#length = length;
    this.#type = bytes[at + 3]!;
    this.#flags = bytes[at + 4]!;
    this.#streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    if (length > MAX_FRAME_BYTES) return this.#sink.onBroken(H2Code.frameSizeError, 'frame too large');
    if (!this.#sink.onFrameStart(this.#type, this.#flags, this.#streamId)) return;
    if (this.#type === FrameType.data) this.#beginData();
    else if (length === 0) this.#sink.onFrame(this.#type, this.#flags, this.#streamId, bytes, at, at);
    else this.#reading = Reading.payload;
  }

  #readPayload(bytes: Buffer, start: number, end: number): number {
    if (this.#filled === 0 && end - start >= this.#length) {
      const stop = start + this.#length;
      this.#reading = Reading.header;
      this.#sink.onFrame(this.#type, this.#flags, this.#streamId, bytes, start, stop);
      return stop;
    }
    const at = this.#fill(bytes, start, end, this.#length);
    if (this.#filled === this.#length) {
      this.#filled = 0;
      this.#reading = Reading.header;
      this.#sink.onFrame(this.#type, this.#flags, this.#streamId, this.#partial, 0, this.#length);
    }
    return at;
  }

  #beginData(): void {
    this.#paddingUnknown = (this.#flags & Flag.padded) !== 0;
    this.#paddingLeft = 0;
    this.#bodyLeft = this.#length;
    this.#sink.onDataStart(this.#streamId, this.#length, this.#flags);
    if (this.#reading === Reading.stopped) return;
    if (this.#length > 0) this.#reading = Reading.data;
    else if (this.#paddingUnknown) this.#sink.onBroken(H2Code.frameSizeError, 'no room for padding');
    else this.#sink.onDataEnd((this.#flags & Flag.endStream) !== 0);
  }

  #readData(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#paddingUnknown) {
      const padding = bytes[at++]!;
      this.#paddingUnknown = false;
      this.#paddingLeft = padding;
      this.#bodyLeft = this.#length - 1 - padding;
      if (this.#bodyLeft < 0) {
        this.#sink.onBroken(H2Code.protocolError, 'padding too long');
        return at;
      }
      this.#sink.onDataPadding(padding + 1, this.#bodyLeft === 0);
    }
    if (this.#bodyLeft > 0 && at < end) {
      const from = at;
      at = Math.min(end, at + this.#bodyLeft);
      this.#bodyLeft -= at - from;
      this.#sink.onDataBytes(bytes, from, at);
    }
    if (this.#bodyLeft === 0 && this.#paddingLeft > 0) {
      const padding = Math.min(end - at, this.#paddingLeft);
      this.#paddingLeft -= padding;
      at += padding;
    }
    if (this.#bodyLeft === 0 && this.#paddingLeft === 0) {
      if (this.#reading !== Reading.stopped) this.#reading = Reading.header;
      this.#sink.onDataEnd((this.#flags & Flag.endStream) !== 0);
    }
    return at;
  }
}
