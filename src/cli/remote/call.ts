// Any operation of the administrative API from the command line. Parameters find their place by the table of operations; a change
// of something that has versions reads it first and names the version.
import {
  type AdminOperation,
  type AdminOperationId,
  operationEntries,
  operations,
} from '../../admin-api/index.ts';
import { closestName } from '../../core/index.ts';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';
import { table } from '../state.ts';
import { callRemote, openRemote, type RemoteInput } from './client.ts';
import { loginOf } from './login.ts';

type Options = Readonly<Record<string, unknown>>;

/** Sign-in belongs to browsers, and the stream has a command of its own. */
const isCallable = ([id, { permission, tag }]: readonly [AdminOperationId, AdminOperation]): boolean =>
  permission !== 'open' && id !== 'live' && (tag !== 'sign-in' || id === 'getSession');
const callable = operationEntries.filter(isCallable);

function operationOf(name: string): AdminOperationId {
  const found = callable.find(([id]) => id === name);
  if (found !== undefined) return found[0];
  const close = closestName(
    name,
    callable.map(([id]) => id),
  );
  throw new CommandError(
    `there is no operation "${printable(name)}"${close === null ? '' : `: did you mean ${close}?`} See "gatewright remote operations"`,
    Exit.usage,
  );
}

/** `3`, `true` and `["a"]` are what JSON makes of them, everything else is text. */
function parsedOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function inputOf(operation: AdminOperation, options: Options): RemoteInput {
  const params: Record<string, string> = {};
  const query: Record<string, string> = {};
  const members: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const pair of (options['param'] as readonly string[] | undefined) ?? []) {
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    if (operation.path.includes(`{${name}}`)) params[name] = value;
    else if (operation.query !== undefined && Object.hasOwn(operation.query.shape, name)) query[name] = value;
    else if (operation.body !== undefined) members[name] = parsedOrText(value);
    else throw new CommandError(`the operation has no parameter "${printable(name)}"`, Exit.usage);
  }
  const given = options['body'];
  if (typeof given !== 'string')
    return { params, query, ...(operation.body === undefined ? {} : { body: members }) };
  try {
    return { params, query, body: JSON.parse(given) as unknown };
  } catch (error) {
    throw new CommandError(`--body is no JSON: ${(error as Error).message}`, Exit.usage);
  }
}

export async function runRemoteCall(options: Options, name: string): Promise<number> {
  const login = loginOf(options);
  const id = operationOf(name);
  const operation: AdminOperation = operations[id];
  const input = inputOf(operation, options);
  let ifMatch: string | undefined;
  if (operation.versioned === true && operation.method !== 'GET') {
    const read = callable.find(([, other]) => other.path === operation.path && other.method === 'GET')![0];
    const params = input.params ?? {};
    ifMatch = (await callRemote(login, read, { params })).etag;
  }
  const { value } = await callRemote(login, id, { ...input, ...(ifMatch === undefined ? {} : { ifMatch }) });
  if (options['json'] === true) printJson(value ?? { ok: true });
  else print(value === null ? 'Done.' : textOf(value));
  return Exit.ok;
}

const isPlain = (value: unknown): boolean =>
  value === null ||
  typeof value !== 'object' ||
  (Array.isArray(value) && value.every((item) => typeof item !== 'object'));

function cellOf(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (name.endsWith('Ms') && typeof value === 'number' && value > 1e11) return new Date(value).toISOString();
  return printable(Array.isArray(value) ? value.join(' ') || '-' : String(value));
}

/** What people know a thing by comes first, then what it is; the rest as it came. */
const leading = [
  'index',
  'time',
  'at',
  'id',
  'name',
  'user',
  'block',
  'owner',
  'kind',
  'status',
  'decision',
  'action',
  'outcome',
];
/** Columns of a table that a terminal shows. */
const MAX_COLUMNS = 8;
const rankOf = (column: string): number =>
  leading.includes(column) ? leading.indexOf(column) : leading.length;

/** Lists as tables of what fits into a cell, single things as names and values. */
function textOf(value: unknown): string {
  const items = (value as { items?: unknown }).items;
  if (!Array.isArray(items)) {
    const rows = Object.entries(value as Record<string, unknown>).map(([name, one]) => [
      name,
      isPlain(one) ? cellOf(name, one) : printable(JSON.stringify(one)),
    ]);
    return rows.map(([name, text]) => `${name}: ${text}`).join('\n');
  }
  if (items.length === 0) return 'There is nothing.';
  const rows = items as Record<string, unknown>[];
  const names = new Set(rows.flatMap((row) => Object.keys(row).filter((key) => isPlain(row[key]))));
  const columns = [...names].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, MAX_COLUMNS);
  const text = table(
    columns.map((column) => column.toUpperCase()),
    rows.map((row) => columns.map((column) => cellOf(column, row[column]))),
  );
  const next = (value as { next?: unknown }).next;
  return typeof next === 'string' ? `${text}\nMore: --param cursor=${next}` : text;
}

export async function runRemoteOperations(options: Options): Promise<number> {
  const rows = callable.map(([id, { permission, summary }]) => ({ operation: id, permission, summary }));
  if (options['json'] === true) printJson(rows);
  else
    print(
      table(
        ['OPERATION', 'PERMISSION', ''],
        rows.map(({ operation, permission, summary }) => [operation, permission, summary]),
      ),
    );
  return Exit.ok;
}

export async function runRemoteFollow(options: Options): Promise<number> {
  const { query = {} } = inputOf(operations.live, options);
  // A stream ends now and then, so that its caller is looked at again.
  for (;;) {
    const response = await openRemote(loginOf(options), operations.live, { query });
    let rest = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split('\n\n');
      rest = parts.pop()!;
      for (const part of parts) {
        const [event, data] = part.split('\n');
        if (event !== 'event: requests' || data === undefined) continue;
        for (const item of (JSON.parse(data.slice('data: '.length)) as { items: unknown[] }).items)
          print(JSON.stringify(item));
      }
    }
  }
}
