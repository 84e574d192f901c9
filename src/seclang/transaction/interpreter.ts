// HOT. Evaluates one rule as the reference manual says. A chain matches when all its links do. For every value that matches, a
// link's variables are set at once; what the rule does to the transaction happens when the whole chain has matched. A rule that
// does not match leaves no trace.

import type { MatchedVariable, Operator } from '../contract.ts';
import type { Link, Rule } from '../rules/rule.ts';
import { applyAssignments, applyBindings, applyEffects } from './apply.ts';
import { exceedsBudget, exceedsTime, TIMED_BYTES } from './budget.ts';
import { collectValues } from './collect-values.ts';
import { expand } from './expand.ts';
import { MAX_MATCHED_VALUES, type TransactionState } from './state.ts';
import { ValueList } from './value-list.ts';

/** A rule's match, as it grows from link to link. */
class MatchInProgress {
  message = '';
  logData = '';
  variables: MatchedVariable[] = [];

  reset(): void {
    this.message = '';
    this.logData = '';
    this.variables = [];
  }
}

const MAX_REPORTED_VARIABLES = 16;
const MAX_REPORTED_BYTES = 512;
/** Of a message and of log data. */
const MAX_TEXT_BYTES = 4096;

const cut = (text: string, bytes: number): string => (text.length > bytes ? text.slice(0, bytes) : text);

// One transaction runs at a time on a thread, and never waits within a phase: so these are shared.
const values = new ValueList();
const progress = new MatchInProgress();
const groups: string[] = [];
let onlyValue: string | null = null;

/** Runs `rule` on the state; true when it matched. */
export function runRule(state: TransactionState, rule: Rule): boolean {
  state.rule = rule;
  progress.reset();
  const { links } = rule;
  for (let i = 0; i < links.length; i++) {
    const link = links[i]!;
    if (link.operator === null) matchUnconditionally(state, link);
    else if (!runLink(state, rule, link, link.operator)) return false;
  }
  for (let i = 0; i < links.length; i++) {
    if (links[i]!.effects.length > 0) applyEffects(links[i]!.effects, state);
  }
  conclude(state, rule);
  return true;
}

/** As `runRule`, with `value` in the place of all that the first link would look at. */
export function runRuleOn(state: TransactionState, rule: Rule, value: string): boolean {
  onlyValue = value;
  try {
    return runRule(state, rule);
  } finally {
    onlyValue = null;
  }
}

/** SecAction. */
function matchUnconditionally(state: TransactionState, link: Link): void {
  applyBindings(link.bindings, state);
  applyAssignments(link.assignments, state);
  describe(state, link);
}

function runLink(state: TransactionState, rule: Rule, link: Link, operator: Operator): boolean {
  if (onlyValue !== null && link === rule.links[0]) {
    values.clear();
    values.push(link.targets[0]!.variable, '', onlyValue);
  } else {
    collectValues(state, rule, link, values);
  }
  let hasMatched = false;
  for (let i = 0; i < values.count; i++) {
    const { length } = values.values[i]!;
    if (exceedsBudget(state, length)) return false;
    const sinceMs = length > TIMED_BYTES ? performance.now() : 0;
    if (link.isMultiMatch) {
      if (runStages(state, link, operator, i, hasMatched)) hasMatched = true;
    } else {
      const value = transform(link, values.values[i]!);
      if (matchValue(state, link, operator, i, value, hasMatched)) hasMatched = true;
    }
    if (length > TIMED_BYTES && exceedsTime(state, sinceMs)) return false;
  }
  return hasMatched;
}

function transform(link: Link, value: string): string {
  const { transformations } = link;
  for (let i = 0; i < transformations.length; i++) value = transformations[i]!.run(value);
  return value;
}

/** `multiMatch`: the operator sees the value as it came and after each transformation that changed it. */
function runStages(
  state: TransactionState,
  link: Link,
  operator: Operator,
  index: number,
  hasMatched: boolean,
): boolean {
  let value = values.values[index]!;
  let matched = matchValue(state, link, operator, index, value, hasMatched);
  const { transformations } = link;
  for (let i = 0; i < transformations.length; i++) {
    const next = transformations[i]!.run(value);
    if (next === value) continue;
    value = next;
    if (matchValue(state, link, operator, index, value, hasMatched || matched)) matched = true;
  }
  return matched;
}

function matchValue(
  state: TransactionState,
  link: Link,
  operator: Operator,
  index: number,
  value: string,
  hasMatched: boolean,
): boolean {
  // What does not match captures nothing: with a negated operator `capture` only clears.
  const captures = link.isCapturing ? groups : null;
  if (captures !== null) captures.length = 0;
  const argument = link.argument === null ? '' : expand(link.argument, state);
  if (operator.match(value, argument, link.isNegated ? null : captures) === link.isNegated) return false;
  if (captures !== null) state.tx.capture(captures);
  const { matched } = state;
  if (!hasMatched) matched.clear();
  const name = values.nameAt(index);
  state.matchedVariable = value;
  state.matchedName = name;
  if (matched.count < MAX_MATCHED_VALUES) {
    matched.push(values.variables[index]!, values.keys[index]!, value);
  }
  if (!hasMatched) applyBindings(link.bindings, state);
  applyAssignments(link.assignments, state);
  describe(state, link);
  if (progress.variables.length < MAX_REPORTED_VARIABLES) {
    progress.variables.push({ name, value: cut(value, MAX_REPORTED_BYTES) });
  }
  return true;
}

/** The last match of the last link that has a text says it. */
function describe(state: TransactionState, link: Link): void {
  if (link.message !== null) progress.message = cut(expand(link.message, state), MAX_TEXT_BYTES);
  if (link.logData !== null) progress.logData = cut(expand(link.logData, state), MAX_TEXT_BYTES);
}

function conclude(state: TransactionState, rule: Rule): void {
  const { disruption } = rule;
  if (rule.severity !== null && rule.severity < state.highestSeverity) state.highestSeverity = rule.severity;
  if (rule.logs || rule.audits || state.profile.isPlain) {
    state.matches.push({
      ruleId: rule.id,
      file: rule.place.file,
      line: rule.place.line,
      phase: state.phase,
      message: progress.message,
      logData: progress.logData,
      tags: rule.tags,
      severity: rule.severity,
      variables: progress.variables,
      logs: rule.logs,
      audits: rule.audits,
      isDisruptive: disruption !== null && disruption.kind !== 'allow',
    });
  }
  if (disruption === null || state.mode !== 'on') return;
  if (disruption.kind === 'allow') {
    state.allowedThrough =
      disruption.scope === 'phase' ? state.phase : disruption.scope === 'request' ? 2 : 4;
    if (disruption.scope === 'request' && state.phase > 2) state.allowedThrough = state.phase;
    return;
  }
  if (state.phase === 5) return;
  state.interruption = {
    action: disruption.kind,
    status: disruption.status,
    ruleId: rule.id,
    phase: state.phase,
    reason: 'rule',
    location: disruption.kind === 'redirect' ? expand(disruption.location, state) : '',
  };
}
