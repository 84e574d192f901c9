// Problem documents (RFC 9457) of the control plane's services, from the one table of errors.
import type { ServerResponse } from 'node:http';
import { type ErrorCode, errorTable } from '../core/index.ts';
import { buildProblem } from '../http/problem/index.ts';

/** Ends `response` with the problem `code`. `id` joins it to the access log; detail and members are shown to the client. */
export function sendProblem(
  response: ServerResponse,
  code: ErrorCode,
  id: string,
  detail = '',
  members: Readonly<Record<string, unknown>> | null = null,
): void {
  const body = buildProblem(code, id, detail, members);
  response.writeHead(errorTable[code].status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}
