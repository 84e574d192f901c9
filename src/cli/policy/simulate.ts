// `gatewright policy simulate`: recorded requests against a proposed configuration; what would be decided differently. The
// access log holds neither claims nor bodies: both come from files, and what they leave open is counted and told.
import { CaseJudge, CaseProblem, type CaseVerdict, type PolicyCase } from '../../decisions/index.ts';
import type { ExchangeRecord } from '../../telemetry/index.ts';
import { Exit, print, printJson } from '../output.ts';
import { loadForPolicies } from './load.ts';
import { type Known, readBodies, readPrincipals, recordedLines } from './recorded.ts';
import { storedCallers, withStored } from './stored-callers.ts';

type Options = Readonly<Record<string, unknown>>;

/** Examples of each kind of flip. */
const MAX_EXAMPLES = 3;
/** Kinds of flips that are kept; more are counted only. */
const MAX_FLIPS = 10_000;

interface Flip {
  readonly api: string;
  readonly operation: string;
  readonly consumer: string;
  readonly from: 'allowed' | 'refused';
  /** Why it is refused, in the configuration that refuses. */
  readonly code: string;
  readonly policy: string;
  count: number;
  /** The first such requests. */
  readonly examples: { readonly id: string; readonly time: string; readonly path: string }[];
}

interface Counts {
  requests: number;
  judged: number;
  flipped: number;
  /** No operation, no caller, or an operation that one of the configurations does not have. */
  skipped: number;
  /** Judged without the rules about the body, which nobody gave. */
  withoutBody: number;
  /** Judged without query parameters, whose values the log masks. */
  withoutQuery: number;
  /** Judged without rules that ask a service whose an object is. */
  withoutOwner: number;
  /** The present configuration decides differently from the gate at the time. */
  unlikeRecorded: number;
  /** Not judged: the gate decided by claims of a token that nobody has told of. */
  unknownClaims: number;
}

export async function runPolicySimulate(options: Options, log: string | undefined): Promise<number> {
  const [now, proposed] = [
    await loadForPolicies(options),
    await loadForPolicies(options, options['against'] as string),
  ];
  const stored = await storedCallers(options, now.config);
  const known = withStored(readPrincipals(options['principals']), stored);
  const bodies = readBodies(options['bodies']);
  const judges = [
    new CaseJudge(now.config, now.places),
    new CaseJudge(proposed.config, proposed.places),
  ] as const;
  const flips = new Map<string, Flip>();
  const counts: Counts = {
    requests: 0,
    judged: 0,
    flipped: 0,
    skipped: 0,
    withoutBody: 0,
    withoutQuery: 0,
    withoutOwner: 0,
    unlikeRecorded: 0,
    unknownClaims: 0,
  };
  const window = { fromMs: options['since'] as number, untilMs: options['until'] as number };
  for await (const line of recordedLines(log, now.config, window)) {
    counts.requests++;
    const outcomes = line === null ? null : await judge(judges, line, known, bodies, counts);
    if (line === null || outcomes === null) {
      counts.skipped++;
      continue;
    }
    const [before, after] = outcomes;
    const isUnlike = differs(line, before);
    // Without its claims a caller would seem to be refused by both configurations, and nothing to change.
    if (isUnlike && line.method_of_authentication === 'jwt' && !Object.hasOwn(known, line.consumer!)) {
      counts.unknownClaims++;
      continue;
    }
    counts.judged++;
    if (isUnlike) counts.unlikeRecorded++;
    if (before.allowed === after.allowed) continue;
    counts.flipped++;
    count(flips, line, before, after);
  }
  report(
    options,
    counts,
    [...flips.values()].sort((a, b) => b.count - a.count),
  );
  return options['fail'] === true && counts.flipped > 0 ? Exit.failed : Exit.ok;
}

function report(options: Options, counts: Counts, flips: readonly Flip[]): void {
  if (options['json'] === true) {
    printJson({ ok: true, ...counts, flips });
    return;
  }
  for (const flip of flips) {
    const to = flip.from === 'allowed' ? 'refused' : 'allowed';
    const why = flip.policy === '' ? flip.code : `${flip.code}, policy "${flip.policy}"`;
    print(
      `${String(flip.count).padStart(7)}  ${flip.from} → ${to}  ${flip.api} ${flip.operation}  ${flip.consumer}  (${why})`,
    );
    for (const { time, path, id } of flip.examples) print(`             ${time}  ${path}  ${id}`.trimEnd());
  }
  print(
    `${counts.judged} of ${counts.requests} requests judged, ${counts.flipped} would be decided differently.`,
  );
  if (counts.withoutBody > 0)
    print(`${counts.withoutBody} without the rules about their bodies: --bodies brings them.`);
  if (counts.withoutQuery > 0)
    print(
      `${counts.withoutQuery} without query parameters: the log masks them, unless query-values is "keep".`,
    );
  if (counts.withoutOwner > 0)
    print(`${counts.withoutOwner} without rules that ask a service whose an object is.`);
  if (counts.unknownClaims > 0)
    print(
      `${counts.unknownClaims} not judged: they were decided by claims that the log does not hold; --principals brings them.`,
    );
  if (counts.unlikeRecorded > 0)
    print(`${counts.unlikeRecorded} are judged by the present configuration differently from the log.`);
}

