// How operators are put together: what a match gives for captures, and arguments with macros, which are compiled on
// first use of each text that the macros give.
import type { CompiledOperator, Operator } from '../contract.ts';

export type Match = Operator['match'];

/** Arguments kept compiled for one operator with macros. A macro may hold what a client sent, so there is a bound. */
const KEPT_ARGUMENTS = 64;

const macro = /%\{[^{}]+\}/;
export const hasMacro = (argument: string): boolean => macro.test(argument);

export interface Hints {
  readonly factors?: readonly string[] | null;
  readonly requiredBytes?: Uint8Array | null;
}

export function operatorOf(name: string, match: Match, hints: Hints = {}): CompiledOperator {
  const { factors = null, requiredBytes = null } = hints;
  return { kind: 'ok', operator: { name, match, factors, requiredBytes, isDynamic: false } };
}

export const refuse = (message: string, suggestion: string): CompiledOperator => ({
  kind: 'error',
  message,
  suggestion,
});

/**
 * An operator whose `argument` is compiled by `compile`: at once, or with macros for each text that they give. An argument
 * that turns out to be wrong only then never matches.
 */
export function withArgument(
  name: string,
  argument: string,
  compile: (argument: string) => Match,
  hints: Hints = {},
): CompiledOperator {
  if (!hasMacro(argument)) return operatorOf(name, compile(argument), hints);
  const kept = new Map<string, Match>();
  const match: Match = (value, expanded, captures) => {
    let found = kept.get(expanded);
    if (found === undefined) {
      found = compile(expanded);
      if (kept.size >= KEPT_ARGUMENTS) kept.delete(kept.keys().next().value!);
      kept.set(expanded, found);
    }
    return found(value, expanded, captures);
  };
  return {
    kind: 'ok',
    operator: { name, match, factors: null, requiredBytes: null, isDynamic: true },
  };
}

/** Fills `captures` with one group, when it is wanted. */
export function capture(captures: string[] | null, text: string): true {
  if (captures !== null) {
    captures.length = 1;
    captures[0] = text;
  }
  return true;
}

/** Hints of an operator that matches only where `text` occurs. */
export function occurs(text: string): Hints {
  if (text === '' || hasMacro(text)) return {};
  const requiredBytes = new Uint8Array(256);
  requiredBytes[text.charCodeAt(0)] = 1;
  const lowered = text.replace(/[A-Z]+/g, (run) => run.toLowerCase());
  return { factors: text.length > 1 ? [lowered] : null, requiredBytes };
}
