// Bodies with a content coding, decoded for the rules alone: the other side gets them as they came. The output has a
// limit, so that a bomb costs no more than a long body.
import { brotliDecompressSync, constants, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';

export type DecodeFailure = 'unknown-coding' | 'undecodable' | 'too-large';

/** Whether a message with this Content-Encoding has one at all. */
export const isCoded = (coding: string | null): coding is string =>
  coding !== null && coding !== '' && coding.toLowerCase() !== 'identity';

/**
 * The decoded bytes, at most `limitBytes`, or why there are none. `whole` false: the body goes on, and what its first bytes
 * hold is enough.
 */
export function decodeBody(
  body: Uint8Array,
  coding: string,
  limitBytes: number,
  whole: boolean,
): Uint8Array | DecodeFailure {
  const maxOutputLength = limitBytes;
  try {
    switch (coding.toLowerCase()) {
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(body, { maxOutputLength, finishFlush: flushOf(whole) });
      case 'deflate':
        return inflateSync(body, { maxOutputLength, finishFlush: flushOf(whole) });
      case 'br':
        return brotliDecompressSync(body, {
          maxOutputLength,
          finishFlush: whole ? constants.BROTLI_OPERATION_FINISH : constants.BROTLI_OPERATION_FLUSH,
        });
      case 'zstd':
        return zstdDecompressSync(body, {
          maxOutputLength,
          finishFlush: whole ? constants.ZSTD_e_end : constants.ZSTD_e_flush,
        });
      default:
        return 'unknown-coding';
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'undecodable';
  }
}

const flushOf = (whole: boolean): number => (whole ? constants.Z_FINISH : constants.Z_SYNC_FLUSH);
