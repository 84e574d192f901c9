// A profile with its fast path.

import { Diagnostics } from '../../core/index.ts';
import type { Phase, ProfileSettings } from '../contract.ts';
import { compileBaseProfile, type Profile } from '../rules/profile.ts';
import type { Link, Rule } from '../rules/rule.ts';
import type { RuleSet } from '../rules/rule-set.ts';
import { TransactionState } from '../transaction/state.ts';
import { compilePlan, type PhasePlan, type Plan } from './plan.ts';
import { findsTx, isTxOnly, readsEarlierMatch, readsProgress, startsWithTx } from './rule-traits.ts';
import { runPhaseFast } from './run-phase.ts';

/** A target of `settings` that can not be read is an error in `diagnostics`. */
export function compileProfile(
  ruleSet: RuleSet,
  settings: Partial<ProfileSettings> = {},
  diagnostics: Diagnostics = new Diagnostics(),
): Profile {
  const base = compileBaseProfile(ruleSet, settings, diagnostics);
  if (base.isPlain) return base;
  // A variable for another version of the rules, say, is there for the caller alone.
  const otherTx = base.otherTx.filter(({ name }) => base.ruleSet.rules.some((rule) => findsTx(rule, name)));
  const seen = { ...base, otherTx };
  const { plan, initialTx } = compilePlan(seen);
  return { ...withQuietTx({ ...seen, initialTx, plan }, plan), otherTx: base.otherTx };
}

/** Finds out what the rules that always run do to TX when no other does, by running them. */
function withQuietTx(profile: Profile, plan: Plan): Profile {
  const { rules } = profile.ruleSet;
  if (rules.some(readsEarlierMatch) || rules.some(readsProgress) || profile.otherTx.length > 0)
    return profile;
  const phases: PhasePlan[] = [...plan.phases];
  const withoutStages = {
    ...plan,
    stages: [],
    phases: plan.phases.map((p) => ({ ...p, stage: 0 as const })),
  };
  const state = new TransactionState(profile, null, 0, '');
  for (let i = 0; i < phases.length; i++) {
    const phase = phases[i]!;
    const txRules = phase.always.filter((rule) => plan.isIndependent[rule.index] === 0);
    if (!txRules.every(startsWithTx)) break;
    // Rules whose first link matches are taken at their word, so all of such a rule must be about TX.
    const calm = txRules.map((rule) => ({ ...rule, links: isTxOnly(rule) ? rule.links : [noisy(rule)] }));
    const trial = withoutStages.phases.with(i, { ...phase, always: calm, stage: 0, quietTx: null });
    runPhaseFast(state, { ...withoutStages, phases: trial }, (i + 1) as Phase);
    const isCalm =
      state.matches.length === 0 &&
      state.interruption === null &&
      state.allowedThrough === 0 &&
      state.mode === profile.mode;
    if (!isCalm || state.highestSeverity !== 255) break;
    phases[i] = { ...phase, quietTx: [...state.tx.slots()] };
  }
  return { ...profile, plan: { ...plan, phases } };
}

/** The first link alone, made to show when it matches: by ending the request. */
function noisy(rule: Rule): Link {
  return { ...rule.links[0]!, bindings: [], assignments: [], effects: [{ kind: 'engine', mode: 'off' }] };
}
