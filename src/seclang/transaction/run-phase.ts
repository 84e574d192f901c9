// HOT. Runs the rules of one phase, in order: the plain way, which evaluates each of them.

import type { Phase } from '../contract.ts';
import type { Rule } from '../rules/rule.ts';
import { runRule } from './interpreter.ts';
import type { TransactionState } from './state.ts';

export function runPhasePlain(state: TransactionState, phase: Phase): void {
  const rules = state.profile.ruleSet.ofPhase(phase);
  let skipCount = 0;
  let skipTo = 0;
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i]!;
    if (rule.index < skipTo) continue;
    // Rules that were removed count as well (ModSecurity v3, RulesSet::evaluate).
    if (skipCount > 0) {
      skipCount--;
      continue;
    }
    if (isRemoved(state, rule)) continue;
    if (!runRule(state, rule)) {
      if (isCutShort(state, phase)) return;
      continue;
    }
    if (isPhaseOver(state, phase)) return;
    if (rule.skipTo !== -1) skipTo = rule.skipTo;
    skipCount = rule.skipCount;
  }
}

export function isRemoved(state: TransactionState, rule: Rule): boolean {
  const { removedRules } = state.profile;
  if (removedRules !== null && removedRules[rule.index] === 1) return true;
  return state.removedRules !== null && state.removedRules[rule.index] === 1;
}

/** After no match: the budget may have ended the phase. */
export function isCutShort(state: TransactionState, phase: Phase): boolean {
  return state.mode === 'off' || (phase !== 5 && state.interruption !== null);
}

/** After a match: whether the phase ends here. Logging goes on whatever happened. */
export function isPhaseOver(state: TransactionState, phase: Phase): boolean {
  if (state.mode === 'off') return true;
  if (phase === 5) return false;
  return state.interruption !== null || state.allowedThrough >= phase;
}
