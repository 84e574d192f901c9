// Operators whose argument is a macro of known TX variables (`@within %{tx.allowed_methods}`) become operators with that argument,
// which can be filtered and remembered like any other.

import type { Operator } from '../contract.ts';
import { compileOperator } from '../operators/index.ts';
import type { Link, Rule } from '../rules/rule.ts';
import type { RuleSet } from '../rules/rule-set.ts';
import { isMacroKnown, type TxKnowledge } from './tx-knowledge.ts';

export function specialise(rule: Rule, known: TxKnowledge, ruleSet: RuleSet): Rule {
  let isChanged = false;
  const links = rule.links.map((link, i) => {
    const changed = specialiseLink(rule, link, i, known, ruleSet);
    if (changed !== link) isChanged = true;
    return changed;
  });
  return isChanged ? { ...rule, links } : rule;
}

function specialiseLink(rule: Rule, link: Link, i: number, before: TxKnowledge, ruleSet: RuleSet): Link {
  if (link.argument === null || link.operator === null) return link;
  // The link's own variables are set between two values that it looks at, so they count as written too.
  const known = before.copy();
  known.forgetWrites({ ...rule, links: rule.links.slice(0, i + 1) }, ruleSet.txNames);
  if (!isMacroKnown(link.argument, known)) return link;
  const argument = link.argument.parts
    .map((part) => (typeof part === 'string' ? part : (known.slots[part.slot] ?? '')))
    .join('');
  // What a variable holds is never expanded again.
  if (argument.includes('%{')) return link;
  const operator = sharedOperator(link.operator.name, argument, ruleSet);
  return operator === null ? link : { ...link, operator, argument: null };
}

function sharedOperator(name: string, argument: string, { shared }: RuleSet): Operator | null {
  const key = `${name} ${argument}`;
  const known = shared.operators.get(key);
  if (known !== undefined) return known;
  const compiled = compileOperator(name, argument, { readData: () => null });
  if (compiled.kind === 'error' || compiled.operator.isDynamic) return null;
  shared.operators.set(key, compiled.operator);
  return compiled.operator;
}
