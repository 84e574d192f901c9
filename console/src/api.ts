// The client of the administrative API. Types come from the same schemas that the gate checks with; methods and paths from the
// generated table.
import type { z } from 'zod';
import type { operations } from '../../src/admin-api/operations.ts';
import { apiTable } from './api-table.generated.ts';

type Operations = typeof operations;
export type OperationId = keyof Operations;
type SchemaOf<T> = T extends z.ZodType ? z.output<T> : undefined;
/** What the operation answers. */
export type AnswerOf<K extends OperationId> = SchemaOf<Operations[K]['success'][1]>;
type Part<K extends OperationId, P extends string> = Operations[K] extends Record<P, infer S> ? S : undefined;
type InputOf<S> = S extends z.ZodType ? z.input<S> : undefined;

export interface CallOptions<K extends OperationId> {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: InputOf<Part<K, 'body'>>;
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
}

/** What the gate said no with. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Told whenever the session turns out to be over. */
let onSignedOut: () => void = () => {};
export const whenSignedOut = (callback: () => void): void => {
  onSignedOut = callback;
};

export function urlOf(
  id: OperationId,
  params: Readonly<Record<string, string | number>> = {},
  query: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const [, path] = apiTable[id];
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const url = new URL(`api/v1${filled}`, document.baseURI);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  return url.href;
}

export interface Answer<T> {
  readonly data: T;
  readonly etag: string;
}

export async function call<K extends OperationId>(
  id: K,
  options: CallOptions<K> = {},
): Promise<Answer<AnswerOf<K>>> {
  const [method, , isOpen] = apiTable[id];
  const headers: Record<string, string> = { accept: 'application/json' };
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  if (options.ifMatch !== undefined) headers['if-match'] = options.ifMatch;
  if (method === 'POST' && !isOpen) headers['idempotency-key'] = crypto.randomUUID();
  let response: Response;
  try {
    response = await fetch(urlOf(id, options.params, options.query), {
      method,
      headers,
      credentials: 'same-origin',
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', 'The gate does not answer. Is it running?');
  }
  const text = await response.text();
  const value: unknown = text === '' ? undefined : JSON.parse(text);
  if (response.ok) return { data: value as AnswerOf<K>, etag: response.headers.get('etag') ?? '' };
  const problem = (value ?? {}) as { type?: string; title?: string; detail?: string };
  const code = (problem.type ?? '').replace('urn:gatewright:problem:', '');
  if (response.status === 401 && !isOpen) onSignedOut();
  throw new ApiError(
    response.status,
    code,
    problem.detail ?? problem.title ?? `The gate answered ${response.status}.`,
  );
}
