// UTF-8 (RFC 3629) byte by byte, for text that comes in pieces: no surrogates, no overlong forms, nothing beyond U+10FFFF. HOT

export class Utf8Check {
  /** Continuation bytes that are still to come, and the range of the next one. */
  #left = 0;
  #low = 0x80;
  #high = 0xbf;

  reset(): void {
    this.#left = 0;
    this.#low = 0x80;
    this.#high = 0xbf;
  }

  /** Whether no character is under way. */
  get isComplete(): boolean {
    return this.#left === 0;
  }

  /** Takes one byte; false when it can not stand here. */
  take(byte: number): boolean {
    if (this.#left > 0) {
      if (byte < this.#low || byte > this.#high) return false;
      this.#left--;
      this.#low = 0x80;
      this.#high = 0xbf;
      return true;
    }
    if (byte < 0x80) return true;
    if (byte < 0xc2 || byte > 0xf4) return false;
    this.#left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (byte === 0xe0) this.#low = 0xa0;
    else if (byte === 0xed) this.#high = 0x9f;
    else if (byte === 0xf0) this.#low = 0x90;
    else if (byte === 0xf4) this.#high = 0x8f;
    return true;
  }
}
