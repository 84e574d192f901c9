// Runs rules before there is a request: those that look only at TX variables whose values are known. The interpreter itself does
// it, on a transaction of nothing, so that what is decided here is what would be decided then.

import type { Profile } from '../rules/profile.ts';
import type { Link, Rule } from '../rules/rule.ts';
import { runRule } from '../transaction/interpreter.ts';
import { TransactionState } from '../transaction/state.ts';
import { areWritesKnown, isLinkDecided, type TxKnowledge } from './tx-knowledge.ts';

export interface Decision {
  readonly matches: boolean;
  /** The first link matches: what it leaves behind stays, even where a later one does not. */
  readonly begins: boolean;
  /** TX after the rule; null when the rule writes what is not known. */
  readonly after: readonly (string | null)[] | null;
}

/** What the rule would do where `known` holds; null when that depends on the request. */
export function decide(profile: Profile, rule: Rule, known: TxKnowledge): Decision | null {
  const first = rule.links[0]!;
  if (!isLinkDecided(first, known)) return null;
  const slots = known.slots.map((value) => value ?? null);
  const state = new TransactionState({ ...profile, initialTx: slots, otherTx: [] }, null, 0, '');
  // Where the first link does not match, nothing else of the rule matters.
  if (!runRule(state, trialOf(rule, [{ ...first, assignments: [] }])))
    return { matches: false, begins: false, after: slots };
  if (rule.links.length === 1 && !areWritesKnown(rule, known))
    return { matches: true, begins: true, after: null };
  if (!areWritesKnown(rule, known) || !rule.links.every((link) => isLinkDecided(link, known))) return null;
  const matches = runRule(state, trialOf(rule, rule.links));
  return { matches, begins: true, after: state.tx.slots() };
}

const trialOf = (rule: Rule, links: readonly Link[]): Rule => ({
  ...rule,
  disruption: null,
  links: links.map((link) => ({ ...link, bindings: [], effects: [] })),
});
