// Rules as the interpreter runs them: operators compiled, names resolved, exclusions and updates applied. Immutable.

import type { Place } from '../../core/index.ts';
import type { EngineMode, Operator, Phase, Transformation } from '../contract.ts';
import type { AllowScope, LimitAction } from '../language/ast.ts';
import type { VariableName } from '../language/variables.ts';
import type { Macro } from './macro.ts';

/** Which values of a variable. */
export interface Target {
  readonly variable: VariableName;
  /** Lower-case, or null for no key. */
  readonly key: string | null;
  /** Says whether a key is meant; null without an expression. */
  readonly pattern: ((key: string) => boolean) | null;
  /** XPath of XML, or null. */
  readonly path: string | null;
  readonly isCount: boolean;
  /** Of TX: the slot of `key`, or -1. */
  readonly slot: number;
  /** Of TX with a pattern: the slots whose names it matches. */
  readonly slots: readonly number[];
  /** As written, for comparing and explaining: `ARGS:/^x/`. */
  readonly text: string;
}

/** `setvar`, `expirevar` and `setenv`: done for each value that matches. */
export interface Assignment {
  readonly kind: 'set' | 'add' | 'subtract' | 'unset' | 'expire';
  readonly collection: VariableName;
  readonly name: Macro;
  /** Slot of TX when the name has no macro, else -1. */
  readonly slot: number;
  readonly value: Macro;
}

/** `initcol`: done once, when the link matches, before its variables are set. */
export interface Binding {
  readonly collection: VariableName;
  readonly key: Macro;
}

/** What `ctl` does, once, when the whole chain matched. */
export type Effect =
  | { readonly kind: 'engine'; readonly mode: EngineMode }
  | { readonly kind: 'request-body-access'; readonly isOn: boolean }
  | { readonly kind: 'response-body-access'; readonly isOn: boolean }
  | { readonly kind: 'request-body-processor'; readonly processor: string }
  | { readonly kind: 'force-request-body'; readonly isOn: boolean }
  /** One byte a rule, by index: 1 for the rules meant. */
  | { readonly kind: 'remove-rules'; readonly rules: Uint8Array }
  | { readonly kind: 'remove-target'; readonly rules: Uint8Array; readonly target: Target };

/** One SecRule of a chain, or a SecAction. */
export interface Link {
  readonly targets: readonly Target[];
  readonly exclusions: readonly Target[];
  /** Null for SecAction, which always matches. */
  readonly operator: Operator | null;
  /** The operator's argument, to be expanded, if the operator is dynamic. */
  readonly argument: Macro | null;
  readonly isNegated: boolean;
  readonly transformations: readonly Transformation[];
  readonly isMultiMatch: boolean;
  readonly isCapturing: boolean;
  readonly bindings: readonly Binding[];
  readonly assignments: readonly Assignment[];
  readonly effects: readonly Effect[];
  readonly message: Macro | null;
  readonly logData: Macro | null;
}

export type Disruption =
  | { readonly kind: 'deny' | 'drop'; readonly status: number }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: Macro }
  | { readonly kind: 'allow'; readonly scope: AllowScope };

/** A SecRule with all the links of its chain. */
export interface Rule {
  /** Position among all rules, from 0. */
  readonly index: number;
  readonly id: number;
  readonly phase: Phase;
  readonly place: Place;
  readonly links: readonly Link[];
  readonly tags: readonly string[];
  readonly severity: number | null;
  readonly version: string;
  readonly revision: string;
  readonly logs: boolean;
  readonly audits: boolean;
  readonly disruption: Disruption | null;
  /** Rules of the same phase to leave out after a match. */
  readonly skipCount: number;
  /** Index of the first rule that may run after a match, or -1. */
  readonly skipTo: number;
}

export interface RuleSetSettings {
  readonly mode: EngineMode;
  readonly requestBodyAccess: boolean;
  readonly responseBodyAccess: boolean;
  readonly requestBodyLimitBytes: number;
  readonly requestBodyNoFilesLimitBytes: number;
  readonly requestBodyLimitAction: LimitAction;
  readonly responseBodyLimitBytes: number;
  readonly responseBodyLimitAction: LimitAction;
  readonly responseBodyMimeTypes: readonly string[];
  readonly maxArguments: number;
  readonly maxDepth: number;
  readonly argumentSeparator: string;
  readonly collectionTimeoutSeconds: number;
  readonly componentSignatures: readonly string[];
  readonly webApplicationId: string;
}

/** Defaults of the reference manual; it gives no limits for arguments and depth, these are of `modsecurity.conf-recommended`. */
export const defaultSettings: RuleSetSettings = {
  mode: 'on',
  requestBodyAccess: false,
  responseBodyAccess: false,
  requestBodyLimitBytes: 13_107_200,
  requestBodyNoFilesLimitBytes: 1_048_576,
  requestBodyLimitAction: 'reject',
  responseBodyLimitBytes: 524_288,
  responseBodyLimitAction: 'process-partial',
  responseBodyMimeTypes: ['text/plain', 'text/html'],
  maxArguments: 1000,
  maxDepth: 512,
  argumentSeparator: '&',
  collectionTimeoutSeconds: 3600,
  componentSignatures: [],
  webApplicationId: '',
};
