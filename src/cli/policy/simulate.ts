// `gatewright policy simulate`: recorded requests against a proposed configuration; what would be decided differently. The
// access log holds neither claims nor bodies: claims come from a file, and rules about the body are left out.
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { YamlText } from '../../core/yaml-text.ts';
import { CaseJudge, type CaseOutcome, CaseProblem, type PolicyCase } from '../../decisions/index.ts';
import { CommandError, Exit, print, printJson } from '../output.ts';
import { loadForPolicies } from './load.ts';

type Options = Readonly<Record<string, unknown>>;

const principalsSchema = z.record(
  z.string(),
  z.strictObject({
    scopes: z.array(z.string()).optional(),
    claims: z.record(z.string(), z.unknown()).default({}),
  }),
);

type Known = z.output<typeof principalsSchema>;

interface LogLine {
  readonly api?: string;
  readonly operation?: string;
  readonly consumer?: string;
  readonly method_of_authentication?: string;
  readonly path?: string;
  readonly client_address?: string;
  readonly country?: string;
  readonly asn?: number;
  readonly time?: string;
  readonly user_agent?: string;
  readonly risk?: number;
}

interface Flip {
  readonly api: string;
  readonly operation: string;
  readonly consumer: string;
  readonly from: 'allowed' | 'refused';
  /** Why it is refused, in the configuration that refuses. */
  readonly code: string;
  readonly policy: string;
  count: number;
  /** Path of the first such request. */
  readonly example: string;
}

export async function runPolicySimulate(options: Options, log: string): Promise<number> {
  const [now, proposed] = [
    await loadForPolicies(options),
    await loadForPolicies(options, options['against'] as string),
  ];
  const known = readPrincipals(options['principals']);
  const judges = {
    now: new CaseJudge(now.config, now.places),
    proposed: new CaseJudge(proposed.config, proposed.places),
  };
  const flips = new Map<string, Flip>();
  const counts = { requests: 0, judged: 0, flipped: 0, skipped: 0 };
  const input = createReadStream(log);
  const opened = new Promise<void>((resolve, reject) => {
    input.once('open', () => resolve());
    input.once('error', (error: NodeJS.ErrnoException) =>
      reject(new CommandError(`${log} can not be read (${error.code})`, Exit.usage)),
    );
  });
  await opened;
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (text === '') continue;
    counts.requests++;
    const line = parseLine(text);
    const before = line === null ? null : await outcomeOf(judges.now, line, known);
    const after = line === null ? null : await outcomeOf(judges.proposed, line, known);
    if (line === null || before === null || after === null) {
      counts.skipped++;
      continue;
    }
    counts.judged++;
    if (before.allowed === after.allowed) continue;
    counts.flipped++;
    count(flips, line, before, after);
  }
  const list = [...flips.values()].sort((a, b) => b.count - a.count);
  if (options['json'] === true) printJson({ ok: true, ...counts, flips: list });
  else {
    for (const flip of list) {
      const to = flip.from === 'allowed' ? 'refused' : 'allowed';
      const why = flip.policy === '' ? flip.code : `${flip.code}, policy "${flip.policy}"`;
      print(
        `${String(flip.count).padStart(7)}  ${flip.from} → ${to}  ${flip.api} ${flip.operation}  ${flip.consumer}  (${why})  ${flip.example}`,
      );
    }
    print(
      `${counts.judged} of ${counts.requests} requests judged, ${counts.flipped} would be decided differently.`,
    );
  }
  return options['fail'] === true && counts.flipped > 0 ? Exit.failed : Exit.ok;
}

function readPrincipals(file: unknown): Known {
  if (typeof file !== 'string') return {};
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`, Exit.usage);
  }
  const yaml = new YamlText(text);
  const parsed = principalsSchema.safeParse(yaml.problems.length > 0 ? null : yaml.toJS(0));
  if (!parsed.success)
    throw new CommandError(`${file} is no map of consumers with scopes and claims`, Exit.usage);
  return parsed.data;
}

function parseLine(text: string): LogLine | null {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null ? (line as LogLine) : null;
  } catch {
    return null;
  }
}

/** Null for a request that reached no operation or no identity, or that the configuration does not have. */
async function outcomeOf(judge: CaseJudge, line: LogLine, known: Known): Promise<CaseOutcome | null> {
  const { api, operation, consumer, method_of_authentication: method } = line;
  if (typeof api !== 'string' || typeof operation !== 'string' || typeof consumer !== 'string') return null;
  try {
    const [, found] = judge.find(api, operation);
    const parameters = parametersOf(found.template, line.path ?? '');
    if (parameters === null) return null;
    const kind = method === 'jwt' ? 'user' : method === 'mtls' ? 'service' : 'client';
    const says = Object.hasOwn(known, consumer) ? known[consumer] : undefined;
    const request: PolicyCase = {
      api,
      operation,
      as: { [kind]: consumer, scopes: says?.scopes, claims: says?.claims ?? {} },
      parameters,
      address: line.client_address ?? '127.0.0.1',
      country: line.country,
      asn: line.asn,
      risk: line.risk,
      time: line.time,
      agent: line.user_agent,
      relations: {},
    };
    return await judge.judge(request, 'head');
  } catch (error) {
    if (error instanceof CaseProblem) return null;
    throw error;
  }
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

function count(flips: Map<string, Flip>, line: LogLine, before: CaseOutcome, after: CaseOutcome): void {
  const { code, policy } = before.allowed ? after : before;
  const from = before.allowed ? 'allowed' : 'refused';
  const consumer = line.consumer ?? '';
  const { api, operation } = before;
  const key = JSON.stringify([from, api, operation, consumer, code, policy]);
  const known = flips.get(key);
  if (known !== undefined) known.count++;
  else flips.set(key, { api, operation, consumer, from, code, policy, count: 1, example: line.path ?? '' });
}
