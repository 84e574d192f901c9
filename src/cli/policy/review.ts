// `gatewright policy review`: who can call what, and with recorded traffic when they last did. For people, for programs, and
// as a table for those who sign access reviews.
import { callerMethod } from '../../guards/authenticate/contract.ts';
import { type ReviewRow, reviewAccess } from '../../guards/authorize/index.ts';
import { Exit, print, printable, printJson } from '../output.ts';
import { lintedApis } from './check.ts';
import { loadForPolicies } from './load.ts';
import { readPrincipals } from './recorded.ts';
import { type StoredCaller, storedCallers, withStored } from './stored-callers.ts';
import { type Caller, CallerRoles, readUsage, type Usage, useKey } from './usage.ts';

type Options = Readonly<Record<string, unknown>>;

interface ReviewedRow extends Omit<ReviewRow, 'access'> {
  /** `unknown` where a role that a token gives would open it, and nobody said what tokens of this caller say. */
  readonly access: ReviewRow['access'] | 'unknown';
  /** Requests that were let through, by callers to whom the row applies; null without recorded traffic. */
  readonly calls: number | null;
  readonly refused: number | null;
  /** The last one, RFC 3339; empty for none. */
  readonly last: string;
}

export async function runPolicyReview(options: Options): Promise<number> {
  const { config } = await loadForPolicies(options);
  const log = options['log'];
  const usage =
    log === undefined
      ? null
      : await readUsage(log === true ? undefined : (log as string), config, {
          fromMs: options['since'] as number,
        });
  const stored = usage === null ? [] : await storedCallers(options, config);
  const roles = new CallerRoles(config, withStored(readPrincipals(options['principals']), stored));
  const callers = usage === null ? [] : callersOf(usage, config.consumers, stored);
  const named = callers.map((caller) => roles.subjectOf(caller));
  const rows = lintedApis(config)
    .flatMap((api) => reviewAccess(api, config.identity, named))
    .map((row) => withUse(row, usage, callers, roles));
  // A caller that may not and did not is of no interest.
  const told = rows.filter(
    ({ access, calls, refused }) =>
      (access !== 'no' && access !== 'unknown') || (calls ?? 0) + (refused ?? 0) > 0,
  );
  if (options['json'] === true) {
    const seen = usage === null ? {} : { requests: usage.requests, from: usage.from, until: usage.until };
    printJson({ ok: true, ...seen, access: usage === null ? rows.map(withoutUse) : rows });
  } else if (options['csv'] === true) printTable(told);
  else printReview(told, usage);
  return Exit.ok;
}

/** Those that were seen, and those that the configuration and the state know. */
function callersOf(
  usage: Usage,
  consumers: readonly { readonly id: string; readonly identities: readonly string[] }[],
  stored: readonly StoredCaller[],
): Caller[] {
  const unseen = consumers.filter(({ id }) => !usage.callers.has(id));
  const known = new Set([...usage.callers.keys(), ...consumers.map(({ id }) => id)]);
  return [
    ...usage.callers.values(),
    ...unseen.map(({ id, identities }): Caller => {
      const method = callerMethod(identities.length > 0 ? 'mtls' : 'api-key');
      return { id, method, uses: new Map() };
    }),
    ...stored.filter(({ id }) => !known.has(id)).map(({ id, method }) => ({ id, method, uses: new Map() })),
  ].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function withUse(
  row: ReviewRow,
  usage: Usage | null,
  callers: readonly Caller[],
  roles: CallerRoles,
): ReviewedRow {
  if (usage === null) return { ...row, calls: null, refused: null, last: '' };
  const key = useKey(row.api, row.operation);
  const role = row.who.startsWith('role ') ? row.who.slice('role '.length) : null;
  const type = row.who.startsWith('any ') ? row.who.slice('any '.length) : null;
  let [calls, refused, last] = [0, 0, ''];
  for (const caller of callers) {
    const applies =
      role !== null
        ? roles.has(caller, role)
        : type !== null
          ? roles.isPlain(caller, type)
          : caller.id === row.who;
    const use = applies ? caller.uses.get(key) : undefined;
    if (use === undefined) continue;
    calls += use.calls;
    refused += use.refused;
    if (use.last > last) last = use.last;
  }
  const caller = callers.find(({ id }) => id === row.who);
  const isUnknown =
    row.access === 'no' && caller !== undefined && !roles.isKnown(caller) && roles.isOpenAtAll;
  return { ...row, access: isUnknown ? 'unknown' : row.access, calls, refused, last };
}

const withoutUse = ({ calls: _calls, refused: _refused, last: _last, ...row }: ReviewedRow) => row;

function printReview(rows: readonly ReviewedRow[], usage: Usage | null): void {
  let heading = '';
  for (const row of rows) {
    const { api, operation, who, access, scopes, permits, forbids } = row;
    const here = `${api}  ${operation}${scopes.length === 0 ? '' : `  (scope ${scopes.join(' or ')})`}`;
    if (here !== heading) print(here);
    heading = here;
    const by = permits.length === 0 ? '' : `  by ${permits.join(', ')}`;
    const unless = forbids.length === 0 ? '' : `  unless ${forbids.join(', ')}`;
    print(`  ${words[access]} ${printable(who)}${by}${unless}${useText(row)}`);
  }
  if (usage === null) return;
  print('');
  print(
    usage.requests === 0
      ? 'No requests were recorded.'
      : `${usage.requests} requests of ${usage.callers.size} callers, ${usage.from} to ${usage.until}.`,
  );
}

const words = {
  yes: 'may        ',
  conditional: 'may, if so ',
  no: 'may not    ',
  unknown: 'unknown    ',
} as const;

function useText({ calls, refused, last }: ReviewedRow): string {
  if (calls === null) return '';
  const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
  const denied = (refused ?? 0) === 0 ? '' : `, refused ${times(refused!)}`;
  return calls === 0 ? `  never${denied}` : `  ${times(calls)}, last ${last}${denied}`;
}

function printTable(rows: readonly ReviewedRow[]): void {
  print('api,operation,who,access,scopes,permits,forbids,calls,refused,last');
  for (const { api, operation, who, access, scopes, permits, forbids, calls, refused, last } of rows)
    print(
      [
        api,
        operation,
        who,
        access,
        scopes.join(' or '),
        permits.join(' '),
        forbids.join(' '),
        String(calls ?? ''),
        String(refused ?? ''),
        last,
      ]
        .map(cell)
        .join(','),
    );
}

/** RFC 4180; what a spreadsheet would take for a formula gets an apostrophe, for names come from callers. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
