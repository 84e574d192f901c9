// Posting to receivers over HTTP, through the guarded fetch, and what its statuses mean to an exporter.
import { FetchError, type GuardedAnswer, guardedFetch } from '../../net/index.ts';
import { SendError } from '../sink.ts';

/** Longest time a receiver may take, ms, and most of its answer, bytes. */
const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 8 << 20;

export interface Post {
  readonly url: string;
  readonly method?: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly ca: string;
}

/** Rejects with SendError of kind `retry` when there is no answer. */
export async function post({ url, method = 'POST', headers, body, ca }: Post): Promise<GuardedAnswer> {
  try {
    return await guardedFetch({
      url,
      method,
      headers,
      body,
      ca,
      reach: 'anywhere',
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    });
  } catch (error) {
    throw new SendError(
      'retry',
      error instanceof FetchError ? error.message : 'the receiver does not answer',
    );
  }
}

/** The error of an answer whose status is not one of success. */
export function errorOf({ status, headers }: GuardedAnswer): SendError {
  const kind =
    status === 401 || status === 403 || status === 404 || (status >= 300 && status < 400)
      ? 'refused'
      : status === 408 || status === 425 || status === 429 || status >= 500
        ? 'retry'
        : 'permanent';
  return new SendError(kind, `the receiver answers ${status}`, retryAfterMs(headers['retry-after']));
}

/** Seconds or a date (RFC 9110 section 10.2.3). */
function retryAfterMs(value: unknown): number {
  if (typeof value !== 'string') return 0;
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.max(0, at - Date.now());
}

export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
