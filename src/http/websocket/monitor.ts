// Watches the frames of one direction of a WebSocket (RFC 6455) as they pass: the rules of framing, sizes and rates.
// It keeps no payload; what breaks a rule gives the close code that both ends are told. HOT
import { Utf8Check } from './utf8.ts';

/** Close codes (RFC 6455 section 7.4.1). */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  invalidPayload: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
} as const;

export interface WebSocketLimits {
  /** Bytes of a message over all its frames, as they pass (compressed where that was agreed). */
  readonly maxMessageBytes: number;
  /** Data messages a second, on average over ten seconds; 0 for no limit. */
  readonly maxMessagesPerSecond: number;
}

/** Ping, pong and close frames a second, on average over ten seconds. */
const MAX_CONTROL_PER_SECOND = 10;
/** Fragments a second beside whole messages: a message of single bytes must not be cheaper than single messages. */
const MAX_FRAGMENTS_PER_SECOND = 500;
const AVERAGE_OVER_SECONDS = 10;
const MAX_CONTROL_BYTES = 125;

/** What is looked for in the payload of the frame under way. */
const Look = { nothing: 0, text: 1, close: 2 } as const;

const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A bucket that empties at a steady rate. */
class Rate {
  readonly #perMs: number;
  readonly #capacity: number;
  #level = 0;
  #atMs = 0;

  constructor(perSecond: number) {
    this.#perMs = perSecond / 1000;
    this.#capacity = perSecond * AVERAGE_OVER_SECONDS;
  }

  /** Adds one; false when that is too many. */
  take(nowMs: number): boolean {
    this.#level = Math.max(0, this.#level - (nowMs - this.#atMs) * this.#perMs) + 1;
    this.#atMs = nowMs;
    return this.#level <= this.#capacity;
  }
}

export class WebSocketMonitor {
  /** A Close frame has passed: nothing may follow it. */
  closed = false;
  readonly #masked: boolean;
  readonly #mayCompress: boolean;
  readonly #limits: WebSocketLimits;
  readonly #messages: Rate | null;
  readonly #control = new Rate(MAX_CONTROL_PER_SECOND);
  readonly #fragments = new Rate(MAX_FRAGMENTS_PER_SECOND);
  /** Header of the frame under way, as far as it has come: at most 14 bytes. */
  readonly #header = new Uint8Array(14);
  #filled = 0;
  #needed = 2;
  /** Payload bytes of the frame that are still to come. */
  #left = 0;
  #look: number = Look.nothing;
  /** Payload bytes of the frame so far, and its mask's place in the header. */
  #seen = 0;
  #maskAt = 0;
  /** The frame under way ends its message. */
  #isFinal = false;
  #inMessage = false;
  /** The message under way is text that is not compressed. */
  #isText = false;
  readonly #text = new Utf8Check();
  readonly #reason = new Utf8Check();
  #closeCode = 0;
  #messageBytes = 0;

  /** `from`: whose frames these are. `compression`: permessage-deflate was agreed (RFC 7692). */
  constructor(from: 'client' | 'server', limits: WebSocketLimits, compression: boolean) {
    this.#masked = from === 'client';
    this.#limits = limits;
    this.#mayCompress = compression;
    this.#messages = limits.maxMessagesPerSecond > 0 ? new Rate(limits.maxMessagesPerSecond) : null;
  }

  /**
   * Whether what has passed ends with a whole frame: the only place where a frame of the gate's own may be put. Bytes
   * that broke a rule have not passed, nor has what came with them.
   */
  betweenFrames = true;

  /** Looks at `bytes[start, end)`; 0, or the close code of the rule that they break: then none of them may pass. */
  run(bytes: Uint8Array, start: number, end: number, nowMs: number): number {
    const wasClosed = this.closed;
    const code = this.#run(bytes, start, end, nowMs);
    if (code === 0) this.betweenFrames = this.#left === 0 && this.#filled === 0;
    else this.closed = wasClosed;
    return code;
  }