/** What authorization said at the time; other guards refuse for other reasons. */
function differs({ decision, guard }: ExchangeRecord, before: CaseVerdict): boolean {
  if (decision === 'refused') return guard === 'authorize' && before.allowed;
  return !before.allowed;
}

/** Null for a request that reached no operation or no identity, or that a configuration does not have. */
async function judge(
  judges: readonly [CaseJudge, CaseJudge],
  line: ExchangeRecord,
  known: Known,
  bodies: ReadonlyMap<string, unknown>,
  counts: Counts,
): Promise<readonly [CaseVerdict, CaseVerdict] | null> {
  const { api, operation, consumer } = line;
  if (api === undefined || operation === undefined || consumer === undefined) return null;
  try {
    const found = judges[0].find(api, operation)[1];
    const path = parametersOf(found.template, line.path ?? '');
    if (path === null) return null;
    const query = queryOf(line.query ?? '');
    const request = caseOf(line, { ...query, ...path }, known, bodies);
    const part = bodies.has(line.id) ? 'all' : 'head';
    const before = await judges[0].decide(request, part);
    const after = await judges[1].decide(request, part);
    if (part === 'head' && (before.asksBody || after.asksBody)) counts.withoutBody++;
    if (query === null) counts.withoutQuery++;
    if (before.withoutOwner || after.withoutOwner) counts.withoutOwner++;
    return [before, after];
  } catch (error) {
    if (error instanceof CaseProblem) return null;
    throw error;
  }
}

function caseOf(
  line: ExchangeRecord,
  parameters: PolicyCase['parameters'],
  known: Known,
  bodies: ReadonlyMap<string, unknown>,
): PolicyCase {
  const { consumer = '', method_of_authentication: method } = line;
  const kind = method === 'jwt' ? 'user' : method === 'mtls' ? 'service' : 'client';
  const says = Object.hasOwn(known, consumer) ? known[consumer] : undefined;
  return {
    api: line.api,
    operation: line.operation!,
    as: { [kind]: consumer, scopes: says?.scopes, claims: says?.claims ?? {} },
    parameters,
    body: bodies.get(line.id),
    address: line.client_address ?? '127.0.0.1',
    country: line.country,
    asn: line.asn,
    risk: line.risk ?? 0,
    signs: [...(line.risk_signs ?? [])],
    time: line.time,
    agent: line.user_agent,
    relations: {},
  };
}

/** Null where the log masks the values. */
function queryOf(query: string): Record<string, string | string[]> | null {
  const out: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(query)) {
    if (value === '*') return null;
    const before = out[name];
    out[name] = before === undefined ? value : [before, value].flat();
  }
  return out;
}

function parametersOf(template: string, path: string): Record<string, string> | null {
  const names = [...template.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]!);
  const pattern = template
    .split(/\{[^{}]+\}/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('([^/]*)');
  const match = new RegExp(`^${pattern}$`).exec(path);
  if (match === null) return null;
  try {
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(match[index + 1]!)]));
  } catch {
    return null;
  }
}

/** Refusals that a policy stands behind. */
const byPolicy: ReadonlySet<string> = new Set([
  'policy-denied',
  'authentication-insufficient',
  'rate-limited',
]);

function count(
  flips: Map<string, Flip>,
  line: ExchangeRecord,
  before: CaseVerdict,
  after: CaseVerdict,
): void {
  const refused = before.allowed ? after : before;
  const { code } = refused;
  const policy = byPolicy.has(code) ? refused.policy : '';
  const from = before.allowed ? 'allowed' : 'refused';
  const { consumer = '', api = '', operation = '' } = line;
  const key = JSON.stringify([from, api, operation, consumer, code, policy]);
  let flip = flips.get(key);
  if (flip === undefined) {
    if (flips.size >= MAX_FLIPS) return;
    flip = { api, operation, consumer, from, code, policy, count: 0, examples: [] };
    flips.set(key, flip);
  }
  flip.count++;
  if (flip.examples.length < MAX_EXAMPLES)
    flip.examples.push({ id: line.id, time: line.time, path: line.path ?? '' });
}
