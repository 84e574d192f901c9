// Writing heads and chunks. A field list holds no line breaks, by its own rule; fields that are written without one are
// checked here, so that header injection is impossible whatever happened before. HOT
import type { FieldList } from '../fields/index.ts';

const lineBreak = /[\r\n\0]/;

/** Field lines of `fields`. */
export function encodeFields(fields: FieldList): string {
  const names = fields.names;
  const values = fields.values;
  let out = '';
  for (let i = 0; i < names.length; i++) out += names[i]! + ': ' + values[i]! + '\r\n';
  return out;
}

/** One field line. Throws TypeError when the value holds a line break. */
export function encodeField(name: string, value: string): string {
  if (lineBreak.test(value) || lineBreak.test(name)) throw new TypeError('line break in a field');
  return name + ': ' + value + '\r\n';
}

/** Size line of a chunk of `size` bytes; the data and CRLF follow. */
export function encodeChunkSize(size: number): string {
  return size.toString(16) + '\r\n';
}

/** Last chunk with the trailer section. */
export function encodeLastChunk(trailers: FieldList): string {
  return trailers.length === 0 ? '0\r\n\r\n' : '0\r\n' + encodeFields(trailers) + '\r\n';
}

/** Standard reason phrases; others are sent without one. */
export const reasonPhrases: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

const statusLines: string[] = [];
for (let status = 100; status < 1000; status++) {
  statusLines[status] = `HTTP/1.1 ${status} ${reasonPhrases[status] ?? ''}\r\n`;
}

/** Status line of a response; `status` from 100 to 999. */
export function encodeStatusLine(status: number): string {
  return statusLines[status]!;
}
