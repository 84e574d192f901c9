// The messages of one direction of a gRPC call as they pass: each has five bytes in front, a flag and its length. What
// is between them is not kept. HOT

const PREFIX_BYTES = 5;

export class GrpcMessages {
  /** Whole or begun messages. */
  count = 0;
  readonly #maxBytes: number;
  #left = 0;
  #filled = 0;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Follows `bytes[start, end)`: `null`, or what is wrong. */
  run(bytes: Uint8Array, start: number, end: number): 'invalid' | 'too-large' | null {
    let at = start;
    while (at < end) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, end - at);
        this.#left -= step;
        at += step;
        continue;
      }
      const byte = bytes[at++]!;
      if (this.#filled === 0) {
        // 1 says that the message is compressed; other values are not defined.
        if (byte > 1) return 'invalid';
        this.count++;
        this.#length = 0;
      } else this.#length = this.#length * 256 + byte;
      if (++this.#filled === PREFIX_BYTES) {
        this.#filled = 0;
        if (this.#length > this.#maxBytes) return 'too-large';
        this.#left = this.#length;
      }
    }
    return null;
  }

  /** Whether no message is under way. */
  get betweenMessages(): boolean {
    return this.#left === 0 && this.#filled === 0;
  }
}
