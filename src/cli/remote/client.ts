// The client of the administrative API for the command line, made from the table of operations.
import { randomUUID } from 'node:crypto';
import { type AdminOperation, type AdminOperationId, API_BASE, operations } from '../../admin-api/index.ts';
import { CommandError, printable } from '../output.ts';
import type { RemoteLogin } from './login.ts';

export interface RemoteAnswer {
  readonly status: number;
  readonly value: unknown;
  readonly etag: string;
}

export interface RemoteInput {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly ifMatch?: string;
}

export function remoteUrl(
  { url }: RemoteLogin,
  { path }: AdminOperation,
  { params = {}, query = {} }: RemoteInput,
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (params[name] === undefined) throw new CommandError(`--param ${name}=… is needed`, 2);
    return encodeURIComponent(params[name]);
  });
  const search = new URLSearchParams(query).toString();
  return `${url}${API_BASE}${filled}${search === '' ? '' : `?${search}`}`;
}

/** Throws CommandError with what the control plane said. */
export async function openRemote(
  login: RemoteLogin,
  operation: AdminOperation,
  input: RemoteInput = {},
): Promise<Response> {
  const { method } = operation;
  const { body, ifMatch } = input;
  let response: Response;
  try {
    response = await fetch(remoteUrl(login, operation, input), {
      method,
      redirect: 'error',
      headers: {
        authorization: `Bearer ${login.key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
        ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const cause = (error as Error).cause as Error | undefined;
    throw new CommandError(`${login.url} does not answer (${cause?.message ?? (error as Error).message})`);
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as {
    title?: string;
    detail?: string;
    errors?: unknown;
  };
  const errors = problem.errors === undefined ? '' : ` ${JSON.stringify(problem.errors)}`;
  throw new CommandError(
    printable(`${response.status}: ${problem.detail ?? problem.title ?? 'no reason was given'}${errors}`),
  );
}

export async function callRemote(
  login: RemoteLogin,
  id: AdminOperationId,
  input: RemoteInput = {},
): Promise<RemoteAnswer> {
  const response = await openRemote(login, operations[id], input);
  const text = await response.text();
  return {
    status: response.status,
    value: text === '' ? null : (JSON.parse(text) as unknown),
    etag: response.headers.get('etag') ?? '',
  };
}
