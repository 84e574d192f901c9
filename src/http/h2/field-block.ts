// One field block as it comes, in one HEADERS frame or cut into CONTINUATION frames (RFC 9113 section 6.10), with
// bounds on its bytes and its pieces (CVE-2024-27316 and its kin). HOT
import { Flag } from './frames.ts';

/** Bytes of one field block over all its frames, and the frames it may be cut into. */
const MAX_BLOCK_BYTES = 65_536;
const MAX_BLOCK_FRAMES = 16;

export class FieldBlock {
  /** Stream of the block under way, or 0. */
  streamId = 0;
  /** Flags of its HEADERS frame. */
  flags = 0;
  /** Where the fragment begins and ends in the HEADERS frame, after `take`. */
  from = 0;
  to = 0;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** Takes the frame's padding and priority away; false when they do not fit into it. */
  take(flags: number, bytes: Buffer, start: number, end: number): boolean {
    this.flags = flags;
    let from = start;
    let to = end;
    if ((flags & Flag.padded) !== 0) {
      if (from >= to) return false;
      to -= bytes[from++]!;
    }
    if ((flags & Flag.priority) !== 0) from += 5;
    this.from = from;
    this.to = to;
    return from <= to;
  }

  /** Keeps the fragment for the frames that continue it. */
  begin(streamId: number, bytes: Buffer): void {
    this.streamId = streamId;
    this.#pieces = [Buffer.from(bytes.subarray(this.from, this.to))];
    this.#bytes = this.to - this.from;
  }

  /** Takes one more piece; false when the block is larger or in more pieces than any honest one. */
  add(bytes: Buffer, start: number, end: number): boolean {
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
    this.#bytes += end - start;
    return this.#bytes <= MAX_BLOCK_BYTES && this.#pieces.length <= MAX_BLOCK_FRAMES;
  }

  /** The whole block, which is then the caller's. */
  finish(): Buffer {
    const block = Buffer.concat(this.#pieces);
    this.streamId = 0;
    this.#pieces = [];
    return block;
  }
}
