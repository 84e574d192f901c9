// Walks the program of a profile once, along all its paths, with what is known about TX. So paranoia levels come to cost nothing:
// `SecRule TX:DETECTION_PARANOIA_LEVEL "@lt 2" "…,skipAfter:END"` is decided here, and the rules it jumps over are never
// looked at. Jumps go forward only, so one pass a phase is enough.
//
// INVARIANT: a rule said to be `never` has no effect on any request that reaches it, or is reached by none.

import type { Phase } from '../contract.ts';
import type { Profile } from '../rules/profile.ts';
import type { Rule } from '../rules/rule.ts';
import { type Decision, decide } from './decide.ts';
import { isIndependentOf, isSilent, readsEarlierMatch } from './rule-traits.ts';
import { TxKnowledge } from './tx-knowledge.ts';

export interface Analysis {
  /** By rule index: null for a rule that never has an effect, else what is known when it runs. */
  readonly known: readonly (TxKnowledge | null)[];
}

const phases: readonly Phase[] = [1, 2, 3, 4, 5];

class Walk {
  readonly profile: Profile;
  readonly known: (TxKnowledge | null)[];
  /** Rules of whose TX targets some may be removed. */
  readonly #vague: Uint8Array;
  /** Rules that `ctl` may have removed by now, and the sets in which it removes them. */
  readonly #removable: Uint8Array;
  readonly #removals: Uint8Array[] = [];
  /** No rule reads what an earlier one matched. */
  readonly #forgetsMatches: boolean;
  /** Where control may arrive, by rule index. */
  #arrivals = new Map<number, TxKnowledge>();
  /** What may hold when a later phase begins although this one did not end. */
  readonly #exits: TxKnowledge[] = [];

  constructor(profile: Profile) {
    const count = profile.ruleSet.rules.length;
    this.profile = profile;
    this.#forgetsMatches = !profile.ruleSet.rules.some(readsEarlierMatch);
    this.known = new Array<TxKnowledge | null>(count).fill(null);
    this.#vague = new Uint8Array(count);
    this.#removable = new Uint8Array(count);
    for (const { rules, target } of profile.removedTargets) {
      if (target.variable === 'TX') mark(rules, this.#vague);
    }
    for (const rule of profile.ruleSet.rules) {
      for (const effect of rule.links.flatMap((link) => link.effects)) {
        const removesTx = effect.kind === 'remove-target' && effect.target.variable === 'TX';
        if (removesTx) mark(effect.rules, this.#vague);
      }
    }
  }

  /** Whether `rule` is removed wherever one of `assumed` is. */
  #isRemovedWith(assumed: readonly number[], rule: Rule): boolean {
    return assumed.some((other) =>
      this.#removals.every((removal) => removal[other] === 0 || removal[rule.index] === 1),
    );
  }

  run(entry: TxKnowledge): void {
    let begin = entry;
    for (const phase of phases) {
      const end = this.#walkPhase(phase, begin.copy());
      // A phase may be left out, so what held before it may hold after it.
      begin = begin.copy();
      if (end !== null) begin.join(end);
      for (const exit of this.#exits) begin.join(exit);
    }
  }

  #walkPhase(phase: Phase, begin: TxKnowledge): TxKnowledge | null {
    const rules = this.profile.ruleSet.ofPhase(phase);
    this.#arrivals = new Map();
    let at: TxKnowledge | null = begin;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i]!;
      at = this.#arrive(at, rule.index);
      if (at === null || this.profile.removedRules?.[rule.index] === 1) continue;
      if (this.#isRemovedWith(at.assumesRemoved, rule)) continue;
      at = this.#step(rule, rules, i, at);
    }
    return this.#arrive(at, Number.POSITIVE_INFINITY);
  }

