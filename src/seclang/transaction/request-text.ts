// HOT. Texts derived from the request line: what ModSecurity calls REQUEST_URI, REQUEST_BASENAME and FULL_REQUEST.

import type { TransactionState } from './state.ts';
import { decodePercent } from './url-encoded.ts';

/** Target without scheme and authority, percent-decoded as in ModSecurity v3. */
export function requestUri(state: TransactionState): string {
  return decodePercent(withoutAuthority(state.uri));
}

const absolute = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/;

export function withoutAuthority(uri: string): string {
  if (uri.charCodeAt(0) === 47 || !absolute.test(uri)) return uri;
  return uri.replace(absolute, '');
}

/** What follows the last slash or backslash. */
export function basenameOf(path: string): string {
  const slash = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
  return path.slice(slash + 1);
}

export function fullRequest(state: TransactionState): string {
  let text = `${state.method} ${state.uri} ${state.protocol}\r\n`;
  const { names, values } = state.headers;
  for (let i = 0; i < names.length; i++) text += `${names[i]}: ${values[i]}\r\n`;
  return `${text}\r\n${state.rawBody}`;
}
