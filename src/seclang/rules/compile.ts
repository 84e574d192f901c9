// AST to rule set: looks up operators, transformations and markers, gives TX variables their slots, and merges each rule with the
// defaults of its phase. A rule that is wrong is reported and left out, so that one run finds all mistakes.

import { closestName, type Diagnostics, type Place } from '../../core/index.ts';
import type { Operator, RuleFileEnvironment, Transformation } from '../contract.ts';
import type { ActionNode, OperatorNode, RuleSelector, RuleSetAst, TargetNode } from '../language/index.ts';
import { compileOperator } from '../operators/index.ts';
import { findTransformation, transformationNames } from '../transformations/index.ts';
import { collectRules, type Draft, type DraftLink, type DraftRule, isMeant } from './collect.ts';
import { compileMacro, hasMacro, type Macro } from './macro.ts';
import type { Assignment, Binding, Disruption, Effect, Link, Rule, Target } from './rule.ts';
import { RuleSet } from './rule-set.ts';
import { compileTarget } from './target.ts';
import { TxNames } from './tx-names.ts';

interface CompileState {
  readonly draft: Draft;
  readonly environment: RuleFileEnvironment;
  readonly diagnostics: Diagnostics;
  readonly txNames: TxNames;
}

export function compileRuleSet(
  ast: RuleSetAst,
  environment: RuleFileEnvironment,
  diagnostics: Diagnostics,
): RuleSet {
  const draft = collectRules(ast, diagnostics);
  const txNames = new TxNames();
  const state: CompileState = { draft, environment, diagnostics, txNames };
  for (const rule of draft.rules) internNames(rule, txNames);
  const rules = draft.rules.map((rule, index) => compileRule(rule, index, state));
  return new RuleSet(rules, draft.settings, txNames);
}

/** Before anything is compiled, so that an expression for TX names knows all of them. */
function internNames(rule: DraftRule, txNames: TxNames): void {
  for (const link of rule.links) {
    for (const action of [...rule.defaults, ...link.actions]) {
      const isNamed = action.kind === 'set-variable' || action.kind === 'expire-variable';
      if (isNamed && action.collection === 'TX' && !hasMacro(action.name)) txNames.intern(action.name);
      for (const text of textsOf(action)) compileMacro(text, txNames, null, null);
    }
    compileMacro(link.node.operator?.argument ?? '', txNames, null, null);
    for (const { variable, selector } of link.targets) {
      if (variable === 'TX' && selector.kind === 'key') txNames.intern(selector.key);
    }
  }
}

/** Every text of an action that may hold macros. */
function textsOf(action: ActionNode): readonly string[] {
  const texts: string[] = [];
  if ('text' in action) texts.push(action.text);
  if ('name' in action) texts.push(action.name);
  if ('value' in action) texts.push(action.value);
  if ('seconds' in action) texts.push(action.seconds);
  if ('key' in action) texts.push(action.key);
  if ('location' in action) texts.push(action.location);
  return texts;
}

function compileRule(draft: DraftRule, index: number, state: CompileState): Rule {
  const first = draft.links[0]!;
  const merged = mergeActions(draft.defaults, first.actions);
  let severity: number | null = null;
  let skipCount = 0;
  let skipTo = -1;
  let version = '';
  let revision = '';
  const tags: string[] = [];
  for (const action of merged.actions) {
    if (action.kind === 'severity') severity = action.level;
    else if (action.kind === 'skip') skipCount = action.count;
    else if (action.kind === 'skip-after') {
      const found = findMarker(action.marker, action.place, state);
      // A marker further up is never met again, so the rest of the phase is skipped.
      skipTo = found > index ? found : state.draft.rules.length;
    } else if (action.kind === 'tag') tags.push(action.text);
    else if (action.kind === 'version') version = action.text;
    else if (action.kind === 'revision') revision = action.text;
  }
  return {
    index,
    id: draft.id,
    phase: draft.phase,
    place: draft.place,
    links: draft.links.map((link, i) =>
      compileLink(link, i === 0 ? merged.actions : link.actions, draft, state),
    ),
    tags,
    severity,
    version,
    revision,
    logs: merged.logs,
    audits: merged.audits,
    disruption: compileDisruption(merged, state),
    skipCount,
    skipTo,
  };
}

