// HOT. Puts values in the place of macros.

import type { Macro, MacroReference } from '../rules/macro.ts';
import { collectionReader, scalarReader } from './collect-values.ts';
import type { TransactionState } from './state.ts';
import { ValueList } from './value-list.ts';

export function expand(macro: Macro, state: TransactionState): string {
  if (macro.constant !== null) return macro.constant;
  const { parts } = macro;
  let text = '';
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    text += typeof part === 'string' ? part : readReference(part, state);
  }
  return text;
}

const found = new ValueList();

/** The first value; empty when there is none. */
function readReference(reference: MacroReference, state: TransactionState): string {
  if (reference.slot !== -1) return state.tx.read(reference.slot) ?? '';
  const scalar = scalarReader(reference.variable);
  if (scalar !== null) return scalar(state) ?? '';
  const collection = collectionReader(reference.variable);
  if (collection === null) return '';
  found.clear();
  if (reference.key === '') collection.all(state, found);
  else collection.key(state, reference.key, found);
  return found.count === 0 ? '' : found.values[0]!;
}
