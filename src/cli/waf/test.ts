// `gatewright waf test`: which rules match a request, on what, and what would happen to it.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../app/load-config.ts';
import { loadRules } from '../../config/load-rules.ts';
import { errorTable } from '../../core/index.ts';
import { builtinRules, InspectionRules } from '../../guards/inspect/index.ts';
import { type RuleMatch, SEVERITY_NAMES } from '../../seclang/index.ts';
import { CommandError, Exit, print, printDiagnostics, printJson } from '../output.ts';
import { parseCurl } from './curl.ts';
import { type DryRunResult, dryRun, dryRunRules } from './dry-run.ts';
import { completeRequest, encodeRawRequest, encodeRequest, RequestSyntaxError } from './request.ts';

type Options = Readonly<Record<string, unknown>>;

/** Longest value printed, characters. */
const MAX_VALUE = 160;
/** Weights of severities as the Core Rule Set and the package's own rules have them by default. */
const weights: readonly number[] = [5, 5, 5, 4, 3, 2, 0, 0];

export async function runWafTest(options: Options, file?: string): Promise<number> {
  const bytes = requestBytes(options, file);
  const result = await judge(bytes, options);
  const categories = scoresByCategory(result.matches);
  if (options['json'] === true) {
    const { matches, ...rest } = result;
    printJson({ ok: true, ...rest, categories, matches: matches.map(matchJson) });
  } else explain(result, categories);
  return result.refusedBy !== '' && (result.refusedBefore !== '' || result.isInspected)
    ? Exit.refused
    : Exit.ok;
}

/** The request, by whichever way it was given. */
function requestBytes(options: Options, file: string | undefined): Buffer {
  const { curl, url } = options as { curl?: string; url?: string };
  const given = [file, curl, url].filter((entry) => entry !== undefined).length;
  if (given !== 1) throw new CommandError('give the request by one of: a file, --curl, --url', Exit.usage);
  try {
    if (curl !== undefined) return encodeRequest(parseCurl(curl));
    if (url === undefined) return encodeRawRequest(readFileSync(file === '-' ? 0 : file!));
    const headers = ((options['header'] as string[] | undefined) ?? []).map(splitHeader);
    const data = options['data'] as string | undefined;
    const method = (options['request'] as string | undefined) ?? null;
    return encodeRequest(
      completeRequest({ method, url, headers, body: data === undefined ? null : Buffer.from(data) }),
    );
  } catch (error) {
    if (error instanceof RequestSyntaxError) throw new CommandError(error.message, Exit.usage);
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined) throw new CommandError(`the request can not be read (${code})`);
    throw error;
  }
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon < 1) throw new RequestSyntaxError(`"${line}" is no header, for instance "Accept: text/html"`);
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

async function judge(bytes: Buffer, options: Options): Promise<DryRunResult> {
  const rules = options['rules'] as string | undefined;
  if (rules === undefined) {
    const { config, diagnostics } = await loadConfig(options['config'] as string, process.env);
    if (config === null) {
      throw new CommandError(
        'the configuration has errors; --rules builtin tests rules without one',
        Exit.configuration,
        diagnostics,
      );
    }
    printDiagnostics(diagnostics);
    return dryRun(bytes, config);
  }
  const paranoia = options['paranoia'] as number | undefined;
  const loaded = loadRules(
    { rules: rules.split(','), ...(paranoia === undefined ? {} : { paranoia }) },
    process.cwd(),
  );
  if (loaded.inspect === null) {
    throw new CommandError('the rules can not be used', Exit.configuration, loaded.diagnostics);
  }
  printDiagnostics(loaded.diagnostics);
  return dryRunRules(bytes, loaded.inspect, new InspectionRules(loaded.ruleSets));
}

/** Weight of all matches by `attack-…` tag; matches that only add up others have none. */
function scoresByCategory(matches: readonly RuleMatch[]): Readonly<Record<string, number>> {
  const scores: Record<string, number> = {};
  for (const { tags, severity } of matches) {
    const category = tags.find((tag) => tag.startsWith('attack-'));
    if (category !== undefined && severity !== null)
      scores[category] = (scores[category] ?? 0) + (weights[severity] ?? 0);
  }
  return scores;
}

const severityName = (severity: number | null): string =>
  severity === null ? '' : SEVERITY_NAMES[severity]!.toLowerCase();

const matchJson = (match: RuleMatch) => ({
  rule: match.ruleId,
  file: nameOf(match.file),
  line: match.line,
  phase: match.phase,
  message: match.message,
  severity: severityName(match.severity),
  tags: match.tags,
  decides: match.isDisruptive,
  variables: match.variables,
});

function explain(result: DryRunResult, categories: Readonly<Record<string, number>>): void {
  const where = result.api === '' ? '' : `  (${result.api}, ${result.operation})`;
  if (result.method !== '') print(`${result.method} ${result.path}${where}\n`);
  if (result.refusedBefore !== '') {
    print(`Refused before any rule: ${result.refusedBefore} (${errorTable[result.refusedBefore].status}).`);
    return;
  }
  if (!result.isInspected) {
    print('The operation is not inspected: it has no "inspect" section.');
    return;
  }
  for (const match of result.matches) {
    print(`${match.ruleId}  ${severityName(match.severity)}  ${match.message}`);
    for (const { name, value } of match.variables) print(`         ${name} = ${shown(value)}`);
    print(
      `         ${nameOf(match.file)}:${match.line}, phase ${match.phase}${match.isDisruptive ? ', decides' : ''}`,
    );
  }
  if (result.matches.length > 0) print('');
  for (const [category, score] of Object.entries(categories)) print(`${category.padEnd(28)}${score}`);
  print(`${'score'.padEnd(28)}${result.score} of ${result.threshold}\n`);
  if (result.refusedBy === '') print('The request passes inspection.');
  else {
    const verb = result.mode === 'block' ? 'is refused' : 'would be refused, but the mode is detect';
    print(`The request ${verb}: ${result.refusedBy} (${errorTable[result.refusedBy].status}).`);
  }
}

const builtinFolder = fileURLToPath(builtinRules);

/** A rule file as people name it. */
function nameOf(file: string): string {
  if (file.startsWith(builtinFolder)) return `builtin/${file.slice(builtinFolder.length)}`;
  const path = relative(process.cwd(), file);
  return path.startsWith('..') ? file : path;
}

/** Printable on any terminal, whatever the client sent. */
function shown(value: string): string {
  const text = JSON.stringify(value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value);
  return text.replace(/[\x7f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}
