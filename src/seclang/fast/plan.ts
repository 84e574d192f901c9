// The fast path of a profile: which rules always run, and which run only if a value of the request wakes them.

import type { Operator, Phase } from '../contract.ts';
import type { VariableName } from '../language/variables.ts';
import type { Profile } from '../rules/profile.ts';
import type { Link, Rule, Target } from '../rules/rule.ts';
import { analyse, foldPrefix } from './analyse.ts';
import { type ChannelName, channelStages, type Origin, originOf, type Stage } from './channels.ts';
import { CollectionPlan, CountPlan } from './collection-plan.ts';
import { decide } from './decide.ts';
import { isIndependentOf, readsEarlierMatch } from './rule-traits.ts';
import { Scanner } from './scanner.ts';
import { Source, type SourceRule } from './source.ts';
import { specialise } from './specialise.ts';
import { TxKnowledge } from './tx-knowledge.ts';
import { shownPaths } from './wake.ts';

export interface ChannelPlan {
  readonly channel: ChannelName;
  readonly values: CollectionPlan;
  readonly names: CollectionPlan;
  readonly counts: readonly CountPlan[];
}

export interface ScalarPlan {
  readonly variable: VariableName;
  readonly source: Source;
}

export interface StagePlan {
  readonly scalars: readonly ScalarPlan[];
  readonly channels: readonly ChannelPlan[];
}

