// Rule files to AST. Everything that can be said about one directive alone is checked here, and reported all at once; what
// needs the whole rule set (ids, markers, operators) is for `compileRuleSet` to check.

import type { Diagnostics } from '../../core/index.ts';
import type { RuleFileEnvironment, RuleSource } from '../contract.ts';
import type { ActionNode, DirectiveNode, OperatorNode, RuleNode, RuleSelector, RuleSetAst } from './ast.ts';
import { type LexedDirective, lexRules, type SourceText } from './lexer.ts';
import { parseActions } from './parse-actions.ts';
import { parseIdRanges } from './parse-control.ts';
import { closestDirective, parseSetting, settingNames } from './parse-settings.ts';
import { parseTargets } from './parse-targets.ts';

/** Files included by files included …: deeper than this is taken for a circle. */
const MAX_INCLUDE_DEPTH = 16;

interface ParseState {
  readonly environment: RuleFileEnvironment;
  readonly diagnostics: Diagnostics;
  readonly directives: DirectiveNode[];
  readonly depth: number;
}

type DirectiveParser = (directive: LexedDirective, state: ParseState) => DirectiveNode | null;

export function parseRuleFiles(
  sources: readonly RuleSource[],
  environment: RuleFileEnvironment,
  diagnostics: Diagnostics,
): RuleSetAst {
  const directives: DirectiveNode[] = [];
  for (const source of sources) parseFile(source, { environment, diagnostics, directives, depth: 0 });
  return { directives };
}

function parseFile(source: RuleSource, state: ParseState): void {
  for (const directive of lexRules(source.file, source.text, state.diagnostics)) {
    const node = parseDirective(directive, state);
    if (node !== null) state.directives.push(node);
  }
}

function parseDirective(directive: LexedDirective, state: ParseState): DirectiveNode | null {
  const canonical = canonicalNames.get(directive.name.toLowerCase());
  if (canonical === undefined) {
    const { place, name } = directive;
    const reason = unsupported.get(name.toLowerCase());
    if (reason !== undefined) {
      state.diagnostics.error('seclang-unsupported', place, `${name} is not supported.`, reason);
    } else {
      const suggestion = closestDirective(name, allNames);
      state.diagnostics.error(
        'seclang-unknown-directive',
        place,
        `There is no directive ${name}.`,
        suggestion,
      );
    }
    return null;
  }
  const parser = parsers.get(canonical);
  if (parser !== undefined) return parser(directive, state);
  return parseSetting(directive, canonical, state.diagnostics) ?? null;
}

const parseSecRule: DirectiveParser = (directive, { diagnostics }) => {
  const [targets, operator, actions] = directive.arguments;
  if (targets === undefined || operator === undefined || directive.arguments.length > 3) {
    diagnostics.error(
      'seclang-arguments',
      directive.place,
      `SecRule wants targets, an operator and actions; here are ${directive.arguments.length} arguments.`,
      'Put the operator and the actions in double quotes, and write \\" for a quote within.',
    );
    return null;
  }
  const parsedTargets = parseTargets(targets, diagnostics);
  const parsedActions = actions === undefined ? [] : parseActions(actions, diagnostics);
  if (parsedTargets.length > 0 && parsedTargets.every((target) => target.isExclusion)) {
    diagnostics.error(
      'seclang-target',
      targets.placeAt(0),
      'Every target is left out with `!`, so nothing is inspected.',
      'Name at least one target without `!`.',
    );
  }
  return {
    kind: 'rule',
    place: directive.place,
    targets: parsedTargets,
    operator: parseOperator(operator),
    actions: parsedActions,
  } satisfies RuleNode;
};

const parseSecAction: DirectiveParser = (directive, { diagnostics }) => {
  const actions = only(directive, diagnostics, 'its actions');
  if (actions === null) return null;
  return {
    kind: 'rule',
    place: directive.place,
    targets: [],
    operator: null,
    actions: parseActions(actions, diagnostics),
  };
};

function parseOperator(source: SourceText): OperatorNode {
  const match = /^\s*(!?)\s*(?:@([A-Za-z0-9_]+)(?:\s+|$))?/.exec(source.text)!;
  const name = match[2];
  const argument = source.text.slice(match[0].length);
  const at = match[0].length - match[0].trimStart().length;
  return {
    place: source.placeAt(at),
    name: name ?? 'rx',
    argument: name === undefined ? argument : argument.trimEnd(),
    isNegated: match[1] === '!',
  };
}

const parseMarker: DirectiveParser = (directive, { diagnostics }) => {
  const name = only(directive, diagnostics, 'a name');
  return name === null ? null : { kind: 'marker', place: directive.place, name: name.text };
};

const parseDefaultAction: DirectiveParser = (directive, { diagnostics }) => {
  const source = only(directive, diagnostics, 'a list of actions');
  if (source === null) return null;
  const actions = parseActions(source, diagnostics);
  const phase = actions.find((action) => action.kind === 'phase');
  return {
    kind: 'default-action',
    place: directive.place,
    phase: phase?.kind === 'phase' ? phase.phase : 2,
    actions,
  };
};

