// Chains that talk to themselves: their first link copies each value into TX variables of its own, and the others look at nothing but
// those (`setvar:'tx.header_name_%{tx.0}=…',chain` and `SecRule TX:/^header_name_/ …`). What such a rule says about all values
// is what it says about one of them, so it can be run on each value alone, and remembered.
//
// INVARIANT: when the rule matches on no value alone, it does not match, and no other rule can read what it would have left in TX.

import type { Macro } from '../rules/macro.ts';
import type { Profile } from '../rules/profile.ts';
import type { Link, Rule, Target } from '../rules/rule.ts';
import { CAPTURE_SLOTS } from '../rules/tx-names.ts';
import { runRuleOn } from '../transaction/interpreter.ts';
import { TransactionState } from '../transaction/state.ts';
import { macrosOf } from './rule-traits.ts';

export interface Isolated {
  /** Whether the rule may match, or leave what others read, given this value of its first link. */
  readonly mayAct: (value: string) => boolean;
  /** Lower-case names, or their beginnings, of the TX variables that only this rule reads. */
  readonly ownNames: readonly { readonly text: string; readonly isPrefix: boolean }[];
}

/** Null when the rule is not of this kind. `live` are all rules that may run. */
export function isolate(rule: Rule, live: readonly Rule[], profile: Profile): Isolated | null {
  const [first, ...rest] = rule.links;
  if (first === undefined || rest.length === 0 || first.bindings.length > 0 || profile.otherTx.length > 0)
    return null;
  const { assignments } = first;
  const others = live.filter((other) => other.index !== rule.index);
  const isPlainCopy = assignments.every(
    ({ collection, kind, name, value }) =>
      collection === 'TX' && kind === 'set' && isOfValue(name) && isOfValue(value),
  );
  if (!isPlainCopy || assignments.length === 0) return null;
  if (
    !assignments.every(({ slot, name }) =>
      slot === -1 ? isOwnPrefix(name, others) : isOwnSlot(slot, others),
    )
  ) {
    return null;
  }
  const own = assignments.map(({ slot }) => slot);
  const looksAtOwn = rest.every(
    (link) =>
      link.operator !== null &&
      link.argument === null &&
      link.exclusions.length === 0 &&
      link.targets.every((target) => isOwnTarget(target, own)),
  );
  if (!looksAtOwn || others.some(readsAllTx)) return null;
  const trial: Rule = {
    ...rule,
    disruption: null,
    links: rule.links.map((link) => ({ ...link, bindings: [], effects: [] })),
  };
  const readers = others.flatMap((other) => other.links.flatMap((link) => link.targets.filter(isTxPattern)));
  return {
    mayAct: (value) => {
      const state = new TransactionState(profile, null, 0, '');
      return runRuleOn(state, trial, value) || leavesTraces(state, rule, profile, readers);
    },
    ownNames: assignments.map(({ slot, name }) => ({
      text: slot === -1 ? prefixOf(name) : name.text.toLowerCase(),
      isPrefix: slot === -1,
    })),
  };
}

/** Made of the value and its captures alone. */
const isOfValue = (macro: Macro): boolean =>
  macro.parts.every(
    (part) =>
      typeof part === 'string' ||
      part.variable === 'MATCHED_VAR' ||
      (part.variable === 'TX' && part.slot !== -1 && part.slot < CAPTURE_SLOTS),
  );

function isOwnSlot(slot: number, others: readonly Rule[]): boolean {
  if (slot < CAPTURE_SLOTS) return false;
  return !others.some((other) => other.links.some((link) => readsSlot(link, slot)));
}

const readsSlot = (link: Link, slot: number): boolean =>
  link.targets.some((target) => target.slot === slot || target.slots.includes(slot)) ||
  macrosOf(link).some((macro) =>
    macro.parts.some((part) => typeof part !== 'string' && part.slot === slot),
  ) ||
  link.assignments.some((assignment) => assignment.slot === slot && assignment.kind !== 'set');

const prefixOf = (name: Macro): string => {
  const [first] = name.parts;
  return typeof first === 'string' ? first.toLowerCase() : '';
};

/** No other rule writes names that may begin alike. */
function isOwnPrefix(name: Macro, others: readonly Rule[]): boolean {
  const prefix = prefixOf(name);
  if (prefix === '') return false;
  return !others.some((other) =>
    other.links.some((link) =>
      link.assignments.some(({ collection, slot, name: written }) => {
        if (collection !== 'TX') return false;
        const text = slot === -1 ? prefixOf(written) : written.text.toLowerCase();
        return text.startsWith(prefix) || (slot === -1 && prefix.startsWith(text));
      }),
    ),
  );
}

/** A variable that the first link sets, or whatever of those made at run time a pattern finds. */
function isOwnTarget(target: Target, own: readonly number[]): boolean {
  if (target.variable !== 'TX' || target.isCount) return false;
  if (target.slot !== -1) return own.includes(target.slot);
  return target.pattern !== null && target.slots.length === 0 && own.includes(-1);
}

const isTxPattern = (target: Target): boolean => target.variable === 'TX' && target.pattern !== null;

const readsAllTx = (rule: Rule): boolean =>
  rule.links.some((link) =>
    link.targets.some(({ variable, key, pattern }) => variable === 'TX' && key === null && pattern === null),
  );

/** A name made of the value that another rule reads, by a pattern or because it is written out there. */
function leavesTraces(
  state: TransactionState,
  rule: Rule,
  profile: Profile,
  readers: readonly Target[],
): boolean {
  const own = new Set(rule.links[0]!.assignments.map(({ slot }) => slot));
  for (const [name, value] of state.tx.snapshot()) {
    const slot = profile.ruleSet.txNames.find(name);
    if (slot !== -1) {
      const isNew = slot >= CAPTURE_SLOTS && !own.has(slot) && value !== (profile.initialTx[slot] ?? null);
      if (isNew) return true;
    } else if (readers.some((target) => target.pattern!(name))) {
      return true;
    }
  }
  return false;
}
