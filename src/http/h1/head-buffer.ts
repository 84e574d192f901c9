// Collects bytes until a whole head is there. In the common case one read holds it and one latin1 slice is all
// that happens. HOT

const END = '\r\n\r\n';

export class HeadBuffer {
  complete = false;
  tooLarge = false;
  /** The head is certainly wrong although its end has not come: a second empty line, a bare CR or LF before it. */
  malformed = false;
  #text = '';
  #skippedEmptyLine = false;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True when no byte of a head has come. */
  get empty(): boolean {
    return this.#text === '';
  }

  /** Takes bytes from `start`; returns the index of the first byte after the head, or `end`. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    // INVARIANT: at most maxBytes + 4 characters are ever held.
    const room = this.#maxBytes + END.length - this.#text.length;
    const stop = end - start > room ? start + room : end;
    const had = this.#text.length;
    const piece = latin1(bytes, start, stop);
    let text = had === 0 ? piece : this.#text + piece;
    let offset = had;
    // One empty line before a request is ignored (RFC 9112 section 2.2), as clients of old send it after a body.
    if (text.charCodeAt(0) === 13) {
      if (this.#skippedEmptyLine) {
        this.malformed = true;
        return stop;
      }
      if (text.charCodeAt(1) === 10) {
        this.#skippedEmptyLine = true;
        text = text.slice(2);
        offset -= 2;
        if (text.charCodeAt(0) === 13) {
          this.malformed = true;
          return stop;
        }
      }
    }
    const at = text.indexOf(END, offset > 3 ? offset - 3 : 0);
    if (at === -1) {
      this.#text = text;
      if (text.length > this.#maxBytes) this.tooLarge = true;
      else if (hasBareLineEnd(text, offset)) this.malformed = true;
      return stop;
    }
    const length = at + END.length;
    if (length > this.#maxBytes) {
      this.tooLarge = true;
      return stop;
    }
    this.#text = text.length === length ? text : text.slice(0, length);
    this.complete = true;
    return start + length - offset;
  }

  /** The head up to and including its empty line; the buffer is empty afterwards. */
  take(): string {
    const text = this.#text;
    this.clear();
    return text;
  }

  clear(): void {
    this.#text = '';
    this.#skippedEmptyLine = false;
    this.complete = false;
    this.tooLarge = false;
    this.malformed = false;
  }
}

/** A CR without LF or an LF without CR; a CR at the end may still get its LF. */
const bareLineEnd = /\r(?!\n|$)|(?<!\r)\n/g;

function hasBareLineEnd(text: string, from: number): boolean {
  // One character back: a CR that ended the last read.
  bareLineEnd.lastIndex = from > 0 ? from - 1 : 0;
  return bareLineEnd.test(text);
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return bytes instanceof Buffer
    ? bytes.toString('latin1', start, end)
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end);
}
