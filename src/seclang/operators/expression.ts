// HOT
// `@rx` and `@rxGlobal`.
import type { CompiledOperator } from '../contract.ts';
import { compilePattern, type Pattern } from '../patterns/index.ts';
import { hasMacro, type Match, operatorOf, refuse, withArgument } from './make.ts';

/** Groups that TX keeps. */
const KEPT_GROUPS = 10;

const matchOf =
  (pattern: Pattern): Match =>
  (value, _, captures) =>
    captures === null ? pattern.test(value) : pattern.exec(value, captures);

/** Groups of one match after another, as long as TX has room. */
const globalMatchOf =
  (pattern: Pattern): Match =>
  (value, _, captures) => {
    if (captures === null) return pattern.test(value);
    const all: string[] = [];
    for (const match of pattern.all(value)) {
      for (const group of pattern.groups) if (all.length < KEPT_GROUPS) all.push(match[group] ?? '');
      if (all.length >= KEPT_GROUPS) break;
    }
    if (all.length === 0) return false;
    captures.length = all.length;
    for (let i = 0; i < all.length; i++) captures[i] = all[i]!;
    return true;
  };

const never: Match = () => false;

export function compileExpression(name: string, argument: string): CompiledOperator {
  const make = name === 'rxGlobal' ? globalMatchOf : matchOf;
  if (hasMacro(argument))
    return withArgument(name, argument, (expanded) => {
      const compiled = compilePattern(expanded);
      return compiled.kind === 'ok' ? make(compiled.pattern) : never;
    });
  const compiled = compilePattern(argument);
  if (compiled.kind === 'error')
    return refuse(
      `the expression of @${name} is not usable: ${compiled.message} (at ${compiled.offset})`,
      'Mend the expression; it is one of PCRE that sees bytes. docs/design/seclang-values.md lists what is not supported.',
    );
  return operatorOf(name, make(compiled.pattern), compiled.pattern.requirements);
}
