// `gatewright policy explain`: one request, and what every rule and policy says of it.
import { readFileSync } from 'node:fs';
import {
  CaseJudge,
  type CaseOutcome,
  CaseProblem,
  caseSchema,
  type PolicyCase,
} from '../../decisions/index.ts';
import type { RuleOutcome } from '../../guards/authorize/index.ts';
import { CommandError, Exit, print, printJson } from '../output.ts';
import { loadForPolicies } from './load.ts';

type Options = Readonly<Record<string, unknown>>;

export async function runPolicyExplain(options: Options, operation: string): Promise<number> {
  const { config, places } = await loadForPolicies(options);
  const request = caseOf(options, operation);
  let outcome: CaseOutcome;
  try {
    outcome = await new CaseJudge(config, places).judge(request);
  } catch (error) {
    if (error instanceof CaseProblem) throw new CommandError(error.message, Exit.usage);
    throw error;
  }
  if (options['json'] === true) printJson({ ok: true, ...outcome });
  else printOutcome(outcome);
  return outcome.allowed ? Exit.ok : Exit.failed;
}

function caseOf(options: Options, operation: string): PolicyCase {
  const parsed = caseSchema.safeParse({
    operation,
    api: options['api'],
    as: {
      user: options['user'],
      client: options['client'],
      service: options['service'],
      scopes: options['scope'],
      claims: jsonOption('--claims', options['claims']) ?? {},
    },
    parameters: pairs((options['parameter'] as readonly string[] | undefined) ?? []),
    body: jsonOption('--body', options['body']),
    address: options['address'],
    agent: options['agent'],
    country: options['country'],
    asn: options['asn'],
    last: lastOf(options),
    risk: options['risk'],
    time: options['time'],
    relations: jsonOption('--relations', options['relations']),
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CommandError(`${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim(), Exit.usage);
}

/** Where the caller was seen before. */
function lastOf(options: Options): unknown {
  const [address, country, agent, ago] = ['lastAddress', 'lastCountry', 'lastAgent', 'lastSeen'].map(
    (name) => options[name],
  );
  if (address === undefined && country === undefined && agent === undefined) return undefined;
  if (ago === undefined)
    throw new CommandError('when was that? Say --last-seen, for instance --last-seen 10m', Exit.usage);
  return { address, country, agent, ago };
}

/** JSON, or `@file` with JSON. */
function jsonOption(name: string, value: unknown): unknown {
  if (typeof value !== 'string') return undefined;
  try {
    return JSON.parse(value.startsWith('@') ? readFileSync(value.slice(1), 'utf8') : value);
  } catch (error) {
    throw new CommandError(`${name} is not JSON: ${(error as Error).message}`, Exit.usage);
  }
}

function pairs(list: readonly string[]): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = Object.create(null);
  for (const entry of list) {
    const equals = entry.indexOf('=');
    if (equals < 1) throw new CommandError(`"${entry}" is no parameter: write name=value`, Exit.usage);
    const [name, value] = [entry.slice(0, equals), entry.slice(equals + 1)];
    const before = out[name];
    out[name] = before === undefined ? value : [before, value].flat();
  }
  return out;
}

const words: Readonly<Record<string, string>> = {
  holds: 'holds',
  'does-not-hold': 'does not hold',
  'no-value': 'has no value',
  'not-for-this-principal': 'is not for this principal',
  'not-for-this-resource': 'is not for this resource',
};

export function printOutcome(outcome: CaseOutcome): void {
  const by = outcome.policy === '' ? '' : ` by policy "${outcome.policy}"`;
  print(
    outcome.allowed
      ? `allowed${outcome.public ? ': the operation is public' : by}`
      : `refused: ${outcome.code}${outcome.code === 'policy-denied' ? by : ''}`,
  );
  printRisk(outcome);
  for (const rule of outcome.rules) printRule(rule);
}

function printRisk({ risk, place }: CaseOutcome): void {
  const where = [place.country, place.asn === 0 ? '' : `AS${place.asn}`].filter((text) => text !== '');
  if (where.length > 0) print(`  from    ${where.join(', ')}`);
  if (risk.value === 0) return;
  print(`  risk    ${risk.value}`);
  for (const { name, adds } of risk.signs) {
    const { journey } = risk;
    const way =
      name === 'travel' && journey !== null
        ? `: ${journey.km} km${journey.from === '' ? '' : ` from ${journey.from}`} in ${Math.ceil(journey.seconds / 60)} min`
        : '';
    print(`            +${adds} ${name}${way}`);
  }
}

function printRule(rule: RuleOutcome): void {
  const refused = rule.code === '' ? '' : `  (${rule.code}, ${rule.reason})`;
  print(`  ${rule.passes ? 'pass  ' : 'refuse'}  ${rule.text}${refused}`);
  for (const policy of rule.policies) {
    const place = `${policy.file}:${policy.line}`;
    const beyond = policy.limit === '' ? '' : ` beyond ${policy.limit}`;
    print(`            ${policy.effect}${beyond} "${policy.id}" (${place}) ${words[policy.outcome]}`);
    for (const clause of policy.clauses) {
      const value = clause.value === null ? `no value: ${clause.error}` : String(clause.value);
      print(`              ${clause.kind} ${clause.text}  →  ${value}`);
    }
  }
}
