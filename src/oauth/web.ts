// What the server's own pages need of HTTP: bodies within a bound, answers, cookies, and proof that a form came from a
// page of ours in this very browser.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TextSeal } from '../credentials/index.ts';
import { pageFields } from './pages/layout.ts';

/** A passkey with its attestation is below this, bytes. */
const MAX_BODY = 65_536;

/** The request can not be taken; the message is for people. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function readBody(request: IncomingMessage, type: string): Promise<string> {
  if ((request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase() !== type)
    throw new RequestError(415, 'This is not what the form sends.');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY) throw new RequestError(413, 'This is too long.');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Fields of a form; of repeated ones there is none, so that nobody reads one and acts on another. */
export async function readForm(request: IncomingMessage): Promise<ReadonlyMap<string, string>> {
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(
    await readBody(request, 'application/x-www-form-urlencoded'),
  )) {
    if (fields.has(name)) throw new RequestError(400, 'The form came twice.');
    fields.set(name, value);
  }
  return fields;
}

export async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse(await readBody(request, 'application/json'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch (error) {
    if (error instanceof RequestError) throw error;
  }
  throw new RequestError(400, 'This is not what the page sends.');
}

export function sendPage(
  response: ServerResponse,
  text: string,
  status = 200,
  formTargets: readonly string[] = [],
): void {
  response.writeHead(status, { ...pageFields(formTargets), 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

export function redirect(response: ServerResponse, to: string): void {
  response.writeHead(303, { location: to, 'cache-control': 'no-store', 'content-length': 0 });
  response.end();
}

export function cookieOf(request: IncomingMessage, name: string): string {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at !== -1 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return '';
}

export function setCookie(
  response: ServerResponse,
  name: string,
  value: string,
  maxAgeS: number,
  secure: boolean,
): void {
  const cookie = `${name}=${value}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  response.appendHeader('set-cookie', cookie);
}

/** A text that only a page of ours for `place` can hold. */
export const csrfToken = (seal: TextSeal, place: string): string => seal.close('csrf', { place }) ?? '';

/**
 * Throws RequestError unless the request comes from a page of ours for `place`: the token says so, and the browser does
 * where it tells (Fetch Metadata, Origin).
 */
export function checkOrigin(
  request: IncomingMessage,
  seal: TextSeal,
  place: string,
  token: string | undefined,
  origin: string,
): void {
  const site = request.headers['sec-fetch-site'];
  const from = request.headers.origin;
  const foreign =
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (from !== undefined && from !== origin);
  const opened = token === undefined ? null : seal.open('csrf', token);
  if (foreign || place === '' || opened?.['place'] !== place)
    throw new RequestError(
      403,
      'This form did not come from here, or its page is too old. Go back and try again.',
    );
}
