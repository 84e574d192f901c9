// HOT. Rules that do nothing but jump over others (`…,nolog,skipAfter:END`). Whether one matches does not matter while all that it
// would jump over has nothing to do. So such a rule is not filtered by its values and does not run by itself: it runs when
// a rule in its reach was woken.

import type { Rule } from '../rules/rule.ts';
import { isSilent } from './rule-traits.ts';

/** Only for rule sets where no rule reads what an earlier one matched or captured. */
export function isPureJump(rule: Rule): boolean {
  if (rule.skipTo === -1 || rule.skipCount > 0 || rule.disruption !== null) return false;
  if (!isSilent(rule) || rule.severity !== null) return false;
  return rule.links.every(
    (link) => link.bindings.length + link.assignments.length + link.effects.length === 0,
  );
}

/**
 * Of `rules` (of one phase, in order) the jumps that wait. One that has a rule in its reach that runs by itself, or another jump that
 * does not wait, is not among them.
 */
export function waitingJumps(rules: readonly Rule[], runsByItself: (rule: Rule) => boolean): Rule[] {
  const waiting: Rule[] = [];
  const others: Rule[] = [];
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i]!;
    const waits = isPureJump(rule) && !others.some(({ index }) => index > rule.index && index < rule.skipTo);
    if (waits) waiting.push(rule);
    else if (runsByItself(rule) || isPureJump(rule)) others.push(rule);
  }
  return waiting.reverse();
}

/** Adds to `woken` the jumps that have one of them in reach; not in order. `jumps` are in order. */
export function addJumps(jumps: readonly Rule[], woken: Rule[]): void {
  // From behind: a jump may itself be jumped over by one before it.
  for (let i = jumps.length - 1; i >= 0; i--) {
    const jump = jumps[i]!;
    for (let k = 0; k < woken.length; k++) {
      const { index } = woken[k]!;
      if (index > jump.index && index < jump.skipTo) {
        woken.push(jump);
        break;
      }
    }
  }
}
