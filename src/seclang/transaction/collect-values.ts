// HOT. The values of a link's targets, less what is left out by `!` in the rule, by the profile or by `ctl`.

import type { CollectionName, ScalarName, VariableName } from '../language/variables.ts';
import type { Link, Rule, Target } from '../rules/rule.ts';
import type { TransactionState } from './state.ts';
import { ValueList } from './value-list.ts';
import { type CollectionReader, collectionReaders, type ScalarReader, scalarReaders } from './variables.ts';
import { parsePath, xmlValues } from './xml-values.ts';

const scalarTable = new Map<VariableName, ScalarReader>(
  Object.entries(scalarReaders) as [ScalarName, ScalarReader][],
);
const collectionTable = new Map<VariableName, CollectionReader>(
  Object.entries(collectionReaders) as [CollectionName, CollectionReader][],
);

export const scalarReader = (variable: VariableName): ScalarReader | null =>
  scalarTable.get(variable) ?? null;
export const collectionReader = (variable: VariableName): CollectionReader | null =>
  collectionTable.get(variable) ?? null;

/** For the values behind `&`, which are counted at once. */
const counted = new ValueList();

export function collectValues(state: TransactionState, rule: Rule, link: Link, into: ValueList): void {
  into.clear();
  const { targets } = link;
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i]!;
    if (target.isCount) {
      counted.clear();
      collectTarget(state, target, counted);
      leaveOut(state, rule, link, counted, 0);
      into.push(target.variable, target.key ?? '', String(counted.count));
    } else {
      const from = into.count;
      collectTarget(state, target, into);
      if (into.count > from) leaveOut(state, rule, link, into, from);
    }
  }
}

function collectTarget(state: TransactionState, target: Target, into: ValueList): void {
  const { variable } = target;
  if (target.slot !== -1) {
    const value = state.tx.read(target.slot);
    if (value !== null) into.push('TX', state.tx.names.names[target.slot]!, value);
    return;
  }
  const scalar = scalarTable.get(variable);
  if (scalar !== undefined) {
    const value = scalar(state);
    if (value !== null) into.push(variable, '', value);
    return;
  }
  const collection = collectionTable.get(variable);
  if (collection === undefined) collectXml(state, target, into);
  else if (target.key !== null) collection.key(state, target.key, into);
  else if (target.pattern !== null) collectMatching(state, target, target.pattern, collection, into);
  else collection.all(state, into);
}

function collectMatching(
  state: TransactionState,
  target: Target,
  pattern: (key: string) => boolean,
  collection: CollectionReader,
  into: ValueList,
): void {
  if (target.variable === 'TX') {
    state.tx.collectSlots(target.slots, into);
    state.tx.collectOthers(pattern, into);
    return;
  }
  const from = into.count;
  collection.all(state, into);
  let kept = from;
  for (let i = from; i < into.count; i++) {
    if (!pattern(into.keys[i]!)) continue;
    if (kept !== i) into.move(i, kept);
    kept++;
  }
  into.count = kept;
}

function collectXml(state: TransactionState, target: Target, into: ValueList): void {
  if (state.xml === null) return;
  const path = target.path ?? '/*';
  const steps = parsePath(path);
  if (steps === null) return;
  for (const value of xmlValues(state.xml, steps)) into.push('XML', path, value);
}

function leaveOut(state: TransactionState, rule: Rule, link: Link, list: ValueList, from: number): void {
  for (let i = 0; i < link.exclusions.length; i++) drop(link.exclusions[i]!, list, from);
  const { removedTargets } = state.profile;
  for (let i = 0; i < removedTargets.length; i++) {
    if (removedTargets[i]!.rules[rule.index] === 1) drop(removedTargets[i]!.target, list, from);
  }
  const removed = state.removedTargets;
  if (removed === null) return;
  for (let i = 0; i < removed.length; i++) {
    if (removed[i]!.rules[rule.index] === 1) drop(removed[i]!.target, list, from);
  }
}

function drop(exclusion: Target, list: ValueList, from: number): void {
  let kept = from;
  for (let i = from; i < list.count; i++) {
    if (isMeant(exclusion, list, i)) continue;
    if (kept !== i) list.move(i, kept);
    kept++;
  }
  list.count = kept;
}

function isMeant(exclusion: Target, list: ValueList, i: number): boolean {
  if (list.variables[i] !== exclusion.variable) return false;
  if (exclusion.variable === 'XML') return list.keys[i] === exclusion.path;
  if (exclusion.key !== null) return list.keys[i]!.toLowerCase() === exclusion.key;
  return exclusion.pattern === null || exclusion.pattern(list.keys[i]!);
}
