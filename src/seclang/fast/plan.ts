// The fast path of a profile: which rules always run, and which run only if a value of the request wakes them.

import type { Operator, Phase, Transformation } from '../contract.ts';
import type { VariableName } from '../language/variables.ts';
import type { Profile } from '../rules/profile.ts';
import type { Link, Rule, Target } from '../rules/rule.ts';
import type { RuleSet } from '../rules/rule-set.ts';
import { scalarReader } from '../transaction/collect-values.ts';
import type { ScalarReader } from '../transaction/variables.ts';
import { analyse, foldPrefix } from './analyse.ts';
import { type ChannelName, channelStages, originOf, type Stage } from './channels.ts';
import { CollectionPlan, CountPlan } from './collection-plan.ts';
import {
  type Condition,
  conditionsOf,
  type LiveRules,
  lastStage,
  liveRulesOf,
  type OriginOf,
} from './conditions.ts';
import { waitingJumps } from './jumps.ts';
import { NamesMemo } from './names-memo.ts';
import { isIndependentOf } from './rule-traits.ts';
import { Scanner } from './scanner.ts';
import { ALONE, PART, Source, type SourceCondition, type Standing, WHOLE } from './source.ts';
import { specialise } from './specialise.ts';
import { TxKnowledge } from './tx-knowledge.ts';

export interface ChannelPlan {
  readonly channel: ChannelName;
  readonly values: CollectionPlan;
  readonly names: CollectionPlan;
  readonly counts: readonly CountPlan[];
  /** Of what names and counts say. */
  readonly memo: NamesMemo;
}

export interface ScalarPlan {
  readonly read: ScalarReader;
  readonly source: Source;
  readonly place: Standing;
}

export interface StagePlan {
  readonly scalars: readonly ScalarPlan[];
  readonly channels: readonly ChannelPlan[];
}

export interface PhasePlan {
  /** Rules that run whatever the request holds, in order. */
  readonly always: readonly Rule[];
  /** Rules that run when a rule was woken that they may jump over, in order. */
  readonly jumps: readonly Rule[];
  /** Those of `always` that are independent. */
  readonly independent: readonly Rule[];
  /** The last stage whose values rules of this phase may be woken by. */
  readonly stage: 0 | Stage;
  /**
   * TX after the phase when no rule was woken in it or before it; null when that is not known. Filled in by
   * `compileProfile`, which runs the rules to find out.
   */
  readonly quietTx: readonly (string | null)[] | null;
}

export interface Plan {
  /** By rule index; with known operators put in. */
  readonly rules: readonly Rule[];
  /** The rule of each condition … */
  readonly conditionRules: readonly Rule[];
  /** … and the conditions of each rule, by its index. */
  readonly ruleConditions: readonly (readonly number[])[];
  /** By rule index: 1 for rules that do not meddle with those that always run, even when they match. */
  readonly isIndependent: Uint8Array;
  /**
   * Whether a TX variable (lower-case) may be left unset where the plain interpreter sets it: captures, and what a rule keeps for
   * itself. No rule sees the difference.
   */
  readonly isPrivate: (lowerName: string) => boolean;
  /** By phase - 1. */
  readonly phases: readonly PhasePlan[];
  /** By stage - 1. */
  readonly stages: readonly StagePlan[];
}

export interface PlanAndTx {
  readonly plan: Plan;
  readonly initialTx: readonly (string | null)[];
}

const phases: readonly Phase[] = [1, 2, 3, 4, 5];
const stageNumbers: readonly Stage[] = [1, 2, 3, 4];

