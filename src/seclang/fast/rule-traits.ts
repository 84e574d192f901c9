// What a rule can read and change, as far as the fast path needs to know it.

import type { VariableName } from '../language/variables.ts';
import type { Macro } from '../rules/macro.ts';
import type { Effect, Link, Rule } from '../rules/rule.ts';
import { CAPTURE_SLOTS } from '../rules/tx-names.ts';

export function macrosOf(link: Link): readonly Macro[] {
  const macros: Macro[] = [];
  if (link.argument !== null) macros.push(link.argument);
  if (link.message !== null) macros.push(link.message);
  if (link.logData !== null) macros.push(link.logData);
  for (const { name, value } of link.assignments) macros.push(name, value);
  for (const { key } of link.bindings) macros.push(key);
  return macros;
}

export const isSilent = (rule: Rule): boolean => !rule.logs && !rule.audits;

const mentions = (macro: Macro, isMeant: (variable: VariableName) => boolean): boolean =>
  macro.parts.some((part) => typeof part !== 'string' && isMeant(part.variable));

const isTx = (variable: VariableName): boolean => variable === 'TX';
const isNotTx = (variable: VariableName): boolean => variable !== 'TX';
const isMatched = (variable: VariableName): boolean => variable.startsWith('MATCHED_');

/** Effects that change nothing a rule of the same phase can see but through REQBODY_PROCESSOR. */
const mildEffects: ReadonlySet<Effect['kind']> = new Set<Effect['kind']>([
  'request-body-access',
  'response-body-access',
  'request-body-processor',
  'force-request-body',
]);

/** Whether an effect leaves the rules that `alwaysRuns` marks as they are. */
function isMild(effect: Effect, alwaysRuns: Uint8Array | null): boolean {
  if (mildEffects.has(effect.kind)) return true;
  if (alwaysRuns === null) return false;
  if (effect.kind === 'remove-target') return !isTx(effect.target.variable);
  return (
    effect.kind === 'remove-rules' && !effect.rules.some((isMeant, i) => isMeant === 1 && alwaysRuns[i] === 1)
  );
}

/**
 * Neither reads nor writes TX, neither logs nor jumps nor stops: it can change places with the rules that `alwaysRuns` marks, which
 * do nothing but with TX. Null: with any rule that does nothing but with TX.
 */
export function isIndependentOf(rule: Rule, alwaysRuns: Uint8Array | null): boolean {
  if (!isSilent(rule) || rule.severity !== null || rule.disruption !== null) return false;
  if (rule.skipTo !== -1 || rule.skipCount > 0) return false;
  return rule.links.every(
    (link) =>
      !link.isCapturing &&
      !link.targets.some(({ variable }) => isTx(variable)) &&
      !link.assignments.some(({ collection }) => isTx(collection)) &&
      link.bindings.length === 0 &&
      link.effects.every((effect) => isMild(effect, alwaysRuns)) &&
      !macrosOf(link).some((macro) => mentions(macro, isTx)),
  );
}

/** Whether the first link matches follows from TX alone. */
export function startsWithTx(rule: Rule): boolean {
  const first = rule.links[0]!;
  return (
    first.targets.every(({ variable }) => isTx(variable)) &&
    (first.argument === null || !mentions(first.argument, isNotTx))
  );
}

/** Reads and writes TX alone, under fixed names, so that what it does follows from TX. */
export function isTxOnly(rule: Rule): boolean {
  return rule.links.every(
    (link) =>
      link.bindings.length === 0 &&
      link.effects.length === 0 &&
      link.targets.every(({ variable }) => isTx(variable)) &&
      link.assignments.every(
        ({ collection, slot, kind }) => isTx(collection) && slot !== -1 && kind !== 'expire',
      ) &&
      !macrosOf(link).some((macro) => mentions(macro, isNotTx)),
  );
}

/** Reads a TX variable of this name although it does not name it: by an expression, or with all. */
export const findsTx = (rule: Rule, name: string): boolean =>
  rule.links.some((link) =>
    link.targets.some(
      ({ variable, key, pattern }) => isTx(variable) && key === null && (pattern === null || pattern(name)),
    ),
  );

/** Reads what an earlier rule matched: a first link that looks at MATCHED_VAR, or a SecAction that copies it. */
export function readsEarlierMatch(rule: Rule): boolean {
  const first = rule.links[0]!;
  if (first.targets.some(({ variable }) => isMatched(variable))) return true;
  if (first.argument !== null && mentions(first.argument, isMatched)) return true;
  return first.operator === null && macrosOf(first).some((macro) => mentions(macro, isMatched));
}

/** Reads HIGHEST_SEVERITY or RULE, which depend on which rules ran. */
export function readsProgress(rule: Rule): boolean {
  const isProgress = (variable: VariableName): boolean =>
    variable === 'HIGHEST_SEVERITY' || variable === 'RULE';
  return rule.links.some(
    (link) =>
      link.targets.some(({ variable }) => isProgress(variable)) ||
      macrosOf(link).some((macro) => mentions(macro, isProgress)),
  );
}

const isCapture = (slot: number): boolean => slot !== -1 && slot < CAPTURE_SLOTS;

const mentionsCapture = (macro: Macro): boolean =>
  macro.parts.some((part) => typeof part !== 'string' && isCapture(part.slot));

/** Reads TX.0 to TX.9 without having captured, so that it sees what another rule did. */
export function readsEarlierCapture(rule: Rule): boolean {
  let hasCaptured = false;
  for (const link of rule.links) {
    const looks = link.targets.some(
      ({ variable, key, pattern, slot, slots }) =>
        isCapture(slot) || slots.some(isCapture) || (isTx(variable) && key === null && pattern === null),
    );
    if (!hasCaptured && (looks || (link.argument !== null && mentionsCapture(link.argument)))) return true;
    if (link.isCapturing && link.operator !== null) hasCaptured = true;
    if (!hasCaptured && macrosOf(link).some(mentionsCapture)) return true;
  }
  return false;
}
