// HOT. Reads variables. One row a variable: how to read its value, or how to list its values. A missing row does not compile.

import type { CollectionName, ScalarName } from '../language/variables.ts';
import { parseCookies } from './cookies.ts';
import type { NamedValues } from './named-values.ts';
import { basenameOf, fullRequest, requestUri } from './request-text.ts';
import type { TransactionState } from './state.ts';
import type { ValueList } from './value-list.ts';

/** Null when the variable is not there, which is not the same as empty. */
export type ScalarReader = (state: TransactionState) => string | null;

export interface CollectionReader {
  readonly all: (state: TransactionState, into: ValueList) => void;
  /** Values under one lower-case key. */
  readonly key: (state: TransactionState, lowerKey: string, into: ValueList) => void;
}

const flag = (isSet: boolean | undefined): string => (isSet === true ? '1' : '0');

const twoDigits = (n: number): string => String(n).padStart(2, '0');
const dateOf = (state: TransactionState): Date => new Date(state.startedAtMs);

/** 0 until a body was to be parsed: ModSecurity's rules compare with `!@eq 0`. */
const bodyError: ScalarReader = (state) => (state.bodyError === '' ? '0' : '1');
const bodyErrorMessage: ScalarReader = (state) => state.bodyError;

export const scalarReaders: Readonly<Record<ScalarName, ScalarReader>> = {
  ARGS_COMBINED_SIZE: (state) => String(state.queryArguments.totalBytes + state.bodyArguments.totalBytes),
  AUTH_TYPE: (state) => state.headers.first('authorization')?.split(' ', 1)[0] ?? null,
  DURATION: (state) => String(Math.max(0, Date.now() - state.startedAtMs)),
  FILES_COMBINED_SIZE: (state) => {
    let total = 0;
    for (let i = 0; i < state.files.length; i++) total += state.files[i]!.size;
    return String(total);
  },
  FULL_REQUEST: fullRequest,
  FULL_REQUEST_LENGTH: (state) => String(fullRequest(state).length),
  HIGHEST_SEVERITY: (state) => String(state.highestSeverity),
  INBOUND_DATA_ERROR: (state) => flag(state.isBodyTruncated),
  MATCHED_VAR: (state) => state.matchedVariable,
  MATCHED_VAR_NAME: (state) => state.matchedName,
  MODSEC_BUILD: () => '030000000',
  MULTIPART_BOUNDARY_QUOTED: (state) => flag(state.multipart?.boundaryQuoted),
  MULTIPART_BOUNDARY_WHITESPACE: (state) => flag(state.multipart?.boundaryWhitespace),
  MULTIPART_CRLF_LF_LINES: (state) => flag(state.multipart?.crlfLfLines),
  MULTIPART_DATA_AFTER: (state) => flag(state.multipart?.dataAfter),
  MULTIPART_DATA_BEFORE: (state) => flag(state.multipart?.dataBefore),
  MULTIPART_FILE_LIMIT_EXCEEDED: (state) => flag(state.multipart?.fileLimitExceeded),
  MULTIPART_HEADER_FOLDING: (state) => flag(state.multipart?.headerFolding),
  MULTIPART_INVALID_HEADER_FOLDING: (state) => flag(state.multipart?.invalidHeaderFolding),
  MULTIPART_INVALID_PART: (state) => flag(state.multipart?.invalidPart),
  MULTIPART_INVALID_QUOTING: (state) => flag(state.multipart?.invalidQuoting),
  MULTIPART_LF_LINE: (state) => flag(state.multipart?.lfLine),
  MULTIPART_MISSING_SEMICOLON: (state) => flag(state.multipart?.missingSemicolon),
  MULTIPART_SEMICOLON_MISSING: (state) => flag(state.multipart?.missingSemicolon),
  MULTIPART_STRICT_ERROR: (state) => flag(state.multipart?.strictError),
  MULTIPART_UNMATCHED_BOUNDARY: (state) => flag(state.multipart?.unmatchedBoundary),
  OUTBOUND_DATA_ERROR: (state) => flag(state.isResponseTruncated),
  PATH_INFO: (state) => state.filename,
  QUERY_STRING: (state) => state.queryString,
  REMOTE_ADDR: (state) => state.clientAddress,
  REMOTE_HOST: (state) => state.clientAddress,
  REMOTE_PORT: (state) => String(state.clientPort),
  REMOTE_USER: (state) => {
    const [scheme, credentials] = (state.headers.first('authorization') ?? '').split(' ');
    if (scheme?.toLowerCase() !== 'basic' || credentials === undefined) return null;
    return Buffer.from(credentials, 'base64').toString('latin1').split(':', 1)[0] ?? null;
  },
  REQBODY_ERROR: bodyError,
  REQBODY_ERROR_MSG: bodyErrorMessage,
  REQBODY_PROCESSOR: (state) => state.bodyProcessor,
  REQBODY_PROCESSOR_ERROR: bodyError,
  REQBODY_PROCESSOR_ERROR_MSG: bodyErrorMessage,
  REQUEST_BASENAME: (state) => basenameOf(state.filename),
  REQUEST_BODY: (state) => (state.requestBody === '' ? null : state.requestBody),
  REQUEST_BODY_LENGTH: (state) => String(state.rawBody.length),
  REQUEST_FILENAME: (state) => state.filename,
  REQUEST_LINE: (state) => `${state.method} ${state.uri} ${state.protocol}`,
  REQUEST_METHOD: (state) => state.method,
  REQUEST_PROTOCOL: (state) => state.protocol,
  REQUEST_URI: requestUri,
  REQUEST_URI_RAW: (state) => state.uri,
  RESPONSE_BODY: (state) => (state.responseBody === '' ? null : state.responseBody),
  RESPONSE_CONTENT_LENGTH: (state) => String(state.responseBody.length),
  RESPONSE_CONTENT_TYPE: (state) => state.responseHeaders.first('content-type'),
  RESPONSE_PROTOCOL: (state) => (state.responseProtocol === '' ? null : state.responseProtocol),
  RESPONSE_STATUS: (state) => (state.responseStatus === 0 ? null : String(state.responseStatus)),
  SERVER_ADDR: (state) => state.serverAddress,
  SERVER_NAME: (state) => state.headers.first('host')?.replace(/:\d*$/, '') ?? '',
  SERVER_PORT: (state) => String(state.serverPort),
  SESSIONID: (state) => state.collections?.get('SESSION')?.key ?? '',
  STATUS_LINE: (state) =>
    state.responseStatus === 0 ? null : `${state.responseProtocol} ${state.responseStatus}`,
  TIME: (state) => {
    const date = dateOf(state);
    return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:${twoDigits(date.getSeconds())}`;
  },
  TIME_DAY: (state) => String(dateOf(state).getDate()),
  TIME_EPOCH: (state) => String(Math.floor(state.startedAtMs / 1000)),
  TIME_HOUR: (state) => String(dateOf(state).getHours()),
  TIME_MIN: (state) => String(dateOf(state).getMinutes()),
  TIME_MON: (state) => String(dateOf(state).getMonth()),
  TIME_SEC: (state) => String(dateOf(state).getSeconds()),
  TIME_WDAY: (state) => String(dateOf(state).getDay()),
  TIME_YEAR: (state) => String(dateOf(state).getFullYear()),
  UNIQUE_ID: (state) => state.uniqueId,
  URLENCODED_ERROR: (state) => flag(state.hasMalformedEscape),
  USERID: (state) => state.collections?.get('USER')?.key ?? '',
  WEBAPPID: (state) => state.profile.ruleSet.settings.webApplicationId,
};

function pushAll(variable: CollectionName, list: NamedValues, ofNames: boolean, into: ValueList): void {
  const { names, values } = list;
  for (let i = 0; i < names.length; i++) into.push(variable, names[i]!, ofNames ? names[i]! : values[i]!);
}

function pushKey(
  variable: CollectionName,
  list: NamedValues,
  ofNames: boolean,
  lowerKey: string,
  into: ValueList,
): void {
  if (list.names.length === 0) return;
  const lowerNames = list.lowerNames();
  for (let i = 0; i < lowerNames.length; i++) {
    if (lowerNames[i] === lowerKey) {
      into.push(variable, list.names[i]!, ofNames ? list.names[i]! : list.values[i]!);
    }
  }
}

/** A collection that is one or two lists; `ofNames` for the variable that holds their names. */
function listReader(
  variable: CollectionName,
  lists: readonly ((state: TransactionState) => NamedValues)[],
  ofNames: boolean,
): CollectionReader {
  return {
    all: (state, into) => {
      for (let i = 0; i < lists.length; i++) pushAll(variable, lists[i]!(state), ofNames, into);
    },
    key: (state, lowerKey, into) => {
      for (let i = 0; i < lists.length; i++) pushKey(variable, lists[i]!(state), ofNames, lowerKey, into);
    },
  };
}

type RowLister = (state: TransactionState, push: (key: string, value: string) => void) => void;

/** For collections that are rarely asked for: lists all, and filters by key. */
function rowReader(variable: CollectionName, list: RowLister): CollectionReader {
  return {
    all: (state, into) => list(state, (key, value) => into.push(variable, key, value)),
    key: (state, lowerKey, into) =>
      list(state, (key, value) => {
        if (key.toLowerCase() === lowerKey) into.push(variable, key, value);
      }),
  };
}

function boundReader(variable: 'GLOBAL' | 'IP' | 'RESOURCE' | 'SESSION' | 'USER'): CollectionReader {
  return rowReader(variable, (state, push) => {
    for (const [name, value] of state.collections?.get(variable)?.values ?? []) push(name, value);
  });
}

const queryArguments = (state: TransactionState): NamedValues => state.queryArguments;
const bodyArguments = (state: TransactionState): NamedValues => state.bodyArguments;
const headers = (state: TransactionState): NamedValues => state.headers;
const responseHeaders = (state: TransactionState): NamedValues => state.responseHeaders;
export const cookiesOf = (state: TransactionState): NamedValues =>
  (state.cookies ??= parseCookies(state.headers));

export const collectionReaders: Readonly<Record<CollectionName, CollectionReader>> = {
  ARGS: listReader('ARGS', [queryArguments, bodyArguments], false),
  ARGS_GET: listReader('ARGS_GET', [queryArguments], false),
  ARGS_GET_NAMES: listReader('ARGS_GET_NAMES', [queryArguments], true),
  ARGS_NAMES: listReader('ARGS_NAMES', [queryArguments, bodyArguments], true),
  ARGS_POST: listReader('ARGS_POST', [bodyArguments], false),
  ARGS_POST_NAMES: listReader('ARGS_POST_NAMES', [bodyArguments], true),
  ENV: rowReader('ENV', (state, push) => {
    for (const [name, value] of state.environment ?? []) push(name, value);
  }),
  FILES: rowReader('FILES', (state, push) => {
    for (const file of state.files) push(file.field, file.filename);
  }),
  FILES_NAMES: rowReader('FILES_NAMES', (state, push) => {
    for (const file of state.files) push(file.field, file.field);
  }),
  FILES_SIZES: rowReader('FILES_SIZES', (state, push) => {
    for (const file of state.files) push(file.field, String(file.size));
  }),
  FILES_TMPNAMES: rowReader('FILES_TMPNAMES', () => {}),
  FILES_TMP_CONTENT: rowReader('FILES_TMP_CONTENT', (state, push) => {
    for (const file of state.files) push(file.field, file.content);
  }),
  GEO: rowReader('GEO', () => {}),
  GLOBAL: boundReader('GLOBAL'),
  IP: boundReader('IP'),
  MATCHED_VARS: {
    all: ({ matched }, into) => {
      for (let i = 0; i < matched.count; i++) {
        into.push(matched.variables[i]!, matched.keys[i]!, matched.values[i]!);
      }
    },
    key: ({ matched }, lowerKey, into) => {
      for (let i = 0; i < matched.count; i++) {
        if (matched.nameAt(i).toLowerCase() === lowerKey) {
          into.push(matched.variables[i]!, matched.keys[i]!, matched.values[i]!);
        }
      }
    },
  },
  MATCHED_VARS_NAMES: rowReader('MATCHED_VARS_NAMES', ({ matched }, push) => {
    for (let i = 0; i < matched.count; i++) push(matched.nameAt(i), matched.nameAt(i));
  }),
  MULTIPART_FILENAME: rowReader('MULTIPART_FILENAME', (state, push) => {
    for (const file of state.files) push(file.field, file.filename);
  }),
  MULTIPART_NAME: rowReader('MULTIPART_NAME', (state, push) => {
    for (const file of state.files) push(file.field, file.field);
  }),
  MULTIPART_PART_HEADERS: rowReader('MULTIPART_PART_HEADERS', (state, push) => {
    for (const { part, line } of state.partHeaders) push(part, line);
  }),
  REQUEST_COOKIES: listReader('REQUEST_COOKIES', [cookiesOf], false),
  REQUEST_COOKIES_NAMES: listReader('REQUEST_COOKIES_NAMES', [cookiesOf], true),
  REQUEST_HEADERS: listReader('REQUEST_HEADERS', [headers], false),
  REQUEST_HEADERS_NAMES: listReader('REQUEST_HEADERS_NAMES', [headers], true),
  RESOURCE: boundReader('RESOURCE'),
  RESPONSE_HEADERS: listReader('RESPONSE_HEADERS', [responseHeaders], false),
  RESPONSE_HEADERS_NAMES: listReader('RESPONSE_HEADERS_NAMES', [responseHeaders], true),
  RULE: rowReader('RULE', (state, push) => {
    const { rule } = state;
    if (rule === null) return;
    push('id', String(rule.id));
    push('msg', rule.links[0]!.message?.text ?? '');
    push('logdata', rule.links[0]!.logData?.text ?? '');
    push('severity', rule.severity === null ? '' : String(rule.severity));
    push('rev', rule.revision);
    push('ver', rule.version);
  }),
  SESSION: boundReader('SESSION'),
  TX: {
    all: (state, into) => state.tx.collectAll(into),
    key: (state, lowerKey, into) => {
      const value = state.tx.readNamed(lowerKey);
      if (value !== null) into.push('TX', lowerKey, value);
    },
  },
  USER: boundReader('USER'),
};
