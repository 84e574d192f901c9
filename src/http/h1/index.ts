export { BodyDecoder, type BodySink } from './body.ts';
export { type H1Event, RequestDecoder, ResponseDecoder } from './decoder.ts';
export {
  encodeChunkSize,
  encodeField,
  encodeFields,
  encodeLastChunk,
  encodeStatusLine,
  reasonPhrases,
} from './encode.ts';
export { HeadBuffer } from './head-buffer.ts';
export { defaultHeadLimits, type HeadLimits } from './limits.ts';
export { type FieldName, FieldRole, lookUpFieldName } from './names.ts';
export { CHUNKED, isPassableMethod, isTarget, parseRequestHead, RequestHead } from './request-head.ts';
export { parseResponseHead, ResponseHead, UNTIL_CLOSE } from './response-head.ts';
