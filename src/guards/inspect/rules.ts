// Compiled rule sets of one thread, and what single operations make of them. Operations that differ in nothing share a
// profile; a reload that changes no rule keeps what was compiled, because compiling stops the thread.
import { Diagnostics, formatDiagnostic } from '../../core/index.ts';
import {
  compileProfile,
  compileRuleSet,
  MemoryCollections,
  type Profile,
  parseRuleFiles,
  type RuleFileEnvironment,
  type RuleSet,
  type RuleTransaction,
  Transaction,
} from '../../seclang/index.ts';
import { dataKey, type InspectConfig, type RuleSetConfig } from './contract.ts';

/** How long what rules count is kept without `expirevar`, as ModSecurity has it, s. */
const COLLECTION_SECONDS = 3600;
/** Of this thread; they outlive a reload. */
const collections = new MemoryCollections(COLLECTION_SECONDS);

interface CompiledSet {
  readonly config: RuleSetConfig;
  readonly ruleSet: RuleSet;
  readonly profiles: Map<string, Profile>;
}

export class InspectionRules {
  readonly #sets: readonly RuleSetConfig[];
  #previous: InspectionRules | null;
  readonly #compiled = new Map<number, CompiledSet>();
  /** Profiles of the configuration before, of the sets that were taken over. */
  readonly #former = new Map<CompiledSet, ReadonlyMap<string, Profile>>();

  /** `previous`: of the configuration before; what is equal is taken over. */
  constructor(sets: readonly RuleSetConfig[], previous: InspectionRules | null = null) {
    this.#sets = sets;
    this.#previous = previous;
  }

  /** Compiles on first use. Throws Error when the rules can not be compiled, which the configuration has ruled out. */
  profile(config: InspectConfig): Profile {
    const { mode, variables, exclusions, maxTimeMs } = config;
    const set = this.#set(config.ruleSet);
    const key = JSON.stringify([mode, variables, exclusions, maxTimeMs]);
    let profile = set.profiles.get(key);
    if (profile === undefined) {
      profile = this.#former.get(set)?.get(key) ?? compile(config, set.ruleSet);
      set.profiles.set(key, profile);
    }
    return profile;
  }

  /** Everything is compiled: what came before is let go. */
  settle(): void {
    this.#previous = null;
    this.#former.clear();
  }

  begin(profile: Profile): RuleTransaction {
    return new Transaction(profile, { persistent: collections, nowMs: Date.now(), uniqueId: '' });
  }

  #set(index: number): CompiledSet {
    let set = this.#compiled.get(index);
    if (set === undefined) {
      const config = this.#sets[index]!;
      const equal = this.#previous?.findEqual(config) ?? null;
      set = { config, ruleSet: equal?.ruleSet ?? compileSet(config), profiles: new Map() };
      if (equal !== null) this.#former.set(set, equal.profiles);
      this.#compiled.set(index, set);
    }
    return set;
  }

  /** A compiled rule set of equal texts, or null. */
  findEqual(config: RuleSetConfig): CompiledSet | null {
    for (const compiled of this.#compiled.values()) if (areEqual(compiled.config, config)) return compiled;
    return null;
  }
}

function compile({ mode, variables, exclusions, maxTimeMs }: InspectConfig, ruleSet: RuleSet): Profile {
  const diagnostics = new Diagnostics();
  const without = exclusions.filter(({ target }) => target === null);
  const profile = compileProfile(
    ruleSet,
    {
      mode: mode === 'block' ? 'on' : 'detection-only',
      variables,
      maxInspectionMs: maxTimeMs,
      removeRuleIds: without.flatMap(({ rule }) => (rule === null ? [] : [rule])),
      removeRuleTags: without.flatMap(({ tag }) => (tag === null ? [] : [tag])),
      removeTargets: exclusions.flatMap(({ rule, tag, target }) =>
        target === null ? [] : [{ target, ruleId: rule, tag }],
      ),
    },
    diagnostics,
  );
  throwOnErrors(diagnostics);
  return profile;
}

function compileSet(config: RuleSetConfig): RuleSet {
  const diagnostics = new Diagnostics();
  const environment: RuleFileEnvironment = {
    readData: (file, fromFile) => config.data[dataKey(file, fromFile)] ?? null,
    expandInclude: (pattern, fromFile) => config.includes[dataKey(pattern, fromFile)] ?? [],
  };
  const ast = parseRuleFiles(config.sources, environment, diagnostics);
  const ruleSet = compileRuleSet(ast, environment, diagnostics);
  throwOnErrors(diagnostics);
  return ruleSet;
}

function throwOnErrors(diagnostics: Diagnostics): void {
  const error = diagnostics.all.find((entry) => entry.severity === 'error');
  if (error !== undefined) throw new Error(formatDiagnostic(error));
}

/** Compares texts, which are long, without making longer ones of them. */
function areEqual(a: RuleSetConfig, b: RuleSetConfig): boolean {
  return (
    sameSources(a.sources, b.sources) &&
    sameRecords(a.data, b.data, (x, y) => x === y) &&
    sameRecords(a.includes, b.includes, sameSources)
  );
}

const sameSources = (a: RuleSetConfig['sources'], b: RuleSetConfig['sources']): boolean =>
  a.length === b.length && a.every(({ file, text }, i) => file === b[i]!.file && text === b[i]!.text);

function sameRecords<T>(
  a: Readonly<Record<string, T>>,
  b: Readonly<Record<string, T>>,
  isSame: (x: T, y: T) => boolean,
): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(a[key]!, b[key]!))
  );
}
