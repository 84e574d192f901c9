// Rule sets without a configuration around them: for tools that test requests against rules.
import { type Diagnostic, Diagnostics } from '../core/index.ts';
import type { InspectConfig, RuleSetConfig } from '../guards/inspect/contract.ts';
import type { InspectDocument } from './inspect-document.ts';
import { RuleSets, resolveInspect } from './resolve-inspect.ts';
import { YamlSource } from './yaml-source.ts';

export interface LoadedRules {
  /** Null when there is an error among the diagnostics. */
  readonly inspect: InspectConfig | null;
  readonly ruleSets: readonly RuleSetConfig[];
  readonly diagnostics: readonly Diagnostic[];
}

/** What an API with `settings` would be inspected with; paths are relative to `folder`. */
export function loadRules(settings: Exclude<InspectDocument, false>, folder: string): LoadedRules {
  const diagnostics = new Diagnostics();
  const ruleSets = new RuleSets({
    file: folder,
    folder,
    source: new YamlSource(null, [], new Map()),
    diagnostics,
    files: [],
    defaultWorkers: 1,
    secrets: new Map(),
  });
  // Any method may be tested: rules of the contract do not apply where there is none.
  const inspect = resolveInspect({ name: '', entry: settings }, undefined, null, ruleSets);
  return {
    inspect: diagnostics.hasErrors ? null : inspect,
    ruleSets: ruleSets.all,
    diagnostics: diagnostics.all,
  };
}
