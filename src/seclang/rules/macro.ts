// Text with macros, `Score: %{tx.score}`, split once. A macro that names no variable stays as it is written.

import type { Diagnostics, Place } from '../../core/index.ts';
import { findVariable, type VariableName } from '../language/variables.ts';
import type { TxNames } from './tx-names.ts';

export interface MacroReference {
  readonly variable: VariableName;
  /** Lower-case; empty for the variable itself. */
  readonly key: string;
  /** Slot of a TX variable, or -1. */
  readonly slot: number;
  readonly text: string;
}

export interface Macro {
  /** The whole text when it holds no macro, else null. */
  readonly constant: string | null;
  readonly parts: readonly (string | MacroReference)[];
  readonly text: string;
}

const macroPattern = /%\{([^{}]*)\}/g;

export const hasMacro = (text: string): boolean => text.includes('%{');

export function compileMacro(
  text: string,
  txNames: TxNames,
  place: Place | null,
  diagnostics: Diagnostics | null,
): Macro {
  if (!hasMacro(text)) return { constant: text, parts: [text], text };
  const parts: (string | MacroReference)[] = [];
  let literal = '';
  let from = 0;
  for (const match of text.matchAll(macroPattern)) {
    literal += text.slice(from, match.index);
    from = match.index + match[0].length;
    const reference = compileReference(match[1]!.trim(), txNames);
    if (reference === null) {
      literal += match[0];
      if (place !== null) {
        diagnostics?.warning(
          'seclang-unknown-variable',
          place,
          `The macro ${match[0]} names no variable.`,
          'It stays in the text as it is.',
        );
      }
      continue;
    }
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(reference);
  }
  literal += text.slice(from);
  if (parts.length === 0) return { constant: literal, parts: [literal], text };
  if (literal !== '') parts.push(literal);
  return { constant: null, parts, text };
}

function compileReference(text: string, txNames: TxNames): MacroReference | null {
  const dot = text.search(/[.:]/);
  const entry = findVariable(dot === -1 ? text : text.slice(0, dot));
  if (entry === null) return null;
  const name = dot === -1 ? '' : text.slice(dot + 1);
  const slot = entry.name === 'TX' && name !== '' ? txNames.intern(name) : -1;
  return { variable: entry.name, key: name.toLowerCase(), slot, text };
}