export interface PhasePlan {
  /** Rules that run whatever the request holds, in order. */
  readonly always: readonly Rule[];
  /** Those of them that are independent. */
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
  /** By rule index: 1 for rules that do not meddle with those that always run, even when they match. */
  readonly isIndependent: Uint8Array;
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

/** A rule, and the link whose values wake it: the first that is not known to match. */
interface Wakeable {
  readonly rule: Rule;
  readonly link: Link;
}

export function compilePlan(profile: Profile): PlanAndTx {
  const { ruleSet } = profile;
  const folded = foldPrefix(profile);
  const left = folded.rules.map((isFolded, i) => isFolded | (profile.removedRules?.[i] ?? 0));
  const { known } = analyse(
    { ...profile, removedRules: left, initialTx: folded.initialTx },
    new TxKnowledge(folded.initialTx),
  );
  const rules = ruleSet.rules.map((rule, i) => (known[i] == null ? rule : specialise(rule, known[i])));
  const live = rules.filter((rule) => known[rule.index] !== null);
  const canLookBack = !rules.some(readsEarlierMatch);
  const origins = originsOf(live);
  const wakeable: Wakeable[] = [];
  const always: Rule[] = [];
  for (const rule of live) {
    const link = wakingLink(profile, rule, known[rule.index]!, canLookBack);
    if (link !== null && canWake(rule, link, origins)) wakeable.push({ rule, link });
    else always.push(rule);
  }
  const shared = { ...scannerOf(wakeable), origins };
  const alwaysRuns = Uint8Array.from(rules, (rule) => (always.includes(rule) ? 1 : 0));
  const isIndependent = Uint8Array.from(rules, (rule) => (isIndependentOf(rule, alwaysRuns) ? 1 : 0));
  return {
    initialTx: folded.initialTx,
    plan: {
      rules,
      isIndependent,
      phases: phases.map((phase) => {
        const own = always.filter((rule) => rule.phase === phase);
        return {
          always: own,
          independent: own.filter((rule) => isIndependent[rule.index] === 1),
          stage: lastStage(
            wakeable.filter(({ rule }) => rule.phase === phase),
            origins,
          ),
          quietTx: null,
        };
      }),
      stages: stageNumbers.map((stage) => compileStage(stage, wakeable, shared)),
    },
  };
}

type OriginOf = (variable: VariableName) => Origin | null;

/** Where no live rule changes REQBODY_PROCESSOR from phase 2 on, it stays what phase 1 made it. */
function originsOf(live: readonly Rule[]): OriginOf {
  const isChanged = live.some(
    (rule) =>
      rule.phase > 1 &&
      rule.links.some((link) => link.effects.some(({ kind }) => kind === 'request-body-processor')),
  );
  return (variable) =>
    variable === 'REQBODY_PROCESSOR' && !isChanged ? { kind: 'scalar', stage: 2 } : originOf(variable);
}

/** Links before it match whatever the request holds, and set nothing. */
function wakingLink(profile: Profile, rule: Rule, known: TxKnowledge, canLookBack: boolean): Link | null {
  for (const link of rule.links) {
    if (!canLookBack || link.assignments.length > 0 || rule.links.length === 1) return link;
    const decision = decide(profile, { ...rule, links: [link] }, known);
    if (decision?.matches !== true) return link;
  }
  return null;
}

/** The link looks only at values that are known with the rule's phase and can be judged by themselves. */
function canWake(rule: Rule, link: Link, origins: OriginOf): boolean {
  const { operator } = link;
  if (operator === null || operator.isDynamic) return false;
  return link.targets.every((target) => {
    const origin = origins(target.variable);
    if (origin === null || firstStage(origin) > rule.phase) return false;
    if (target.path !== null && !shownPaths.includes(target.path)) return false;
    if (!target.isCount) return true;
    const isOneChannel = origin.kind === 'collection' && origin.channels.length === 1 && !origin.ofNames;
    return isOneChannel && target.pattern === null && link.exclusions.length === 0;
  });
}

/** Rules of phase 1 look at arguments, too: at those of the query. */
const firstStage = (origin: Origin): Stage =>
  origin.kind === 'scalar' ? origin.stage : channelStages[origin.channels[0]!];

function lastStage(wakeable: readonly Wakeable[], origins: OriginOf): 0 | Stage {
  let last: 0 | Stage = 0;
  for (const { rule, link } of wakeable) {
    for (const target of link.targets) {
      const origin = origins(target.variable)!;
      const stages =
        origin.kind === 'scalar' ? [origin.stage] : origin.channels.map((name) => channelStages[name]);
      for (const stage of stages) if (stage <= rule.phase && stage > last) last = stage;
    }
  }
  return last;
}

interface Shared {
  readonly scanner: Scanner;
  readonly rows: ReadonlyMap<number, number>;
  readonly origins: OriginOf;
}

function scannerOf(wakeable: readonly Wakeable[]): Omit<Shared, 'origins'> {
  const rows = new Map(wakeable.map(({ rule }, row) => [rule.index, row]));
  const operators = wakeable.map(({ link }): Operator | null => (link.isNegated ? null : link.operator));
  return { scanner: new Scanner(operators), rows };
}

type IsMeant = (link: Link) => boolean;

/** A source for the rules that `isMeant` says; null when it says none. */
function sourceFor(
  wakeable: readonly Wakeable[],
  { scanner, rows }: Shared,
  isMeant: IsMeant,
): Source | null {
  const meant: SourceRule[] = [];
  for (const { rule, link } of wakeable) {
    if (isMeant(link)) meant.push({ ruleIndex: rule.index, row: rows.get(rule.index)!, link });
  }
  return meant.length === 0 ? null : new Source(meant, scanner);
}

function compileStage(stage: Stage, wakeable: readonly Wakeable[], shared: Shared): StagePlan {
  const variables = new Set(wakeable.flatMap(({ link }) => link.targets.map(({ variable }) => variable)));
  const scalars: ScalarPlan[] = [];
  for (const variable of variables) {
    const origin = shared.origins(variable)!;
    if (origin.kind !== 'scalar' || origin.stage !== stage) continue;
    const isMeant: IsMeant = (link) => link.targets.some((target) => target.variable === variable);
    scalars.push({ variable, source: sourceFor(wakeable, shared, isMeant)! });
  }
  const channels = (Object.keys(channelStages) as ChannelName[])
    .filter((channel) => channelStages[channel] === stage)
    .map((channel) => ({
      channel,
      values: compileCollection(channel, false, wakeable, shared),
      names: compileCollection(channel, true, wakeable, shared),
      counts: compileCounts(channel, wakeable, shared),
    }))
    .filter(({ values, names, counts }) => !values.isEmpty || !names.isEmpty || counts.length > 0);
  return { scalars, channels };
}

function isOf(target: Target, channel: ChannelName, ofNames: boolean): boolean {
  const origin = originOf(target.variable);
  return origin?.kind === 'collection' && origin.ofNames === ofNames && origin.channels.includes(channel);
}

function compileCollection(
  channel: ChannelName,
  ofNames: boolean,
  wakeable: readonly Wakeable[],
  shared: Shared,
): CollectionPlan {
  const names = new Set<string>();
  for (const { link } of wakeable) {
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
    const source = sourceFor(wakeable, shared, meant(name));
    if (source !== null) byName.set(name, source);
  }
  return new CollectionPlan(sourceFor(wakeable, shared, meant(null)), byName);
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

function compileCounts(channel: ChannelName, wakeable: readonly Wakeable[], shared: Shared): CountPlan[] {
  const names = new Set<string | null>();
  const counting = (target: Target): boolean => target.isCount && isOf(target, channel, false);
  for (const { link } of wakeable) {
    for (const target of link.targets) if (counting(target)) names.add(target.key);
  }
  const plans: CountPlan[] = [];
  for (const name of names) {
    const isMeant: IsMeant = (link) => link.targets.some((target) => counting(target) && target.key === name);
    plans.push(new CountPlan(name, sourceFor(wakeable, shared, isMeant)!));
  }
  return plans;
}