  #arrive(at: TxKnowledge | null, index: number): TxKnowledge | null {
    for (const [target, knowledge] of this.#arrivals) {
      if (target > index) continue;
      this.#arrivals.delete(target);
      if (at === null) at = knowledge;
      else at.join(knowledge);
    }
    return at;
  }

  #jump(target: number, knowledge: TxKnowledge): void {
    const there = this.#arrivals.get(target);
    if (there === undefined) this.#arrivals.set(target, knowledge.copy());
    else there.join(knowledge);
  }

  /** Whether all that the rule does is in TX. A chain that does not hold to its end has matched and bound what it could. */
  #isInert(rule: Rule, { matches, begins }: Decision): boolean {
    return !matches && (!begins || (this.#forgetsMatches && bindsNothing(rule)));
  }

  /** What holds behind the rule; null when control never gets there directly. */
  #step(rule: Rule, rules: readonly Rule[], position: number, before: TxKnowledge): TxKnowledge | null {
    let decision = decide(this.profile, rule, before);
    if (decision !== null && this.#isInert(rule, decision) && isUnchanged(before, decision.after))
      return before;
    if (this.#vague[rule.index] === 1) decision = null;
    const isRemovable = this.#removable[rule.index] === 1;
    this.known[rule.index] = before.copy();
    const after = before.copy();
    if (decision?.after != null) {
      for (let slot = 0; slot < after.slots.length; slot++) {
        if (before.slots[slot] !== decision.after[slot]) after.slots[slot] = decision.after[slot] ?? null;
      }
      restoreUnknown(before, after, decision.after);
    } else {
      after.forgetWrites(rule, this.profile.ruleSet.txNames);
    }
    if (decision !== null && !decision.matches) {
      if (isRemovable) after.join(before);
      return after;
    }
    for (const effect of rule.links.flatMap((link) => link.effects)) {
      if (effect.kind !== 'remove-rules') continue;
      mark(effect.rules, this.#removable);
      this.#removals.push(effect.rules);
    }
    if (rule.disruption !== null) this.#exits.push(after.copy());
    const jumps = rule.skipTo !== -1 || rule.skipCount > 0;
    if (rule.skipTo !== -1) this.#jump(rule.skipTo, after);
    if (rule.skipCount > 0) {
      this.#jump(rules[position + rule.skipCount + 1]?.index ?? Number.MAX_SAFE_INTEGER, after);
    }
    if (decision === null) {
      after.join(before);
      return after;
    }
    if (!jumps) {
      if (isRemovable) after.join(before);
      return after;
    }
    // Behind a rule that always jumps is only where it was removed.
    if (!isRemovable) return null;
    const behind = before.copy();
    behind.assumesRemoved.push(rule.index);
    return behind;
  }
}

function mark(rules: Uint8Array, into: Uint8Array): void {
  for (let i = 0; i < rules.length; i++) if (rules[i] === 1) into[i] = 1;
}

function isUnchanged(before: TxKnowledge, after: readonly (string | null)[] | null): boolean {
  return after?.every((value, slot) => value === (before.slots[slot] ?? null)) ?? false;
}

/** The trial run took what is unknown for not set: where it wrote nothing, unknown stays unknown. */
function restoreUnknown(before: TxKnowledge, after: TxKnowledge, trial: readonly (string | null)[]): void {
  for (let slot = 0; slot < after.slots.length; slot++) {
    if (before.slots[slot] === undefined && (trial[slot] ?? null) === null) after.slots[slot] = undefined;
  }
}

export function analyse(profile: Profile, entry: TxKnowledge): Analysis {
  const walk = new Walk(profile);
  walk.run(entry);
  return { known: walk.known };
}

export interface Folded {
  /** TX after the rules that are folded. */
  readonly initialTx: readonly (string | null)[];
  /** One byte a rule: 1 for those whose work is in `initialTx`. */
  readonly rules: Uint8Array;
}

/** Does at once what the first rules of phase 1 would do for every request: `setvar` of settings, mostly. */
export function foldPrefix(profile: Profile): Folded {
  const { ruleSet } = profile;
  const rules = new Uint8Array(ruleSet.rules.length);
  let initialTx = profile.initialTx;
  if (ruleSet.rules.some(readsEarlierMatch)) return { initialTx, rules };
  const removesTx = profile.removedTargets.some(({ target }) => target.variable === 'TX');
  let skipTo = 0;
  for (const rule of ruleSet.ofPhase(1)) {
    if (removesTx) break;
    if (rule.index < skipTo) {
      rules[rule.index] = 1;
      continue;
    }
    if (profile.removedRules?.[rule.index] === 1) continue;
    const decision = decide(profile, rule, new TxKnowledge(initialTx));
    const isFolded = decision?.matches ? isFoldable(rule) : !decision?.begins || bindsNothing(rule);
    if (decision?.after != null && isFolded) {
      initialTx = decision.after;
      rules[rule.index] = 1;
      if (decision.matches && rule.skipTo !== -1) ({ skipTo } = rule);
    } else if (!isIndependentOf(rule, null)) {
      break;
    }
  }
  return { initialTx, rules };
}

const bindsNothing = (rule: Rule): boolean => rule.links.every((link) => link.bindings.length === 0);

function isFoldable(rule: Rule): boolean {
  if (!isSilent(rule) || rule.severity !== null || rule.disruption !== null || rule.skipCount > 0)
    return false;
  return bindsNothing(rule) && rule.links.every((link) => link.effects.length === 0);
}
