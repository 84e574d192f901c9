// Where variables get their values from, seen as channels: lists of names and values that are complete from some stage on.
// A stage is the phase with which its values are known.

import type { VariableName } from '../language/variables.ts';

export type Stage = 1 | 2 | 3 | 4;

export type ChannelName =
  | 'headers'
  | 'cookies'
  | 'query-arguments'
  | 'body-arguments'
  | 'files'
  | 'part-headers'
  | 'xml'
  | 'response-headers';

export const channelStages: Readonly<Record<ChannelName, Stage>> = {
  headers: 1,
  cookies: 1,
  'query-arguments': 1,
  'body-arguments': 2,
  files: 2,
  'part-headers': 2,
  xml: 2,
  'response-headers': 3,
};

export interface CollectionOrigin {
  readonly kind: 'collection';
  readonly channels: readonly ChannelName[];
  /** The names of the channel, not its values. */
  readonly ofNames: boolean;
}

export interface ScalarOrigin {
  readonly kind: 'scalar';
  readonly stage: Stage;
}

export type Origin = CollectionOrigin | ScalarOrigin;

const values = (...channels: ChannelName[]): CollectionOrigin => ({
  kind: 'collection',
  channels,
  ofNames: false,
});
const names = (...channels: ChannelName[]): CollectionOrigin => ({
  kind: 'collection',
  channels,
  ofNames: true,
});
const scalar = (stage: Stage): ScalarOrigin => ({ kind: 'scalar', stage });

/**
 * Variables that rules can not change and that stay the same from their stage on. Whatever is not here (TX, MATCHED_VARS,
 * REQBODY_PROCESSOR, which `ctl` changes, DURATION, …) is never filtered: rules that look at it always run.
 */
const origins: ReadonlyMap<VariableName, Origin> = new Map<VariableName, Origin>([
  ['ARGS', values('query-arguments', 'body-arguments')],
  ['ARGS_NAMES', names('query-arguments', 'body-arguments')],
  ['ARGS_GET', values('query-arguments')],
  ['ARGS_GET_NAMES', names('query-arguments')],
  ['ARGS_POST', values('body-arguments')],
  ['ARGS_POST_NAMES', names('body-arguments')],
  ['REQUEST_HEADERS', values('headers')],
  ['REQUEST_HEADERS_NAMES', names('headers')],
  ['REQUEST_COOKIES', values('cookies')],
  ['REQUEST_COOKIES_NAMES', names('cookies')],
  ['FILES', values('files')],
  ['FILES_NAMES', names('files')],
  ['MULTIPART_FILENAME', values('files')],
  ['MULTIPART_NAME', names('files')],
  ['MULTIPART_PART_HEADERS', values('part-headers')],
  ['XML', values('xml')],
  ['RESPONSE_HEADERS', values('response-headers')],
  ['RESPONSE_HEADERS_NAMES', names('response-headers')],
  ['AUTH_TYPE', scalar(1)],
  ['PATH_INFO', scalar(1)],
  ['QUERY_STRING', scalar(1)],
  ['REMOTE_ADDR', scalar(1)],
  ['REMOTE_HOST', scalar(1)],
  ['REMOTE_PORT', scalar(1)],
  ['REMOTE_USER', scalar(1)],
  ['REQUEST_BASENAME', scalar(1)],
  ['REQUEST_FILENAME', scalar(1)],
  ['REQUEST_LINE', scalar(1)],
  ['REQUEST_METHOD', scalar(1)],
  ['REQUEST_PROTOCOL', scalar(1)],
  ['REQUEST_URI', scalar(1)],
  ['REQUEST_URI_RAW', scalar(1)],
  ['SERVER_ADDR', scalar(1)],
  ['SERVER_NAME', scalar(1)],
  ['SERVER_PORT', scalar(1)],
  ['UNIQUE_ID', scalar(1)],
  ['ARGS_COMBINED_SIZE', scalar(2)],
  ['FILES_COMBINED_SIZE', scalar(2)],
  ['INBOUND_DATA_ERROR', scalar(2)],
  ['MULTIPART_BOUNDARY_QUOTED', scalar(2)],
  ['MULTIPART_BOUNDARY_WHITESPACE', scalar(2)],
  ['MULTIPART_CRLF_LF_LINES', scalar(2)],
  ['MULTIPART_DATA_AFTER', scalar(2)],
  ['MULTIPART_DATA_BEFORE', scalar(2)],
  ['MULTIPART_FILE_LIMIT_EXCEEDED', scalar(2)],
  ['MULTIPART_HEADER_FOLDING', scalar(2)],
  ['MULTIPART_INVALID_HEADER_FOLDING', scalar(2)],
  ['MULTIPART_INVALID_PART', scalar(2)],
  ['MULTIPART_INVALID_QUOTING', scalar(2)],
  ['MULTIPART_LF_LINE', scalar(2)],
  ['MULTIPART_MISSING_SEMICOLON', scalar(2)],
  ['MULTIPART_SEMICOLON_MISSING', scalar(2)],
  ['MULTIPART_STRICT_ERROR', scalar(2)],
  ['MULTIPART_UNMATCHED_BOUNDARY', scalar(2)],
  ['REQBODY_ERROR', scalar(2)],
  ['REQBODY_ERROR_MSG', scalar(2)],
  ['REQBODY_PROCESSOR_ERROR', scalar(2)],
  ['REQBODY_PROCESSOR_ERROR_MSG', scalar(2)],
  ['REQUEST_BODY', scalar(2)],
  ['REQUEST_BODY_LENGTH', scalar(2)],
  ['URLENCODED_ERROR', scalar(2)],
  ['RESPONSE_CONTENT_TYPE', scalar(3)],
  ['RESPONSE_PROTOCOL', scalar(3)],
  ['RESPONSE_STATUS', scalar(3)],
  ['STATUS_LINE', scalar(3)],
  ['RESPONSE_BODY', scalar(4)],
  ['RESPONSE_CONTENT_LENGTH', scalar(4)],
]);

export const originOf = (variable: VariableName): Origin | null => origins.get(variable) ?? null;
