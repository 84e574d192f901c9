// A compiled rule set: immutable, shared by all transactions of a thread.

import type { Phase } from '../contract.ts';
import type { Rule, RuleSetSettings } from './rule.ts';
import type { TxNames } from './tx-names.ts';

export class RuleSet {
  /** In order; `rules[i].index === i`. */
  readonly rules: readonly Rule[];
  readonly settings: RuleSetSettings;
  readonly txNames: TxNames;
  readonly #byPhase: readonly (readonly Rule[])[];

  constructor(rules: readonly Rule[], settings: RuleSetSettings, txNames: TxNames) {
    this.rules = rules;
    this.settings = settings;
    this.txNames = txNames;
    this.#byPhase = [1, 2, 3, 4, 5].map((phase) => rules.filter((rule) => rule.phase === phase));
  }

  ofPhase(phase: Phase): readonly Rule[] {
    return this.#byPhase[phase - 1]!;
  }
}
