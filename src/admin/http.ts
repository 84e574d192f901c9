// HTTP of the control plane's handlers: bodies within a bound, JSON answers with a version, cookies.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AdminProblem } from './contract.ts';

/** A passkey with its attestation is below this, bytes. */
const MAX_BODY = 65_536;

/** The body as JSON; undefined for none. Rejects with AdminProblem. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY) throw new AdminProblem('request-body-too-large', `At most ${MAX_BODY} bytes.`);
    chunks.push(chunk as Buffer);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new AdminProblem('body-invalid', 'The body is not JSON.');
  }
}

/** Strong version of a resource: it changes with anything that is shown of it but the last use. */
export const versionOf = (value: unknown): string =>
  `"${createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22)}"`;

export interface JsonAnswer {
  readonly status: number;
  readonly text: string;
  readonly etag: string;
  readonly cookies: readonly string[];
}

export function sendJson(response: ServerResponse, answer: JsonAnswer): void {
  const { status, text, etag, cookies } = answer;
  const hasBody = status !== 204 && status !== 304;
  response.writeHead(status, {
    ...(hasBody ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {}),
    'cache-control': 'no-store',
    ...(etag === '' ? {} : { etag }),
    ...(cookies.length === 0 ? {} : { 'set-cookie': [...cookies] }),
  });
  response.end(hasBody ? text : undefined);
}

/** Value of the one cookie called `name`; empty when it is not there or stands twice. */
export function cookieOf(request: IncomingMessage, name: string): string {
  let found = '';
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at === -1 || pair.slice(0, at).trim() !== name) continue;
    if (found !== '') return '';
    found = pair.slice(at + 1).trim();
  }
  return found;
}

/** A cookie of the console; an empty value takes it away. */
export function cookie(name: string, value: string, maxAgeS: number, secure: boolean): string {
  const age = value === '' ? 0 : maxAgeS;
  return `${name}=${value}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
}
