// From `inspect` sections to rule sets and settings of single operations: files are read here, on the main thread, so
// that data-plane threads compile them from memory and a mistake in a rule is a diagnostic like any other.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  dataKey,
  type InspectConfig,
  type InspectExclusion,
  type ResponseInspection,
  type RuleSetConfig,
} from '../guards/inspect/contract.ts';
import type { ContractOperation } from '../openapi/index.ts';
import {
  compileRuleSet,
  parseRuleFiles,
  type RuleFileEnvironment,
  type RuleSource,
} from '../seclang/index.ts';
import type { InspectDocument, InspectSettings } from './inspect-document.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import { BUILTIN, expandPattern, findRuleFiles, settingsFile } from './rule-files.ts';
import type { Path } from './yaml-source.ts';

const DEFAULT_LIMIT_BYTES = 1_048_576;
const DEFAULT_TIME_MS = 1000;

/** Bodies of answers that people and programs read; event streams must not wait. */
const defaultTypes: readonly string[] = [
  'application/json',
  '+json',
  'application/xml',
  '+xml',
  'text/plain',
  'text/html',
  'text/xml',
  'text/css',
  'text/csv',
  'text/javascript',
];

/** What the Core Rule Set takes when nobody says otherwise; types of the contract are added. */
const usualTypes: readonly string[] = [
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'text/xml',
  'application/xml',
  'application/soap+xml',
  'application/json',
];

/** Ids of the rules that carry settings over; see `carryOver`. */
const CARRY_OVER_IDS = 8_109_000;

/** Rule sets of one configuration: APIs that name the same rules share one. */
export class RuleSets {
  readonly all: RuleSetConfig[] = [];
  readonly #byKey = new Map<string, number>();
  /** Variables that setup files of a rule set give values to, lower case. */
  readonly setUp: ReadonlySet<string>[] = [];
  readonly #context: ResolveContext;

  constructor(context: ResolveContext) {
    this.#context = context;
  }

  /** Position of the rule set that `names` stand for; -1 when it can not be read, which is reported at `path`. */
  find(names: readonly string[], path: Path): number {
    const key = JSON.stringify(names);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const index = this.#read(names, path);
    this.#byKey.set(key, index);
    return index;
  }

  #read(names: readonly string[], path: Path): number {
    const context = this.#context;
    const setup: string[] = [];
    const rules: string[] = [];
    for (const [index, name] of names.entries()) {
      const found = findRuleFiles(name, context.folder);
      if (typeof found === 'string') {
        fail(
          context,
          'inspect-rules-missing',
          [...path, index],
          `${name} ${found}.`,
          `Rules are ${BUILTIN}, a SecLang file, or a folder; paths are relative to the configuration file.`,
        );
        return -1;
      }
      setup.push(...found.setup);
      rules.push(...found.rules);
    }
    const sources: RuleSource[] = [];
    for (const file of [settingsFile, ...setup]) sources.push(this.#source(file, path));
    const given = variablesOf(sources.slice(1));
    const carried = carryOver([...given]);
    if (carried !== '') sources.push({ file: 'settings of the configuration', text: carried });
    for (const file of new Set(rules)) sources.push(this.#source(file, path));
    if (sources.some(({ file }) => file === '')) return -1;

    const data: Record<string, string | null> = Object.create(null) as Record<string, string | null>;
    const includes: Record<string, readonly RuleSource[]> = Object.create(null) as typeof includes;
    const environment = this.#environment(data, includes);
    const ast = parseRuleFiles(sources, environment, context.diagnostics);
    // Compiling reads the data files and finds mistakes in expressions; its result is of no use to other threads.
    compileRuleSet(ast, environment, context.diagnostics);
    const ids = ast.directives.flatMap((directive) =>
      directive.kind !== 'rule'
        ? []
        : directive.actions.flatMap((action) => (action.kind === 'id' ? [action.id] : [])),
    );
    this.all.push({ names, sources, data, includes, ruleIds: [...new Set(ids)].sort((a, b) => a - b) });
    this.setUp.push(given);
    return this.all.length - 1;
  }

  #source(file: string, path: Path): RuleSource {
    try {
      const text = readFileSync(file, 'latin1');
      this.#context.files.push(file);
      return { file, text };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      fail(this.#context, 'inspect-rules-missing', path, `The rule file ${file} can not be read (${code}).`);
      return { file: '', text: '' };
    }
  }

  /** Reads from disk and keeps what was read, for the threads. */
  #environment(
    data: Record<string, string | null>,
    includes: Record<string, readonly RuleSource[]>,
  ): RuleFileEnvironment {
    const { files } = this.#context;
    return {
      readData: (file, fromFile) => {
        const full = resolve(dirname(fromFile), file);
        let content: string | null = null;
        try {
          content = readFileSync(full, 'latin1');
          files.push(full);
        } catch {
          // The parser reports it, with the rule's place.
        }
        data[dataKey(file, fromFile)] = content;
        return content;
      },
      expandInclude: (pattern, fromFile) => {
        const found = expandPattern(resolve(dirname(fromFile), pattern)).map((file) => {
          files.push(file);
          return { file, text: readFileSync(file, 'latin1') };
        });
        includes[dataKey(pattern, fromFile)] = found;
        return found;
      },
    };
  }
}