interface MergedActions {
  readonly actions: readonly ActionNode[];
  readonly logs: boolean;
  readonly audits: boolean;
  readonly disruptive: ActionNode | null;
  readonly status: number | null;
}

/** The defaults of the phase, then the rule's own: of what can stand once the last counts, and `block` means the default. */
function mergeActions(defaults: readonly ActionNode[], own: readonly ActionNode[]): MergedActions {
  let logs = true;
  let audits = true;
  let disruptive: ActionNode | null = null;
  let fallback: ActionNode | null = null;
  let status: number | null = null;
  const actions = [...defaults.filter((action) => action.kind !== 'phase'), ...own];
  for (const action of actions) {
    switch (action.kind) {
      case 'log':
        logs = action.isOn;
        audits = action.isOn;
        break;
      case 'audit-log':
        audits = action.isOn;
        break;
      case 'pass':
      case 'deny':
      case 'drop':
      case 'allow':
      case 'redirect':
        disruptive = action;
        if (!own.includes(action)) fallback = action;
        break;
      case 'block':
        disruptive = fallback;
        break;
      case 'status':
        status = action.status;
        break;
    }
  }
  return { actions, logs, audits, disruptive, status };
}

/** Without a status of its own a rule that denies answers 403, and one that redirects 302. */
const DENY_STATUS = 403;
const REDIRECT_STATUS = 302;

function compileDisruption(merged: MergedActions, state: CompileState): Disruption | null {
  const action = merged.disruptive;
  switch (action?.kind) {
    case 'deny':
    case 'drop':
      return { kind: action.kind, status: merged.status ?? DENY_STATUS };
    case 'redirect': {
      const isRedirect = merged.status !== null && merged.status >= 300 && merged.status < 400;
      return {
        kind: 'redirect',
        status: isRedirect ? merged.status : REDIRECT_STATUS,
        location: macro(action.location, action.place, state),
      };
    }
    case 'allow':
      return { kind: 'allow', scope: action.scope };
    default:
      return null;
  }
}

function findMarker(name: string, place: Place, { draft, diagnostics }: CompileState): number {
  const index = draft.markers.get(name) ?? draft.rules.findIndex((rule) => String(rule.id) === name) + 1;
  if (index > 0 || draft.markers.has(name)) return index;
  diagnostics.warning(
    'seclang-no-such-rule',
    place,
    `There is no marker ${name}; a match skips all rules of the phase that follow.`,
    'Add `SecMarker` with that name where the rules shall go on.',
  );
  return draft.rules.length;
}

function macro(text: string, place: Place, { txNames, diagnostics }: CompileState): Macro {
  return compileMacro(text, txNames, place, diagnostics);
}

function compileLink(
  draft: DraftLink,
  actions: readonly ActionNode[],
  rule: DraftRule,
  state: CompileState,
): Link {
  const { node } = draft;
  let transformations: Transformation[] = [];
  let isMultiMatch = false;
  let isCapturing = false;
  let message: Macro | null = null;
  let logData: Macro | null = null;
  const assignments: Assignment[] = [];
  const bindings: Binding[] = [];
  const effects: Effect[] = [];
  const withDefaults = draft === rule.links[0] ? actions : [...transformationsOf(rule.defaults), ...actions];
  for (const action of withDefaults) {
    switch (action.kind) {
      case 'transformation':
        transformations = addTransformation(transformations, action.name, action.place, state.diagnostics);
        break;
      case 'multi-match':
        isMultiMatch = true;
        break;
      case 'capture':
        isCapturing = true;
        break;
      case 'message':
        message = macro(action.text, action.place, state);
        break;
      case 'log-data':
        logData = macro(action.text, action.place, state);
        break;
      case 'init-collection':
        bindings.push({ collection: action.collection, key: macro(action.key, action.place, state) });
        break;
      default: {
        const assignment = compileAssignment(action, state);
        if (assignment !== null) assignments.push(assignment);
        compileEffects(action, state, effects);
      }
    }
  }
  const operator = node.operator === null ? null : findOperator(node.operator, node.place.file, state);
  return {
    targets: compileTargets(draft.targets, false, state),
    exclusions: compileTargets(draft.targets, true, state),
    operator,
    argument: operator?.isDynamic ? macro(node.operator!.argument, node.operator!.place, state) : null,
    isNegated: node.operator?.isNegated ?? false,
    transformations,
    isMultiMatch,
    isCapturing,
    assignments,
    bindings,
    effects,
    message,
    logData,
  };
}

