// Walks the AST once: settings take effect, links join to chains, defaults are remembered for the rules below them. Then what
// SecRuleRemoveBy… and SecRuleUpdate…By… say is applied, wherever they stand, as ModSecurity v3 does.

import type { Diagnostics, Place } from '../../core/index.ts';
import type { Phase } from '../contract.ts';
import type {
  ActionNode,
  DefaultActionNode,
  RemoveRulesNode,
  RuleNode,
  RuleSelector,
  RuleSetAst,
  Setting,
  TargetNode,
  UpdateActionsNode,
  UpdateTargetsNode,
} from '../language/index.ts';
import { defaultSettings, type RuleSetSettings } from './rule.ts';

/** One link, as it stands after updates. */
export interface DraftLink {
  readonly node: RuleNode;
  targets: readonly TargetNode[];
  actions: readonly ActionNode[];
}

export interface DraftRule {
  readonly place: Place;
  readonly id: number;
  readonly phase: Phase;
  readonly links: DraftLink[];
  /** SecDefaultAction of the phase, as it was at the rule. */
  readonly defaults: readonly ActionNode[];
}

export interface Draft {
  readonly rules: DraftRule[];
  /** Index of the rule that follows the marker. */
  readonly markers: ReadonlyMap<string, number>;
  readonly settings: RuleSetSettings;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

type Later = RemoveRulesNode | UpdateTargetsNode | UpdateActionsNode;

export function collectRules(ast: RuleSetAst, diagnostics: Diagnostics): Draft {
  const rules: DraftRule[] = [];
  const markers: { name: string; before: DraftRule | null }[] = [];
  const later: Later[] = [];
  const defaults = new Map<Phase, DefaultActionNode>();
  const settings: Mutable<RuleSetSettings> = { ...defaultSettings };
  let open: DraftRule | null = null;
  for (const node of ast.directives) {
    if (open !== null && node.kind !== 'rule') {
      reportOpenChain(open, diagnostics);
      open = null;
    }
    switch (node.kind) {
      case 'rule': {
        const link = { node, targets: node.targets, actions: node.actions };
        if (open === null) {
          open = startRule(link, defaults, diagnostics);
          rules.push(open);
        } else {
          open.links.push(link);
          checkChained(link, diagnostics);
        }
        if (!node.actions.some((action) => action.kind === 'chain')) open = null;
        break;
      }
      case 'marker':
        markers.push({ name: node.name, before: rules.at(-1) ?? null });
        break;
      case 'default-action':
        defaults.set(node.phase, node);
        break;
      case 'setting':
        applySetting(settings, node.setting);
        break;
      default:
        later.push(node);
    }
  }
  if (open !== null) reportOpenChain(open, diagnostics);
  for (const update of later) applyLater(update, rules, diagnostics);
  return finish(rules, markers, later, settings, diagnostics);
}

function startRule(
  link: DraftLink,
  defaults: ReadonlyMap<Phase, DefaultActionNode>,
  diagnostics: Diagnostics,
): DraftRule {
  let id = 0;
  let phase: Phase = 2;
  for (const action of link.actions) {
    if (action.kind === 'id') id = action.id;
    if (action.kind === 'phase') phase = action.phase;
  }
  const { place } = link.node;
  if (id === 0) {
    const way = 'Give it one of its own, for instance `id:10001`.';
    diagnostics.error('seclang-missing-id', place, 'The rule has no id.', way);
  }
  return { place, id, phase, links: [link], defaults: defaults.get(phase)?.actions ?? [] };
}

const onlyInFirst: ReadonlySet<ActionNode['kind']> = new Set<ActionNode['kind']>([
  ...(['id', 'phase', 'deny', 'drop', 'block', 'pass', 'allow', 'redirect'] as const),
  ...(['skip', 'skip-after'] as const),
]);

function checkChained(link: DraftLink, diagnostics: Diagnostics): void {
  for (const action of link.actions) {
    if (!onlyInFirst.has(action.kind)) continue;
    diagnostics.warning(
      'seclang-chain',
      action.place,
      `Only the first rule of a chain may have the action ${action.kind}; here it has no effect.`,
      'Move it to the first rule of the chain.',
    );
  }
}

function reportOpenChain(rule: DraftRule, diagnostics: Diagnostics): void {
  diagnostics.error(
    'seclang-chain',
    rule.links.at(-1)!.node.place,
    'The rule says `chain`, and no rule follows.',
    'Write the next SecRule of the chain right below, or remove `chain`.',
  );
}

function applySetting(settings: Mutable<RuleSetSettings>, setting: Setting): void {
  switch (setting.kind) {
    case 'engine':
      settings.mode = setting.mode;
      break;
    case 'request-body-access':
      settings.requestBodyAccess = setting.isOn;
      break;
    case 'response-body-access':
      settings.responseBodyAccess = setting.isOn;
      break;
    case 'request-body-limit':
      settings.requestBodyLimitBytes = setting.bytes;
      break;
    case 'request-body-no-files-limit':
      settings.requestBodyNoFilesLimitBytes = setting.bytes;
      break;
    case 'response-body-limit':
      settings.responseBodyLimitBytes = setting.bytes;
      break;
    case 'request-body-limit-action':
      settings.requestBodyLimitAction = setting.action;
      break;
    case 'response-body-limit-action':
      settings.responseBodyLimitAction = setting.action;
      break;
    case 'response-body-mime-types':
      settings.responseBodyMimeTypes =
        setting.types.length === 0 ? [] : [...settings.responseBodyMimeTypes, ...setting.types];
      break;
    case 'arguments-limit':
      settings.maxArguments = setting.count;
      break;
    case 'json-depth-limit':
      settings.maxDepth = setting.depth;
      break;
    case 'argument-separator':
      settings.argumentSeparator = setting.separator;
      break;
    case 'collection-timeout':
      settings.collectionTimeoutSeconds = setting.seconds;
      break;
    case 'component-signature':
      settings.componentSignatures = [...settings.componentSignatures, setting.text];
      break;
    case 'web-application-id':
      settings.webApplicationId = setting.id;
      break;
    case 'no-effect':
      break;
  }
}

function applyLater(update: Later, rules: readonly DraftRule[], diagnostics: Diagnostics): void {
  const meant = rules.filter((rule) => isMeant(rule, update.selector));
  if (meant.length === 0) {
    const { place } = update;
    diagnostics.warning(
      'seclang-no-such-rule',
      place,
      'No rule is meant by this directive.',
      'Mend the id or tag.',
    );
    return;
  }
  if (update.kind === 'update-targets') {
    for (const rule of meant) {
      const first = rule.links[0]!;
      const dropped = update.replaced?.map(targetKey) ?? [];
      first.targets = [...first.targets.filter((t) => !dropped.includes(targetKey(t))), ...update.targets];
    }
  } else if (update.kind === 'update-actions') {
    for (const rule of meant) {
      const link = rule.links[update.link];
      if (link !== undefined)
        link.actions = [...link.actions, ...update.actions.filter((a) => a.kind !== 'id')];
    }
  }
}

const targetKey = (target: TargetNode): string =>
  `${target.isCount ? '&' : ''}${target.variable}:${JSON.stringify(target.selector).toLowerCase()}`;

/** Whether `selector` means `rule`. An expression that is not valid matches as plain text. */
export function isMeant(rule: DraftRule, selector: RuleSelector): boolean {
  if (selector.kind === 'ids')
    return selector.ranges.some(({ from, to }) => rule.id >= from && rule.id <= to);
  const wanted = selector.kind === 'tag' ? 'tag' : 'message';
  const matches = textMatcher(selector.pattern);
  return rule.links[0]!.actions.some((action) => action.kind === wanted && matches(action.text));
}

function textMatcher(pattern: string): (text: string) => boolean {
  try {
    const expression = new RegExp(pattern);
    return (text) => expression.test(text);
  } catch {
    return (text) => text.includes(pattern);
  }
}

function finish(
  all: readonly DraftRule[],
  markers: readonly { name: string; before: DraftRule | null }[],
  later: readonly Later[],
  settings: RuleSetSettings,
  diagnostics: Diagnostics,
): Draft {
  const removals = later.filter((update) => update.kind === 'remove-rules');
  const rules = all.filter((rule) => !removals.some((removal) => isMeant(rule, removal.selector)));
  const places = new Map<number, Place>();
  for (const rule of rules) {
    const other = places.get(rule.id);
    if (other !== undefined && rule.id !== 0) {
      const at = `${other.file}:${other.line}`;
      diagnostics.error(
        'seclang-duplicate-id',
        rule.place,
        `The id ${rule.id} is taken by the rule at ${at}.`,
        'Give each rule an id of its own.',
      );
    }
    places.set(rule.id, rule.place);
  }
  const positions = new Map<DraftRule, number>();
  let position = 0;
  const kept = new Set(rules);
  for (const rule of all) {
    if (kept.has(rule)) position++;
    positions.set(rule, position);
  }
  const table = new Map<string, number>();
  for (const { name, before } of markers) table.set(name, before === null ? 0 : positions.get(before)!);
  return { rules, markers: table, settings };
}
