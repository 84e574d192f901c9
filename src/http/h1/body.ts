// Bodies: by length, chunked (RFC 9112 section 7.1), or until the connection ends. Data is handed on as spans of
// the input, never copied here. Chunk extensions are refused: nobody needs them and parsers disagree on them. HOT
import { FieldList } from '../fields/index.ts';
import { FieldLinesResult, MessageFraming, parseFieldLines } from './field-lines.ts';
import { CHUNK_GRACE, MAX_CHUNK_SIZE_DIGITS, MAX_TRAILER_BYTES, MIN_CHUNK_AVERAGE } from './limits.ts';
import { lookUpFieldName } from './names.ts';
import { CHUNKED } from './request-head.ts';
import { UNTIL_CLOSE } from './response-head.ts';

/** Takes the spans of a body; `bytes` belongs to the caller and is only valid during the call. */
export interface BodySink {
  onBodyData(bytes: Uint8Array, start: number, end: number): void;
}

const State = {
  fixed: 0,
  untilClose: 1,
  sizeFirst: 2,
  size: 3,
  sizeLf: 4,
  chunkData: 5,
  chunkCr: 6,
  chunkLf: 7,
  trailer: 8,
  done: 9,
  failed: 10,
} as const;

const CR = 13;
const LF = 10;

export class BodyDecoder {
  /** True when the body has ended; then no more input may be given before `reset`. */
  done = true;
  /** True after a framing error; the connection must be closed. */
  failed = false;
  /** Bytes of body data so far. */
  received = 0;
  /** Fields of the trailer section; empty for other framings. */
  readonly trailers = new FieldList();

  #state: number = State.done;
  #remaining = 0;
  #digits = 0;
  #chunks = 0;
  #trailerText = '';
  readonly #guardChunks: boolean;
  readonly #framing = new MessageFraming();

  /** `guardChunks` refuses floods of tiny chunks; for requests. */
  constructor(guardChunks: boolean) {
    this.#guardChunks = guardChunks;
  }

  /** Starts a body of `length` bytes, or CHUNKED, or UNTIL_CLOSE. */
  reset(length: number): void {
    this.failed = false;
    this.received = 0;
    if (this.trailers.length !== 0) this.trailers.clear();
    this.done = length === 0;
    if (length > 0) {
      this.#state = State.fixed;
      this.#remaining = length;
    } else if (length === CHUNKED) {
      this.#state = State.sizeFirst;
      this.#remaining = 0;
      this.#chunks = 0;
    } else if (length === UNTIL_CLOSE) {
      this.#state = State.untilClose;
    } else {
      this.#state = State.done;
    }
  }

  /** Consumes bytes from `start`; returns the index of the first byte that does not belong to this body. */
  run(bytes: Uint8Array, start: number, end: number, sink: BodySink): number {
    if (this.#state === State.fixed) {
      const stop = end - start > this.#remaining ? start + this.#remaining : end;
      const size = stop - start;
      if (size === 0) return start;
      this.received += size;
      this.#remaining -= size;
      if (this.#remaining === 0) {
        this.#state = State.done;
        this.done = true;
      }
      sink.onBodyData(bytes, start, stop);
      return stop;
    }
    if (this.#state === State.untilClose) {
      if (end > start) {
        this.received += end - start;
        sink.onBodyData(bytes, start, end);
      }
      return end;
    }
    return this.#runChunked(bytes, start, end, sink);
  }

  /** The connection ended: completes a body that ends with it; false when the body was cut off. */
  finish(): boolean {
    if (this.#state === State.untilClose) {
      this.#state = State.done;
      this.done = true;
    }
    return this.done;
  }

  #runChunked(bytes: Uint8Array, start: number, end: number, sink: BodySink): number {
    let at = start;
    while (at < end) {
      switch (this.#state) {
        case State.sizeFirst:
        case State.size: {
          const code = bytes[at]!;
          const digit = hexDigit(code);
          if (digit !== -1) {
            if (++this.#digits > MAX_CHUNK_SIZE_DIGITS) return this.#fail(at);
            this.#remaining = this.#remaining * 16 + digit;
            this.#state = State.size;
          } else if (code === CR && this.#state === State.size) {
            this.#state = State.sizeLf;
          } else {
            return this.#fail(at);
          }
          at++;
          break;
        }
        case State.sizeLf:
          if (bytes[at]! !== LF) return this.#fail(at);
          at++;
          this.#digits = 0;
          if (this.#remaining === 0) {
            this.#state = State.trailer;
            this.#trailerText = '';
          } else {
            this.#state = State.chunkData;
            this.#chunks++;
            if (
              this.#guardChunks &&
              this.#chunks > CHUNK_GRACE &&
              this.received < (this.#chunks - 1) * MIN_CHUNK_AVERAGE
            ) {
              return this.#fail(at);
            }
          }
          break;
        case State.chunkData: {
          const stop = end - at > this.#remaining ? at + this.#remaining : end;
          this.received += stop - at;
          this.#remaining -= stop - at;
          if (this.#remaining === 0) this.#state = State.chunkCr;
          const from = at;
          at = stop;
          sink.onBodyData(bytes, from, stop);
          break;
        }
        case State.chunkCr:
          if (bytes[at]! !== CR) return this.#fail(at);
          this.#state = State.chunkLf;
          at++;
          break;
        case State.chunkLf:
          if (bytes[at]! !== LF) return this.#fail(at);
          this.#state = State.sizeFirst;
          at++;
          break;
        case State.trailer:
          at = this.#runTrailer(bytes, at, end);
          if (this.done || this.failed) return at;
          break;
        default:
          return at;
      }
    }
    return at;
  }

  #runTrailer(bytes: Uint8Array, start: number, end: number): number {
    // Byte by byte: trailers are rare, and a line end may be split over reads.
    let at = start;
    while (at < end) {
      const text = (this.#trailerText += String.fromCharCode(bytes[at++]!));
      if (text.length > MAX_TRAILER_BYTES) return this.#fail(at);
      if (text === '\r\n' || (text.charCodeAt(text.length - 1) === LF && text.endsWith('\r\n\r\n'))) {
        if (text !== '\r\n' && !this.#takeTrailers(text)) return this.#fail(at);
        this.#state = State.done;
        this.done = true;
        return at;
      }
    }
    return at;
  }

  /** Trailers may not carry what routing, framing or trust depends on (RFC 9110 section 6.5.1). */
  #takeTrailers(text: string): boolean {
    this.#framing.reset();
    if (parseFieldLines(text, 0, this.trailers, this.#framing, 64) !== FieldLinesResult.ok) return false;
    const framing = this.#framing;
    if (framing.hostCount + framing.upgradeCount > 0 || framing.expect !== '') return false;
    if (framing.hasTransferEncoding || framing.contentLength !== -1) return false;
    if (framing.close || framing.keepAlive || framing.connectionUpgrade || framing.nominated !== null)
      return false;
    for (const name of this.trailers.names) {
      if (lookUpFieldName(name)!.protected || name.indexOf('_') !== -1) return false;
    }
    return true;
  }

  #fail(at: number): number {
    this.#state = State.failed;
    this.failed = true;
    return at;
  }
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}
