// Bounds of the codec. Each protects memory or time of a thread that serves thousands of connections.

export interface HeadLimits {
  /** Bytes of start line and fields together, including line ends. */
  readonly maxHeadBytes: number;
  /** Field lines. */
  readonly maxFields: number;
  /** Bytes of the request target. */
  readonly maxTargetBytes: number;
}

/** Apache and nginx allow 8 KiB a line; tokens with many claims need more than that in one field. */
export const defaultHeadLimits: HeadLimits = { maxHeadBytes: 32_768, maxFields: 100, maxTargetBytes: 8192 };

/** Hexadecimal digits of a chunk size: 2^44 bytes are beyond any body and far below 2^53. */
export const MAX_CHUNK_SIZE_DIGITS = 11;

/** After this many chunks, those of a request must have carried MIN_CHUNK_AVERAGE bytes on average. */
export const CHUNK_GRACE = 4096;
export const MIN_CHUNK_AVERAGE = 8;

/** Bytes of a whole trailer section. */
export const MAX_TRAILER_BYTES = 8192;

/** Decimal digits of Content-Length: below 2^53 with room to spare. */
export const MAX_LENGTH_DIGITS = 15;
