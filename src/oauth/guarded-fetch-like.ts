// The guarded fetch in the shape that libraries know, for what clients and providers name: key sets, logout endpoints,
// discovery. No redirects, no plain http but to loopback where that was configured, no private addresses that only a
// document names.
import { guardedFetch } from '../net/index.ts';

export type FetchLike = (url: string | URL, options?: FetchOptions) => Promise<Response>;

export interface FetchOptions {
  readonly method?: string | undefined;
  readonly headers?: unknown;
  readonly body?: unknown;
}

const TIMEOUT_MS = 5000;
const MAX_BYTES = 262_144;

export function guardedFetchLike(options: {
  /** Origin that the configuration names: it may be anywhere. Empty for none. */
  readonly trusted: string;
  readonly mayBePrivate: boolean;
  readonly ca: string;
}): FetchLike {
  return async (target, { method = 'GET', headers, body } = {}) => {
    const url = new URL(String(target));
    if (method !== 'GET' && method !== 'POST') throw new TypeError(`${method} is not sent`);
    const fields = Object.fromEntries(new Headers((headers ?? {}) as Record<string, string>));
    const answer = await guardedFetch({
      url: url.href,
      method,
      headers: fields,
      ...(body === undefined || body === null ? {} : { body: String(body) }),
      reach: options.mayBePrivate || url.origin === options.trusted ? 'anywhere' : 'public',
      ca: options.ca,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
    });
    const out = new Headers();
    for (const [name, value] of Object.entries(answer.headers))
      if (value !== undefined) out.set(name, typeof value === 'string' ? value : value.join(', '));
    const empty = answer.status === 204 || answer.status === 304;
    return new Response(empty ? null : answer.body, { status: answer.status, headers: out });
  };
}