const transformationsOf = (actions: readonly ActionNode[]): readonly ActionNode[] =>
  actions.filter((action) => action.kind === 'transformation');

function compileTargets(nodes: readonly TargetNode[], exclusions: boolean, state: CompileState): Target[] {
  const targets: Target[] = [];
  for (const node of nodes) {
    if (node.isExclusion !== exclusions) continue;
    const target = compileTarget(node, state.txNames, state.diagnostics);
    if (target !== null) targets.push(target);
  }
  return targets;
}

function addTransformation(
  known: Transformation[],
  name: string,
  place: Place,
  diagnostics: Diagnostics,
): Transformation[] {
  if (name.toLowerCase() === 'none') return [];
  const transformation = findTransformation(name);
  if (transformation !== null) return [...known, transformation];
  const close = closestName(name, transformationNames);
  diagnostics.error(
    'seclang-unknown-transformation',
    place,
    `There is no transformation ${name}.`,
    close === null ? '' : `Did you mean t:${close}?`,
  );
  return known;
}

/** Matches nothing: stands in for an operator that is reported as wrong. */
const never: Operator = {
  name: 'noMatch',
  match: () => false,
  factors: null,
  requiredBytes: null,
  isDynamic: false,
};

function findOperator(node: OperatorNode, file: string, state: CompileState): Operator {
  const compiled = compileOperator(node.name, node.argument, {
    readData: (name) => state.environment.readData(name, file),
  });
  if (compiled.kind === 'ok') return compiled.operator;
  state.diagnostics.error('seclang-operator', node.place, compiled.message, compiled.suggestion);
  return never;
}

function compileAssignment(action: ActionNode, state: CompileState): Assignment | null {
  switch (action.kind) {
    case 'set-variable':
      return assignment(action.operation, action.collection, action.name, action.value, action.place, state);
    case 'expire-variable':
      return assignment('expire', action.collection, action.name, action.seconds, action.place, state);
    case 'set-environment':
      return assignment('set', 'ENV', action.name, action.value, action.place, state);
    default:
      return null;
  }
}

function assignment(
  kind: Assignment['kind'],
  collection: Assignment['collection'],
  nameText: string,
  valueText: string,
  place: Place,
  state: CompileState,
): Assignment {
  const name = macro(nameText, place, state);
  const slot = collection === 'TX' && name.constant !== null ? state.txNames.intern(name.constant) : -1;
  return { kind, collection, name, slot, value: macro(valueText, place, state) };
}

function compileEffects(action: ActionNode, state: CompileState, effects: Effect[]): void {
  if (action.kind !== 'control') return;
  const { control } = action;
  switch (control.kind) {
    case 'remove-rules':
      effects.push({ kind: 'remove-rules', rules: meantRules(control.selector, state.draft) });
      break;
    case 'remove-targets': {
      const target =
        control.target === null ? null : compileTarget(control.target, state.txNames, state.diagnostics);
      if (target !== null) {
        effects.push({ kind: 'remove-target', rules: meantRules(control.selector, state.draft), target });
      }
      break;
    }
    case 'no-effect':
      break;
    default:
      effects.push(control);
  }
}

function meantRules(selector: RuleSelector, draft: Draft): Uint8Array {
  return Uint8Array.from(draft.rules, (rule) => (isMeant(rule, selector) ? 1 : 0));
}
