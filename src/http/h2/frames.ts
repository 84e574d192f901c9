// Numbers of HTTP/2 (RFC 9113) and the writing of frames. Frames are put together as latin1 text, like everything
// that the gate writes: text concatenates without a copy and reaches the socket in one.

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Error codes of RFC 9113 section 7. */
export const H2Code = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  noRfc7540Priorities: 9,
} as const;

export const FRAME_HEADER_BYTES = 9;
/** The largest frame that we accept and send: the protocol's minimum, more has never helped a gateway. */
export const MAX_FRAME_BYTES = 16_384;
/** Windows before anything was said about them, bytes. */
export const DEFAULT_WINDOW_BYTES = 65_535;
export const MAX_WINDOW_BYTES = 2_147_483_647;
export const MAX_STREAM_ID = 2_147_483_647;
/** What a client sends first (RFC 9113 section 3.4). */
export const CONNECTION_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

const char = String.fromCharCode;

/** Big-endian number of 32 bits as four characters. */
export const uint32 = (value: number): string =>
  char((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);

export const frameHeader = (length: number, type: number, flags: number, streamId: number): string =>
  char(
    (length >>> 16) & 0xff,
    (length >>> 8) & 0xff,
    length & 0xff,
    type,
    flags,
    (streamId >>> 24) & 0x7f,
    (streamId >>> 16) & 0xff,
    (streamId >>> 8) & 0xff,
    streamId & 0xff,
  );

export const encodeRstStream = (streamId: number, code: number): string =>
  frameHeader(4, FrameType.rstStream, 0, streamId) + uint32(code);

export const encodeWindowUpdate = (streamId: number, increment: number): string =>
  frameHeader(4, FrameType.windowUpdate, 0, streamId) + uint32(increment);

export const encodeGoaway = (lastStreamId: number, code: number): string =>
  frameHeader(8, FrameType.goaway, 0, 0) + uint32(lastStreamId) + uint32(code);

/** SETTINGS with these pairs of identifier and value. */
export function encodeSettings(pairs: readonly (readonly [number, number])[]): string {
  let out = frameHeader(pairs.length * 6, FrameType.settings, 0, 0);
  for (const [id, value] of pairs) out += char((id >>> 8) & 0xff, id & 0xff) + uint32(value);
  return out;
}

export const SETTINGS_ACK = frameHeader(0, FrameType.settings, Flag.ack, 0);

/** HEADERS, continued where the block is larger than one frame. */
export function encodeHeaders(streamId: number, block: string, endStream: boolean): string {
  const end = endStream ? Flag.endStream : 0;
  if (block.length <= MAX_FRAME_BYTES) {
    return frameHeader(block.length, FrameType.headers, end | Flag.endHeaders, streamId) + block;
  }
  let out = frameHeader(MAX_FRAME_BYTES, FrameType.headers, end, streamId) + block.slice(0, MAX_FRAME_BYTES);
  for (let at = MAX_FRAME_BYTES; at < block.length; at += MAX_FRAME_BYTES) {
    const piece = block.slice(at, at + MAX_FRAME_BYTES);
    const flags = at + MAX_FRAME_BYTES >= block.length ? Flag.endHeaders : 0;
    out += frameHeader(piece.length, FrameType.continuation, flags, streamId) + piece;
  }
  return out;
}