/** TX variables that rules of `sources` set, in lower case; comments do not count. */
function variablesOf(sources: readonly RuleSource[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { text } of sources) {
    const rules = text.replace(/^\s*#.*$/gm, '');
    for (const match of rules.matchAll(/setvar:'?tx\.([a-z0-9_]+)=/gi)) names.add(match[1]!.toLowerCase());
  }
  return names;
}

/**
 * Rules that let the configuration win over setup files: a setup file sets its variables whatever they were, so what the
 * configuration says is kept under another name and set again after it.
 */
function carryOver(names: readonly string[]): string {
  return names
    .map(
      (name, index) =>
        `SecRule &TX:gw_${name} "@eq 1" "id:${CARRY_OVER_IDS + index},phase:1,pass,nolog,t:none,setvar:'tx.${name}=%{tx.gw_${name}}'"\n`,
    )
    .join('');
}

/** What an operation's own section and its API's make together; `operation` null: nothing is known of one. */
export function resolveInspect(
  api: { readonly name: string; readonly entry: InspectDocument | undefined },
  own: InspectSettings | false | undefined,
  operation: ContractOperation | null,
  ruleSets: RuleSets,
): InspectConfig | null {
  const { entry } = api;
  if (entry === undefined || entry === false || own === false) return null;
  const ruleSet = ruleSets.find(entry.rules ?? [BUILTIN], ['apis', api.name, 'inspect', 'rules']);
  if (ruleSet === -1) return null;
  const merged = { ...entry, ...own };
  const requestBody = { ...entry['request-body'], ...own?.['request-body'] };
  const response =
    merged.response === false ? null : resolveResponse(entry.response || {}, own?.response || {});
  return {
    ruleSet,
    mode: merged.mode ?? 'block',
    variables: variablesFor(
      {
        ...merged,
        thresholds: { ...entry.thresholds, ...own?.thresholds },
        variables: { ...entry.variables, ...own?.variables },
      },
      operation,
      ruleSets.setUp[ruleSet]!,
    ),
    exclusions: [...(entry.exclude ?? []), ...(own?.exclude ?? [])]
      .filter(
        ({ operations }) =>
          operations === undefined || (operation !== null && operations.includes(operation.id)),
      )
      .flatMap(resolveExclusion),
    maxTimeMs: merged['max-time'] ?? DEFAULT_TIME_MS,
    requestBody: {
      limitBytes: requestBody.limit ?? DEFAULT_LIMIT_BYTES,
      beyond: requestBody.beyond ?? 'refuse',
      compressed: requestBody.compressed ?? 'refuse',
    },
    response,
  };
}

type ResponseDocument = Exclude<InspectSettings['response'], false | undefined>;

function resolveResponse(shared: ResponseDocument, own: ResponseDocument): ResponseInspection {
  const merged = { ...shared, ...own };
  return {
    limitBytes: merged.limit ?? DEFAULT_LIMIT_BYTES,
    beyond: merged.beyond ?? 'refuse',
    types: merged.types ?? defaultTypes,
  };
}

function variablesFor(
  settings: InspectSettings,
  operation: ContractOperation | null,
  setUp: ReadonlySet<string>,
): InspectConfig['variables'] {
  const variables = new Map<string, string>();
  const set = (name: string, value: number | string | undefined): void => {
    if (value !== undefined) variables.set(name, String(value));
  };
  const types = operation?.body?.content.map(({ mediaType }) => mediaType) ?? [];
  set('allowed_methods', operation?.method ?? 'GET HEAD POST PUT PATCH DELETE OPTIONS');
  set(
    'allowed_request_content_type',
    [...new Set([...usualTypes, ...types])].map((type) => `|${type}|`).join(' '),
  );
  set('early_blocking', settings['early-blocking'] === false ? 0 : 1);
  // The names of CRS 4, then those of CRS 3.
  set('blocking_paranoia_level', settings.paranoia);
  set('paranoia_level', settings.paranoia);
  const detection = settings['detection-paranoia'];
  const reached = detection === undefined ? undefined : Math.max(detection, settings.paranoia ?? 1);
  set('detection_paranoia_level', reached);
  set('executing_paranoia_level', reached);
  set('inbound_anomaly_score_threshold', settings.thresholds?.request);
  set('outbound_anomaly_score_threshold', settings.thresholds?.response);
  for (const [name, value] of Object.entries(settings.variables ?? {})) set(name, value);
  const out = [...variables].map(([name, value]) => ({ name, value }));
  const again = out.filter(({ name }) => setUp.has(name));
  return [...out, ...again.map(({ name, value }) => ({ name: `gw_${name}`, value }))];
}

type ExclusionDocument = NonNullable<InspectSettings['exclude']>[number];

function resolveExclusion(entry: ExclusionDocument): InspectExclusion[] {
  const rules = entry.rule === undefined ? [null] : [entry.rule].flat();
  const targets = entry.target === undefined ? [null] : [entry.target].flat();
  return rules.flatMap((rule) =>
    targets.map((target): InspectExclusion => ({ rule, tag: entry.tag ?? null, target })),
  );
}

/** Names of operations and ids of rules in exclusions must be there: an exclusion of nothing is a mistake. */
export function checkExclusions(
  api: string,
  entry: InspectDocument | undefined,
  ids: readonly string[],
  operations: readonly {
    readonly id: string;
    readonly own: InspectSettings | false | undefined;
  }[],
  ruleSets: RuleSets,
  context: ResolveContext,
): void {
  if (entry === undefined || entry === false) return;
  const path = ['apis', api, 'inspect'];
  const set = ruleSets.all[ruleSets.find(entry.rules ?? [BUILTIN], [...path, 'rules'])];
  if (set === undefined) return;
  const known = new Set(set.ruleIds);
  const check = (list: readonly ExclusionDocument[] | undefined, at: Path): void => {
    list?.forEach((exclusion, index) => {
      for (const rule of exclusion.rule === undefined ? [] : [exclusion.rule].flat()) {
        if (known.has(rule)) continue;
        context.diagnostics.warning(
          'inspect-exclusion-unknown',
          context.source.place([...at, index]),
          `No rule of ${set.names.join(', ')} has the id ${rule}.`,
          'Remove the exclusion, or mend the id.',
        );
      }
      exclusion.operations?.forEach((id, position) => {
        if (!ids.includes(id))
          failDangling(context, [...at, index, 'operations', position], 'operation', id, ids);
      });
    });
  };
  check(entry.exclude, [...path, 'exclude']);
  for (const { id, own } of operations) {
    if (own !== undefined && own !== false)
      check(own.exclude, ['apis', api, 'operations', id, 'inspect', 'exclude']);
  }
}