  #run(bytes: Uint8Array, start: number, end: number, nowMs: number): number {
    let at = start;
    while (at < end) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, end - at);
        if (this.#look !== Look.nothing) {
          const problem = this.#onPayload(bytes, at, at + step);
          if (problem !== 0) return problem;
        }
        this.#left -= step;
        at += step;
        if (this.#left === 0 && !this.#isWhole()) return CloseCode.invalidPayload;
        continue;
      }
      if (this.closed) return CloseCode.protocolError;
      this.#header[this.#filled++] = bytes[at++]!;
      if (this.#filled === 2) {
        const problem = this.#onStart(this.#header[0]!, this.#header[1]!);
        if (problem !== 0) return problem;
      }
      if (this.#filled === this.#needed) {
        const problem = this.#onHeader(nowMs);
        if (problem !== 0) return problem;
      }
    }
    return 0;
  }

  #onPayload(bytes: Uint8Array, start: number, end: number): number {
    const header = this.#header;
    const maskAt = this.#maskAt;
    let seen = this.#seen;
    for (let at = start; at < end; at++, seen++) {
      const byte = this.#masked ? bytes[at]! ^ header[maskAt + (seen & 3)]! : bytes[at]!;
      if (this.#look === Look.text) {
        if (!this.#text.take(byte)) return CloseCode.invalidPayload;
      } else if (seen < 2) {
        this.#closeCode = this.#closeCode * 256 + byte;
        if (seen === 1 && !isCloseCode(this.#closeCode)) return CloseCode.protocolError;
      } else if (!this.#reason.take(byte)) return CloseCode.invalidPayload;
    }
    this.#seen = seen;
    return 0;
  }

  /** Whether the frame that has ended leaves no character unfinished that it had to finish. */
  #isWhole(): boolean {
    if (this.#look === Look.close) return this.#reason.isComplete;
    return this.#look === Look.nothing || !this.#isFinal || this.#text.isComplete;
  }

  /** The first two bytes: bits, opcode, mask, and how long the header is. */
  #onStart(first: number, second: number): number {
    const opcode = first & 0x0f;
    const isControl = opcode >= 8;
    if ((first & 0x30) !== 0) return CloseCode.protocolError;
    // Only the first frame of a compressed message has the bit.
    if ((first & 0x40) !== 0 && (!this.#mayCompress || isControl || opcode === Opcode.continuation)) {
      return CloseCode.protocolError;
    }
    if ((opcode > Opcode.binary && opcode < Opcode.close) || opcode > Opcode.pong) {
      return CloseCode.protocolError;
    }
    if (second >= 0x80 !== this.#masked) return CloseCode.protocolError;
    const length = second & 0x7f;
    if (isControl && (length > MAX_CONTROL_BYTES || first < 0x80)) return CloseCode.protocolError;
    if (!isControl && (opcode === Opcode.continuation) !== this.#inMessage) return CloseCode.protocolError;
    this.#needed = 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (this.#masked ? 4 : 0);
    return 0;
  }

  /** The whole header is here. */
  #onHeader(nowMs: number): number {
    const header = this.#header;
    const first = header[0]!;
    const opcode = first & 0x0f;
    const short = header[1]! & 0x7f;
    let length = short;
    if (short === 126) {
      length = header[2]! * 256 + header[3]!;
      if (length < 126) return CloseCode.protocolError;
    } else if (short === 127) {
      length = 0;
      for (let i = 2; i < 10; i++) length = length * 256 + header[i]!;
      if (length < 65_536 || header[2]! >= 0x80) return CloseCode.protocolError;
    }
    this.#filled = 0;
    this.#needed = 2;
    this.#left = length;
    this.#seen = 0;
    this.#maskAt = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    this.#look = Look.nothing;
    if (opcode >= Opcode.close) {
      if (opcode === Opcode.close) {
        this.closed = true;
        this.#look = Look.close;
        this.#closeCode = 0;
        if (length === 1) return CloseCode.protocolError;
      }
      return this.#control.take(nowMs) ? 0 : CloseCode.policyViolation;
    }
    return this.#onDataFrame(opcode, first >= 0x80, length, nowMs);
  }

  #onDataFrame(opcode: number, final: boolean, length: number, nowMs: number): number {
    if (opcode !== Opcode.continuation) {
      this.#messageBytes = 0;
      this.#isText = opcode === Opcode.text && (this.#header[0]! & 0x40) === 0;
      this.#text.reset();
      if (this.#messages !== null && !this.#messages.take(nowMs)) return CloseCode.policyViolation;
    } else if (!this.#fragments.take(nowMs)) return CloseCode.policyViolation;
    this.#messageBytes += length;
    this.#inMessage = !final;
    this.#isFinal = final;
    if (this.#messageBytes > this.#limits.maxMessageBytes) return CloseCode.messageTooBig;
    if (!this.#isText) return 0;
    this.#look = Look.text;
    return length === 0 && final && !this.#text.isComplete ? CloseCode.invalidPayload : 0;
  }
}

/** Codes that may stand in a Close frame (RFC 6455 section 7.4, and the registry that it made). */
function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

/** A Close frame with `code`; towards a server it is masked (with zeros: the content is no secret). */
export function encodeClose(code: number, masked: boolean): Buffer {
  const payload = [code >> 8, code & 0xff];
  return Buffer.from(masked ? [0x88, 0x82, 0, 0, 0, 0, ...payload] : [0x88, 0x02, ...payload]);
}
