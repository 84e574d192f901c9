// A compiled rule set: immutable, shared by all transactions of a thread.

import type { Operator, Phase } from '../contract.ts';
import type { Scanner } from '../fast/scanner.ts';
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

  /**
   * What profiles of this rule set have made and can share: operators with known arguments, by name and argument, and scanners.
   * The only thing here that changes; it grows with the number of different profiles, and no further.
   */
  readonly shared = { operators: new Map<string, Operator>(), scanners: [] as Scanner[] };

  ofPhase(phase: Phase): readonly Rule[] {
    return this.#byPhase[phase - 1]!;
  }
}