export function compilePlan(profile: Profile): PlanAndTx {
  const { ruleSet } = profile;
  const folded = foldPrefix(profile);
  const left = folded.rules.map((isFolded, i) => isFolded | (profile.removedRules?.[i] ?? 0));
  const { known } = analyse(
    { ...profile, removedRules: left, initialTx: folded.initialTx },
    new TxKnowledge(folded.initialTx),
  );
  const rules = ruleSet.rules.map((rule, i) =>
    known[i] == null ? rule : specialise(rule, known[i], ruleSet),
  );
  const live = liveRulesOf(
    { ...profile, initialTx: folded.initialTx },
    rules.filter((rule) => known[rule.index] !== null),
  );
  const rows: (readonly number[])[] = rules.map(() => []);
  const conditions: Condition[] = [];
  const always: Rule[] = [];
  const jumps = waitingJumpsOf(live);
  for (const rule of live.rules) {
    if (jumps.includes(rule)) continue;
    const own = conditionsOf(rule, live);
    rows[rule.index] = own.map((_, i) => conditions.length + i);
    conditions.push(...own);
    if (own.length === 0) always.push(rule);
  }
  const ownNames = conditions.flatMap(({ isolated }) => isolated?.ownNames ?? []);
  const scanner = sharedScanner(
    conditions.map(({ link }) => (link.isNegated ? null : link.operator)),
    new Set(conditions.flatMap(({ link }) => link.transformations)),
    ruleSet,
  );
  const alwaysRuns = Uint8Array.from(rules, (rule) => (always.includes(rule) ? 1 : 0));
  const isIndependent = Uint8Array.from(rules, (rule) =>
    isIndependentOf(jumps.includes(rule) ? { ...rule, skipTo: -1 } : rule, alwaysRuns) ? 1 : 0,
  );
  return {
    initialTx: folded.initialTx,
    plan: {
      rules,
      conditionRules: conditions.map(({ rule }) => rule),
      ruleConditions: rows,
      isIndependent,
      isPrivate: (name) =>
        /^\d$/.test(name) ||
        ownNames.some(({ text, isPrefix }) => (isPrefix ? name.startsWith(text) : name === text)),
      phases: phases.map((phase) => {
        const own = always.filter((rule) => rule.phase === phase);
        return {
          always: own,
          jumps: jumps.filter((rule) => rule.phase === phase),
          independent: own.filter((rule) => isIndependent[rule.index] === 1),
          stage: lastStage(
            conditions.filter(({ rule }) => rule.phase === phase),
            live.origins,
          ),
          quietTx: null,
        };
      }),
      stages: stageNumbers.map((stage) =>
        compileStage(stage, conditions, { scanner, origins: live.origins }),
      ),
    },
  };
}

function waitingJumpsOf(live: LiveRules): readonly Rule[] {
  if (!live.canForgetMatches || !live.canForgetCaptures) return [];
  return phases.flatMap((phase) =>
    waitingJumps(
      live.rules.filter((rule) => rule.phase === phase),
      (rule) => conditionsOf(rule, live).length === 0,
    ),
  );
}

/** Profiles that differ in targets or mode alone scan for the same. */
function sharedScanner(
  operators: readonly (Operator | null)[],
  transformations: ReadonlySet<Transformation>,
  { shared }: RuleSet,
): Scanner {
  const known = shared.scanners.find((scanner) => scanner.isFor(operators, transformations));
  if (known !== undefined) return known;
  const scanner = new Scanner(operators, transformations);
  shared.scanners.push(scanner);
  return scanner;
}

interface Shared {
  readonly scanner: Scanner;
  readonly origins: OriginOf;
}

type IsMeant = (link: Link) => boolean;

/** A source for the conditions that `isMeant` says; null when it says none. */
function sourceFor(conditions: readonly Condition[], { scanner }: Shared, isMeant: IsMeant): Source | null {
  const meant: SourceCondition[] = [];
  conditions.forEach(({ link, isolated }, row) => {
    if (isMeant(link)) meant.push({ row, link, isolated });
  });
  return meant.length === 0 ? null : new Source(meant, scanner);
}

