// The request target (RFC 9112 section 3.2), taken apart. Only bytes that RFC 3986 allows get through, and a
// fragment, which no client may send, is refused. HOT
import type { ErrorCode } from '../../core/index.ts';

export type TargetForm = 'origin' | 'absolute' | 'authority' | 'asterisk';

/** Parts of the last parsed target; reused. */
export class TargetParts {
  form: TargetForm = 'origin';
  /** Only in absolute form: host and port. */
  authority = '';
  path = '';
  /** Without `?`; empty when there is none. */
  query = '';
}

const pathCharacters = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*$/;
/** Query characters of RFC 3986 and those that browsers leave as they are; none of them can end a query. */
const queryCharacters = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/?%[\]{}|^`"<>\\]*$/;
const absolute = /^https?:\/\/([A-Za-z0-9\-._~:[\]]+)([/?].*)?$/i;
const percentBroken = /%(?![0-9A-Fa-f]{2})/;

/** Fills `out`; null or the reason to refuse the target. */
export function parseTarget(target: string, out: TargetParts): ErrorCode | null {
  let rest = target;
  if (target.charCodeAt(0) === 47) {
    out.form = 'origin';
  } else if (target === '*') {
    out.form = 'asterisk';
    out.path = '*';
    out.query = '';
    return null;
  } else {
    const match = absolute.exec(target);
    if (match === null) {
      out.form = 'authority';
      return /^[^/?#@]+:[0-9]+$/.test(target) ? null : 'request-malformed';
    }
    out.form = 'absolute';
    out.authority = match[1]!;
    rest = match[2] ?? '/';
    if (rest.charCodeAt(0) === 63) rest = '/' + rest;
  }
  const question = rest.indexOf('?');
  const path = question === -1 ? rest : rest.slice(0, question);
  if (!pathCharacters.test(path)) {
    return path.indexOf('\\') !== -1 ? 'request-path-ambiguous' : 'request-malformed';
  }
  out.path = path;
  if (question === -1) {
    out.query = '';
    return null;
  }
  const query = rest.slice(question + 1);
  if (!queryCharacters.test(query) || percentBroken.test(query)) return 'request-malformed';
  out.query = query;
  return null;
}
