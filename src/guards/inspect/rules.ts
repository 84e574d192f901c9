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
}

export class InspectionRules {
  readonly #sets: readonly RuleSetConfig[];
  #previous: InspectionRules | null;
  readonly #compiled = new Map<number, CompiledSet>();
  readonly #profiles = new Map<string, Profile>();

  /** `previous`: of the configuration before; what is equal is taken over. */
  constructor(sets: readonly RuleSetConfig[], previous: InspectionRules | null = null) {
    this.#sets = sets;
    this.#previous = previous;
  }

  /** Compiles on first use. Throws Error when the rules can not be compiled, which the configuration has ruled out. */
  profile(config: InspectConfig): Profile {
    const { ruleSet, mode, variables, exclusions, maxTimeMs } = config;
    const key = JSON.stringify([ruleSet, mode, variables, exclusions, maxTimeMs]);
    let profile = this.#profiles.get(key);
    if (profile === undefined) {
      const diagnostics = new Diagnostics();
      profile = compileProfile(
        this.#ruleSet(ruleSet),
        {
          mode: mode === 'block' ? 'on' : 'detection-only',
          variables,
          maxInspectionMs: maxTimeMs,
          removeRuleIds: exclusions.flatMap(({ rule, target }) =>
            rule !== null && target === null ? [rule] : [],
          ),
          removeRuleTags: exclusions.flatMap(({ tag, target }) =>
            tag !== null && target === null ? [tag] : [],
          ),
          removeTargets: exclusions.flatMap(({ rule, tag, target }) =>
            target === null ? [] : [{ target, ruleId: rule, tag }],
          ),
        },
        diagnostics,
      );
      throwOnErrors(diagnostics);
      this.#profiles.set(key, profile);
    }
    return profile;
  }

  /** Everything is compiled: what came before is let go. */
  settle(): void {
    this.#previous = null;
  }

  begin(profile: Profile): RuleTransaction {
    return new Transaction(profile, { persistent: collections, nowMs: Date.now(), uniqueId: '' });
  }

  #ruleSet(index: number): RuleSet {
    let compiled = this.#compiled.get(index);
    if (compiled === undefined) {
      const config = this.#sets[index]!;
      compiled = this.#previous?.findEqual(config) ?? { config, ruleSet: compileSet(config) };
      this.#compiled.set(index, compiled);
    }
    return compiled.ruleSet;
  }

  /** A compiled rule set of equal texts, or null. */
  findEqual(config: RuleSetConfig): CompiledSet | null {
    for (const compiled of this.#compiled.values()) if (areEqual(compiled.config, config)) return compiled;
    return null;
  }
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

function areEqual(a: RuleSetConfig, b: RuleSetConfig): boolean {
  return JSON.stringify([a.sources, a.data, a.includes]) === JSON.stringify([b.sources, b.data, b.includes]);
}