function compileStage(stage: Stage, conditions: readonly Condition[], shared: Shared): StagePlan {
  const variables = new Set(conditions.flatMap(({ link }) => link.targets.map(({ variable }) => variable)));
  const scalars: ScalarPlan[] = [];
  for (const variable of variables) {
    const origin = shared.origins(variable)!;
    if (origin.kind !== 'scalar' || origin.stage !== stage) continue;
    const isMeant: IsMeant = (link) => link.targets.some((target) => target.variable === variable);
    const source = sourceFor(conditions, shared, isMeant)!;
    const place = variable === 'REQUEST_URI_RAW' ? WHOLE : uriParts.has(variable) ? PART : ALONE;
    scalars.push({ read: scalarReader(variable)!, source, place });
  }
  const channels = (Object.keys(channelStages) as ChannelName[])
    .filter((channel) => channelStages[channel] === stage)
    .map((channel) => ({
      channel,
      values: compileCollection(channel, false, conditions, shared),
      names: compileCollection(channel, true, conditions, shared),
      counts: compileCounts(channel, conditions, shared),
      memo: new NamesMemo(),
    }))
    .filter(({ values, names, counts }) => !values.isEmpty || !names.isEmpty || counts.length > 0);
  // A whole comes before its parts.
  scalars.sort((a, b) => (a.place === WHOLE ? 0 : 1) - (b.place === WHOLE ? 0 : 1));
  return { scalars, channels };
}

/** Where REQUEST_URI_RAW has no escapes, each of these is a part of it. */
const uriParts: ReadonlySet<VariableName> = new Set<VariableName>([
  'PATH_INFO',
  'QUERY_STRING',
  'REQUEST_BASENAME',
  'REQUEST_FILENAME',
  'REQUEST_URI',
]);

function isOf(target: Target, channel: ChannelName, ofNames: boolean): boolean {
  const origin = originOf(target.variable);
  return origin?.kind === 'collection' && origin.ofNames === ofNames && origin.channels.includes(channel);
}

function compileCollection(
  channel: ChannelName,
  ofNames: boolean,
  conditions: readonly Condition[],
  shared: Shared,
): CollectionPlan {
  const names = new Set<string>();
  for (const { link } of conditions) {
    for (const target of [...link.targets, ...link.exclusions]) {
      if (isOf(target, channel, ofNames) && !target.isCount && target.key !== null) names.add(target.key);
    }
  }
  const meant = (name: string | null): IsMeant => {
    return (link) => {
      // Whoever is left out by name alone is not asked; expressions are left to the rule itself.
      const isExcluded = link.exclusions.some(
        (target) =>
          isOf(target, channel, ofNames) &&
          isExactly(target, link) &&
          target.path === null &&
          (target.key === null || target.key === name) &&
          target.pattern === null,
      );
      if (isExcluded) return false;
      return link.targets.some(
        (target) =>
          isOf(target, channel, ofNames) && !target.isCount && (target.key === null || target.key === name),
      );
    };
  };
  const byName = new Map<string, Source>();
  for (const name of names) {
    const source = sourceFor(conditions, shared, meant(name));
    if (source !== null) byName.set(name, source);
  }
  return new CollectionPlan(sourceFor(conditions, shared, meant(null)), byName);
}

/** An exclusion counts for values of its own variable: `!ARGS:x` leaves ARGS_GET:x alone. */
const isExactly = (exclusion: Target, link: Link): boolean =>
  link.targets.every(
    (target) => target.variable === exclusion.variable || !sharesChannel(target.variable, exclusion.variable),
  );

function sharesChannel(a: VariableName, b: VariableName): boolean {
  const [one, other] = [originOf(a), originOf(b)] as const;
  if (one?.kind !== 'collection' || other?.kind !== 'collection' || one.ofNames !== other.ofNames)
    return false;
  return one.channels.some((channel) => other.channels.includes(channel));
}

function compileCounts(channel: ChannelName, conditions: readonly Condition[], shared: Shared): CountPlan[] {
  const names = new Set<string | null>();
  const counting = (target: Target): boolean => target.isCount && isOf(target, channel, false);
  for (const { link } of conditions) {
    for (const target of link.targets) if (counting(target)) names.add(target.key);
  }
  const plans: CountPlan[] = [];
  for (const name of names) {
    const isMeant: IsMeant = (link) => link.targets.some((target) => counting(target) && target.key === name);
    plans.push(new CountPlan(name, sourceFor(conditions, shared, isMeant)!));
  }
  return plans;
}
