// Whole messages out of one direction of a WebSocket, for those who judge them: frames of data are held until their
// message is whole, control frames pass at once. The bytes must have passed the monitor, which also bounds what is held.

export interface MessageSink {
  /** Bytes of control frames, or of a message that may pass. */
  onPass(bytes: Buffer): void;
  /** A message without masks; false when it may not pass, then nothing more is read. */
  onMessage(payload: Buffer, isText: boolean): boolean;
}

const Opcode = { continuation: 0, text: 1 } as const;
/** Size of the buffer for a frame at first; a header has at most 14 bytes. */
const FIRST_BYTES = 1024;

export class WebSocketCollector {
  readonly #sink: MessageSink;
  /** Bytes of the frame under way, in a buffer that doubles, so that what was only announced takes no memory. */
  #frame: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #filled = 0;
  /** How many bytes its header has and how many all of it; 0 for not known yet. */
  #headerBytes = 0;
  #frameBytes = 0;
  /** Frames and payload of the message under way. */
  #frames: Buffer[] = [];
  #payload: Buffer[] = [];
  #isText = false;

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  /** Takes `bytes[start, end)`; false when a message was not let pass. */
  run(bytes: Buffer, start: number, end: number): boolean {
    let at = start;
    while (at < end) {
      if (this.#frameBytes === 0) {
        this.#frame[this.#filled++] = bytes[at++]!;
        this.#readHeader();
      } else {
        const take = Math.min(end - at, this.#frameBytes - this.#filled);
        this.#keep(bytes, at, at + take);
        at += take;
      }
      if (this.#frameBytes === 0 || this.#filled < this.#frameBytes) continue;
      const frame = Buffer.from(this.#frame.subarray(0, this.#filled));
      const headerBytes = this.#headerBytes;
      this.#filled = 0;
      this.#headerBytes = 0;
      this.#frameBytes = 0;
      if (!this.#onFrame(frame, headerBytes)) return false;
    }
    return true;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const needed = this.#filled + end - start;
    if (needed > this.#frame.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(this.#frameBytes, this.#frame.length * 2)));
      this.#frame.copy(larger, 0, 0, this.#filled);
      this.#frame = larger;
    }
    bytes.copy(this.#frame, this.#filled, start, end);
    this.#filled = needed;
  }

  #readHeader(): void {
    const frame = this.#frame;
    if (this.#filled < 2) return;
    const short = frame[1]! & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const headerBytes = 2 + lengthBytes + (frame[1]! >= 0x80 ? 4 : 0);
    if (this.#filled < headerBytes) return;
    const length =
      lengthBytes === 0
        ? short
        : lengthBytes === 2
          ? frame.readUInt16BE(2)
          : Number(frame.readBigUInt64BE(2));
    this.#headerBytes = headerBytes;
    this.#frameBytes = headerBytes + length;
  }

  #onFrame(frame: Buffer, headerBytes: number): boolean {
    if (this.#frame.length > FIRST_BYTES) this.#frame = Buffer.allocUnsafe(FIRST_BYTES);
    const opcode = frame[0]! & 0x0f;
    if (opcode >= 8) {
      this.#sink.onPass(frame);
      return true;
    }
    if (opcode !== Opcode.continuation) this.#isText = opcode === Opcode.text;
    this.#frames.push(frame);
    this.#payload.push(unmasked(frame, headerBytes));
    if (frame[0]! < 0x80) return true;
    const frames = this.#frames;
    const payload = this.#payload;
    this.#frames = [];
    this.#payload = [];
    const whole = payload.length === 1 ? payload[0]! : Buffer.concat(payload);
    if (!this.#sink.onMessage(whole, this.#isText)) return false;
    this.#sink.onPass(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
    return true;
  }
}

function unmasked(frame: Buffer, headerBytes: number): Buffer {
  if (frame[1]! < 0x80) return frame.subarray(headerBytes);
  const payload = Buffer.from(frame.subarray(headerBytes));
  for (let i = 0; i < payload.length; i++) payload[i]! ^= frame[headerBytes - 4 + (i & 3)]!;
  return payload;
}
