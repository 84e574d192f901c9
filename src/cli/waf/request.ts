// A request to be tested, from a raw HTTP message, from options, or from a curl command line, and its bytes as a client
// would send them.

export interface TestRequest {
  readonly method: string;
  /** Path and query as they go on the wire. */
  readonly target: string;
  /** In order, as written. Host is among them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** The request cannot be read; the message says why. */
export class RequestSyntaxError extends Error {
  override readonly name = 'RequestSyntaxError';
}

export interface RequestParts {
  readonly method: string | null;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Null: no body. */
  readonly body: Buffer | null;
}

/** A request of its parts, completed as HTTP clients do. Throws RequestSyntaxError. */
export function completeRequest(parts: RequestParts): TestRequest {
  const { host, target } = splitUrl(parts.url);
  const headers = parts.headers.slice();
  const has = (name: string): boolean => headers.some(([key]) => key.toLowerCase() === name);
  if (!has('host')) headers.unshift(['Host', host]);
  const body = parts.body ?? Buffer.alloc(0);
  if (parts.body !== null && !has('content-type'))
    headers.push(['Content-Type', 'application/x-www-form-urlencoded']);
  if (parts.body !== null && !has('content-length') && !has('transfer-encoding'))
    headers.push(['Content-Length', String(body.length)]);
  return { method: parts.method ?? (parts.body === null ? 'GET' : 'POST'), target, headers, body };
}

/** Neither path nor query is normalised: an attack must be seen as it was sent. */
function splitUrl(url: string): { host: string; target: string } {
  const match = /^(?:https?:\/\/([^/?#]*))?([^#]*)/i.exec(url)!;
  const rest = match[2]!;
  if (match[1] === undefined && !rest.startsWith('/'))
    throw new RequestSyntaxError(`"${url}" is no URL and no path`);
  const target = rest === '' ? '/' : rest.startsWith('?') ? `/${rest}` : rest;
  // What can not stand in a request line is escaped as clients do; all else stays as it is written.
  const sendable = target.replace(/[^\x21-\x7e]+/g, (part) => encodeURIComponent(part));
  return { host: match[1]?.replace(/^.*@/, '') || 'localhost', target: sendable };
}

/** Bytes of an HTTP/1.1 message. */
export function encodeRequest({ method, target, headers, body }: TestRequest): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1'), body]);
}

/**
 * Bytes of a message in a file: bare LF becomes CRLF in its head, and Content-Length is what the body has, because files
 * are edited by hand.
 */
export function encodeRawRequest(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const found = /\r?\n\r?\n/.exec(text);
  const head = found === null ? text.replace(/(?:\r?\n)+$/, '') : text.slice(0, found.index);
  const body = found === null ? '' : text.slice(found.index + found[0].length);
  const lines = head.split(/\r?\n/);
  const isChunked = lines.some((line) => /^transfer-encoding\s*:/i.test(line));
  const kept = isChunked ? lines : lines.filter((line) => !/^content-length\s*:/i.test(line));
  // An editor ends the last line of a file; a client does not.
  const trimmed = isChunked ? body : body.replace(/\r?\n$/, '');
  if (!isChunked && trimmed !== '') kept.push(`Content-Length: ${trimmed.length}`);
  return Buffer.from(`${kept.join('\r\n')}\r\n\r\n${trimmed}`, 'latin1');
}
