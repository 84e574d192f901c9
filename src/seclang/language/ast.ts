// What rule files say, in order, with the place of every part: readonly nodes with a `kind`. Names of variables, actions and
// directives are in their canonical spelling; nothing is resolved or merged yet.

import type { Place } from '../../core/index.ts';
import type { EngineMode, Phase } from '../contract.ts';
import type { VariableName } from './variables.ts';

export interface RuleSetAst {
  readonly directives: readonly DirectiveNode[];
}

export type DirectiveNode =
  | RuleNode
  | MarkerNode
  | DefaultActionNode
  | RemoveRulesNode
  | UpdateTargetsNode
  | UpdateActionsNode
  | SettingNode;

/** SecRule, or SecAction (which has neither targets nor operator). */
export interface RuleNode {
  readonly kind: 'rule';
  readonly place: Place;
  readonly targets: readonly TargetNode[];
  readonly operator: OperatorNode | null;
  readonly actions: readonly ActionNode[];
}

export interface MarkerNode {
  readonly kind: 'marker';
  readonly place: Place;
  readonly name: string;
}

export interface DefaultActionNode {
  readonly kind: 'default-action';
  readonly place: Place;
  readonly phase: Phase;
  readonly actions: readonly ActionNode[];
}

/** Which rules a directive or `ctl` is about. */
export type RuleSelector =
  | { readonly kind: 'ids'; readonly ranges: readonly IdRange[] }
  | { readonly kind: 'tag'; readonly pattern: string }
  | { readonly kind: 'message'; readonly pattern: string };

export interface IdRange {
  readonly from: number;
  readonly to: number;
}

export interface RemoveRulesNode {
  readonly kind: 'remove-rules';
  readonly place: Place;
  readonly selector: RuleSelector;
}

export interface UpdateTargetsNode {
  readonly kind: 'update-targets';
  readonly place: Place;
  readonly selector: RuleSelector;
  readonly targets: readonly TargetNode[];
  /** Targets that the new ones take the place of; null adds. */
  readonly replaced: readonly TargetNode[] | null;
}

export interface UpdateActionsNode {
  readonly kind: 'update-actions';
  readonly place: Place;
  readonly selector: RuleSelector;
  /** Link of the chain, 0 for its start. */
  readonly link: number;
  readonly actions: readonly ActionNode[];
}

/** A directive that sets one thing. */
export interface SettingNode {
  readonly kind: 'setting';
  readonly place: Place;
  readonly setting: Setting;
}

export type LimitAction = 'reject' | 'process-partial';

export type Setting =
  | { readonly kind: 'engine'; readonly mode: EngineMode }
  | { readonly kind: 'request-body-access'; readonly isOn: boolean }
  | { readonly kind: 'response-body-access'; readonly isOn: boolean }
  | { readonly kind: 'request-body-limit'; readonly bytes: number }
  | { readonly kind: 'request-body-no-files-limit'; readonly bytes: number }
  | { readonly kind: 'response-body-limit'; readonly bytes: number }
  | { readonly kind: 'request-body-limit-action'; readonly action: LimitAction }
  | { readonly kind: 'response-body-limit-action'; readonly action: LimitAction }
  | { readonly kind: 'response-body-mime-types'; readonly types: readonly string[] }
  | { readonly kind: 'arguments-limit'; readonly count: number }
  | { readonly kind: 'json-depth-limit'; readonly depth: number }
  | { readonly kind: 'argument-separator'; readonly separator: string }
  | { readonly kind: 'collection-timeout'; readonly seconds: number }
  | { readonly kind: 'component-signature'; readonly text: string }
  | { readonly kind: 'web-application-id'; readonly id: string }
  /** Accepted, and of no effect here: logging and files are the embedding program's. */
  | { readonly kind: 'no-effect'; readonly name: string };

export type SelectorNode =
  | { readonly kind: 'all' }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'path'; readonly path: string };

export interface TargetNode {
  readonly kind: 'target';
  readonly place: Place;
  readonly variable: VariableName;
  readonly selector: SelectorNode;
  /** `&`: the number of values in place of the values. */
  readonly isCount: boolean;
  /** `!`: leaves out. */
  readonly isExclusion: boolean;
}

export interface OperatorNode {
  readonly place: Place;
  /** Without `@`; `rx` when the rule names none. */
  readonly name: string;
  readonly argument: string;
  readonly isNegated: boolean;
}

export type AllowScope = 'all' | 'phase' | 'request';

export type ActionNode = { readonly place: Place } & (
  | { readonly kind: 'id'; readonly id: number }
  | { readonly kind: 'phase'; readonly phase: Phase }
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'log-data'; readonly text: string }
  | { readonly kind: 'tag'; readonly text: string }
  | { readonly kind: 'version'; readonly text: string }
  | { readonly kind: 'revision'; readonly text: string }
  | { readonly kind: 'severity'; readonly level: number }
  | { readonly kind: 'maturity'; readonly level: number }
  | { readonly kind: 'accuracy'; readonly level: number }
  | { readonly kind: 'transformation'; readonly name: string }
  | { readonly kind: 'chain' }
  | { readonly kind: 'capture' }
  | { readonly kind: 'multi-match' }
  | { readonly kind: 'log'; readonly isOn: boolean }
  | { readonly kind: 'audit-log'; readonly isOn: boolean }
  | { readonly kind: 'block' }
  | { readonly kind: 'pass' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'allow'; readonly scope: AllowScope }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'skip'; readonly count: number }
  | { readonly kind: 'skip-after'; readonly marker: string }
  | {
      readonly kind: 'set-variable';
      readonly collection: VariableName;
      readonly name: string;
      readonly operation: 'set' | 'add' | 'subtract' | 'unset';
      readonly value: string;
    }
  | {
      readonly kind: 'expire-variable';
      readonly collection: VariableName;
      readonly name: string;
      readonly seconds: string;
    }
  | { readonly kind: 'init-collection'; readonly collection: VariableName; readonly key: string }
  | { readonly kind: 'set-environment'; readonly name: string; readonly value: string }
  | { readonly kind: 'control'; readonly control: Control }
  /** Accepted, and of no effect here. */
  | { readonly kind: 'no-effect'; readonly name: string }
);

/** What `ctl` changes for the rest of the transaction. */
export type Control =
  | { readonly kind: 'engine'; readonly mode: EngineMode }
  | { readonly kind: 'request-body-access'; readonly isOn: boolean }
  | { readonly kind: 'response-body-access'; readonly isOn: boolean }
  | { readonly kind: 'request-body-processor'; readonly processor: string }
  | { readonly kind: 'force-request-body'; readonly isOn: boolean }
  | { readonly kind: 'remove-rules'; readonly selector: RuleSelector }
  | { readonly kind: 'remove-targets'; readonly selector: RuleSelector; readonly target: TargetNode | null }
  | { readonly kind: 'no-effect'; readonly name: string };
