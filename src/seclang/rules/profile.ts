// A rule set as one operation uses it: what is known before the request is worked out once.

import { Diagnostics } from '../../core/index.ts';
import type { EngineMode, NamedValue, ProfileSettings } from '../contract.ts';
import type { Plan } from '../fast/plan.ts';
import { parseTargets } from '../language/index.ts';
import { sourceOf } from '../language/lexer.ts';
import type { Rule, Target } from './rule.ts';
import type { RuleSet } from './rule-set.ts';
import { compileTarget } from './target.ts';

export interface Profile {
  readonly ruleSet: RuleSet;
  readonly mode: EngineMode;
  /** TX by slot before the first rule. */
  readonly initialTx: readonly (string | null)[];
  /** TX variables that no rule names. */
  readonly otherTx: readonly NamedValue[];
  /** One byte a rule: 1 for those left out; null when none is. */
  readonly removedRules: Uint8Array | null;
  readonly removedTargets: readonly { readonly rules: Uint8Array; readonly target: Target }[];
  readonly maxInspectionMs: number;
  readonly isPlain: boolean;
  /** The fast path; null where there is none. */
  readonly plan: Plan | null;
}

/** Some hundred times what an ordinary request takes; a megabyte of JSON stays below it. */
const DEFAULT_INSPECTION_MS = 1000;

export const defaultProfileSettings: ProfileSettings = {
  mode: null,
  variables: [],
  removeRuleIds: [],
  removeRuleTags: [],
  removeTargets: [],
  maxInspectionMs: DEFAULT_INSPECTION_MS,
  plain: false,
};

/** A target that can not be read is an error in `diagnostics`, with the place of the caller's choice. */
export function compileBaseProfile(
  ruleSet: RuleSet,
  settings: Partial<ProfileSettings> = {},
  diagnostics: Diagnostics = new Diagnostics(),
): Profile {
  const all = { ...defaultProfileSettings, ...settings };
  const initialTx: (string | null)[] = ruleSet.txNames.names.map(() => null);
  const otherTx: NamedValue[] = [];
  for (const variable of all.variables) {
    const slot = ruleSet.txNames.find(variable.name.toLowerCase());
    if (slot === -1) otherTx.push(variable);
    else initialTx[slot] = variable.value;
  }
  const removed = rulesWhere(
    ruleSet,
    (rule) =>
      all.removeRuleIds.includes(rule.id) || all.removeRuleTags.some((tag) => rule.tags.includes(tag)),
  );
  const removedTargets: { rules: Uint8Array; target: Target }[] = [];
  for (const { target: text, ruleId, tag } of all.removeTargets) {
    const rules = rulesWhere(
      ruleSet,
      (rule) => (ruleId === null || rule.id === ruleId) && (tag === null || rule.tags.includes(tag)),
    );
    for (const node of parseTargets(sourceOf(text), diagnostics)) {
      const target = compileTarget(node, ruleSet.txNames, diagnostics);
      if (target !== null) removedTargets.push({ rules, target });
    }
  }
  return {
    ruleSet,
    mode: all.mode ?? ruleSet.settings.mode,
    initialTx,
    otherTx,
    removedRules: removed.includes(1) ? removed : null,
    removedTargets,
    maxInspectionMs: all.maxInspectionMs,
    isPlain: all.plain,
    plan: null,
  };
}

function rulesWhere(ruleSet: RuleSet, isMeant: (rule: Rule) => boolean): Uint8Array {
  return Uint8Array.from(ruleSet.rules, (rule) => (isMeant(rule) ? 1 : 0));
}
