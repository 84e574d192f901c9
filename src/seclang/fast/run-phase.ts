// HOT. Runs one phase the fast way: the rules that always run and those that were woken, in order. Where none was woken since
// the request began that meddles with TX, what the others would do to it is known beforehand, and they do not run either.

import type { Phase } from '../contract.ts';
import type { Rule } from '../rules/rule.ts';
import { runRule } from '../transaction/interpreter.ts';
import { isCutShort, isPhaseOver, isRemoved } from '../transaction/run-phase.ts';
import type { TransactionState } from '../transaction/state.ts';
import { runWatched } from '../transaction/watchdog.ts';
import { addJumps } from './jumps.ts';
import type { Plan } from './plan.ts';
import { wakeRules } from './wake.ts';

const NO_RULES: readonly Rule[] = [];

export function runPhaseFast(state: TransactionState, plan: Plan, phase: Phase): void {
  wakeRules(state, plan, phase);
  if (isCutShort(state, phase)) return;
  const woken = state.fulfilled.length === 0 ? NO_RULES : wokenOf(state, plan, phase);
  const { always, independent, quietTx } = plan.phases[phase - 1]!;
  if (quietTx !== null && state.quietThrough === phase - 1 && areIndependent(plan, woken)) {
    runInOrder(state, independent, woken, phase);
    state.tx.adopt(quietTx);
    state.quietThrough = phase;
    return;
  }
  if (state.hasLongValues && woken.length > 0) {
    runWatched(state, () => runInOrder(state, always, woken, phase));
  } else {
    runInOrder(state, always, woken, phase);
  }
}

function areIndependent(plan: Plan, rules: readonly Rule[]): boolean {
  for (let i = 0; i < rules.length; i++) if (plan.isIndependent[rules[i]!.index] === 0) return false;
  return true;
}

const byIndex = (a: Rule, b: Rule): number => a.index - b.index;

/** Rules of the phase whose conditions are all fulfilled, and jumps over them, in order. */
function wokenOf(state: TransactionState, plan: Plan, phase: Phase): readonly Rule[] {
  const rules: Rule[] = [];
  const { fulfilled } = state;
  for (let i = 0; i < fulfilled.length; i++) {
    const rule = plan.conditionRules[fulfilled[i]!]!;
    if (
      rule.phase === phase &&
      !rules.includes(rule) &&
      areFulfilled(plan.ruleConditions[rule.index]!, fulfilled)
    ) {
      rules.push(rule);
    }
  }
  if (rules.length === 0) return NO_RULES;
  addJumps(plan.phases[phase - 1]!.jumps, rules);
  return rules.length === 1 ? rules : rules.sort(byIndex);
}

function areFulfilled(conditions: readonly number[], fulfilled: readonly number[]): boolean {
  for (let i = 0; i < conditions.length; i++) if (!fulfilled.includes(conditions[i]!)) return false;
  return true;
}

function runInOrder(
  state: TransactionState,
  always: readonly Rule[],
  woken: readonly Rule[],
  phase: Phase,
): void {
  let skipTo = 0;
  let a = 0;
  let w = 0;
  while (a < always.length || w < woken.length) {
    const rule =
      w === woken.length || (a < always.length && always[a]!.index < woken[w]!.index)
        ? always[a++]!
        : woken[w++]!;
    if (rule.index < skipTo || isRemoved(state, rule)) continue;
    if (!runRule(state, rule)) {
      if (isCutShort(state, phase)) return;
      continue;
    }
    if (isPhaseOver(state, phase)) return;
    if (rule.skipTo !== -1) ({ skipTo } = rule);
    if (rule.skipCount > 0) skipTo = Math.max(skipTo, indexBehind(state, rule));
  }
}

/** `skip:n` counts the rules of the phase, whether they would run or not. */
function indexBehind(state: TransactionState, rule: Rule): number {
  const rules = state.profile.ruleSet.ofPhase(rule.phase);
  // The plan holds rules of its own: they have the same index.
  const at = rules.findIndex(({ index }) => index === rule.index);
  return rules[at + rule.skipCount + 1]?.index ?? Number.POSITIVE_INFINITY;
}
