// Problem documents (RFC 9457). `type` is a URN, because a URL would promise a page that the gate's operator may not
// want to serve; `instance` carries the random id that the access log has too. HOT
import { type ErrorCode, errorCodes, errorTable } from '../../core/index.ts';

const prefixes = new Map<ErrorCode, string>();
for (const code of errorCodes) {
  const { status, title } = errorTable[code];
  const head = JSON.stringify({ type: `urn:gatewright:problem:${code}`, title, status });
  prefixes.set(code, head.slice(0, -1) + ',"instance":"urn:gatewright:request:');
}

/**
 * JSON text of the problem `code` for the request `id` (hexadecimal). `detail` and the extension `members` are shown
 * to the client; members can not replace the standard ones.
 */
export function buildProblem(
  code: ErrorCode,
  id: string,
  detail: string,
  members: Readonly<Record<string, unknown>> | null,
): string {
  let out = prefixes.get(code)! + id + '"';
  if (detail !== '') out += ',"detail":' + JSON.stringify(detail);
  if (members !== null) {
    for (const name of Object.keys(members)) {
      if (standard.has(name)) continue;
      out += ',' + JSON.stringify(name) + ':' + (JSON.stringify(members[name]) ?? 'null');
    }
  }
  return out + '}';
}

const standard = new Set(['type', 'title', 'status', 'instance', 'detail']);