const parseInclude =
  (isOptional: boolean): DirectiveParser =>
  (directive, state) => {
    const pattern = only(directive, state.diagnostics, 'a path');
    if (pattern === null) return null;
    const { file } = directive.place;
    const files = state.environment.expandInclude(pattern.text, file);
    if (files.length === 0 && !isOptional) {
      state.diagnostics.error(
        'seclang-include',
        pattern.placeAt(0),
        `No file is called ${pattern.text}.`,
        'Paths are relative to the file that includes; IncludeOptional takes none for an answer.',
      );
    } else if (state.depth === MAX_INCLUDE_DEPTH) {
      state.diagnostics.error(
        'seclang-include',
        pattern.placeAt(0),
        'Files include one another in a circle.',
      );
    } else {
      for (const source of files) parseFile(source, { ...state, depth: state.depth + 1 });
    }
    return null;
  };

type SelectorKind = RuleSelector['kind'];

function parseSelector(kind: SelectorKind, text: string): RuleSelector | null {
  if (kind !== 'ids') return { kind, pattern: text };
  const ranges = parseIdRanges(text);
  return ranges === null ? null : { kind: 'ids', ranges };
}

const parseRemove =
  (kind: SelectorKind): DirectiveParser =>
  (directive, { diagnostics }) => {
    const { place } = directive;
    const selector = parseSelector(kind, directive.arguments.map((a) => a.text).join(' '));
    if (selector === null || directive.arguments.length === 0) {
      diagnostics.error('seclang-arguments', place, `${directive.name} wants ${wanted[kind]}.`);
      return null;
    }
    return { kind: 'remove-rules', place, selector };
  };

const parseUpdateTargets =
  (kind: SelectorKind): DirectiveParser =>
  (directive, { diagnostics }) => {
    const { place } = directive;
    const [first, targets, replaced] = directive.arguments;
    const selector = first === undefined ? null : parseSelector(kind, first.text);
    if (selector === null || targets === undefined) {
      diagnostics.error('seclang-arguments', place, `${directive.name} wants ${wanted[kind]}, and targets.`);
      return null;
    }
    return {
      kind: 'update-targets',
      place,
      selector,
      targets: parseTargets(targets, diagnostics),
      replaced: replaced === undefined ? null : parseTargets(replaced, diagnostics),
    };
  };

const parseUpdateActions =
  (kind: SelectorKind): DirectiveParser =>
  (directive, { diagnostics }) => {
    const { place } = directive;
    const [first, source] = directive.arguments;
    const [, left, link] = /^(.*?)(?::(\d{1,4}))?$/s.exec(first?.text ?? '')!;
    const isChainPart = kind === 'ids' && link !== undefined;
    const selector = first === undefined ? null : parseSelector(kind, isChainPart ? left! : first.text);
    if (selector === null || source === undefined) {
      diagnostics.error('seclang-arguments', place, `${directive.name} wants ${wanted[kind]}, and actions.`);
      return null;
    }
    const actions: readonly ActionNode[] = parseActions(source, diagnostics);
    return { kind: 'update-actions', place, selector, link: isChainPart ? Number(link) : 0, actions };
  };

const wanted: Readonly<Record<SelectorKind, string>> = {
  ids: 'ids or ranges of ids (`942100`, `942000-942999`)',
  tag: 'an expression for tags',
  message: 'an expression for messages',
};

function only(directive: LexedDirective, diagnostics: Diagnostics, what: string): SourceText | null {
  if (directive.arguments.length === 1) return directive.arguments[0]!;
  const count = directive.arguments.length;
  diagnostics.error(
    'seclang-arguments',
    directive.place,
    `${directive.name} wants ${what}; here are ${count} arguments.`,
    count > 1 ? 'Put it in double quotes.' : '',
  );
  return null;
}

const parsers: ReadonlyMap<string, DirectiveParser> = new Map([
  ['SecRule', parseSecRule],
  ['SecAction', parseSecAction],
  ['SecMarker', parseMarker],
  ['SecDefaultAction', parseDefaultAction],
  ['Include', parseInclude(false)],
  ['IncludeOptional', parseInclude(true)],
  ['SecRuleRemoveById', parseRemove('ids')],
  ['SecRuleRemoveByTag', parseRemove('tag')],
  ['SecRuleRemoveByMsg', parseRemove('message')],
  ['SecRuleUpdateTargetById', parseUpdateTargets('ids')],
  ['SecRuleUpdateTargetByTag', parseUpdateTargets('tag')],
  ['SecRuleUpdateTargetByMsg', parseUpdateTargets('message')],
  ['SecRuleUpdateActionById', parseUpdateActions('ids')],
  ['SecRuleUpdateActionByTag', parseUpdateActions('tag')],
  ['SecRuleUpdateActionByMsg', parseUpdateActions('message')],
]);

const allNames = [...parsers.keys(), ...settingNames];
const canonicalNames: ReadonlyMap<string, string> = new Map(
  allNames.map((name) => [name.toLowerCase(), name]),
);

const unsupported: ReadonlyMap<string, string> = new Map([
  ['secrulescript', 'Rules in Lua can not run here; write them as SecRule.'],
  ['secremoterules', 'Rules are not fetched; put the file beside the others and include it.'],
  ['secremoterulesfailaction', 'Rules are not fetched.'],
  ['secgeolookupdb', 'There is no geography here; the gate has address lists of its own.'],
]);
